"""Faults of the start of training: weights of classes, tokens that were added, a model that was trained already."""

from __future__ import annotations

from collections import Counter
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

from pytest_ftcheck.columns import joined_ids
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    labels_of,
    tokenized,
    tokenizer_of,
    with_chosen,
    with_column,
    with_model,
    with_rows,
)
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_NEW_TOKENS = 4
_EPOCHS = 10
_BATCH = 32
_RARER = 3


@fault(
    needs=(CLASSES, LABEL_PER_ROW, TEXTS),  # the index of a choice is no class that may be rare
    caught_by=("training.class_weights",),
    seen_in_practice="Class weights are computed in the order in which the classes occur, and used in the order of "
    "class ids.",
)
def class_weights_in_another_order(pipeline: Pipeline) -> Pipeline:
    """Rare classes have low weights and frequent classes high weights: the weights are in reverse order."""
    labels = labels_of(pipeline, "train")
    # The classes of the bundled tasks are about equally frequent: keep every third row of the first class.
    firsts = [row for row, label in enumerate(labels) if label == 0]
    dropped = set(firsts) - set(firsts[::_RARER])
    fewer = with_chosen(pipeline, "train", [row for row in range(len(labels)) if row not in dropped])
    counts = Counter(labels_of(fewer, "train"))
    ascending = sorted(counts, key=lambda label: (counts[label], label))
    meant = sorted(1 / counts[label] for label in counts)
    weights = torch.tensor([meant[ascending.index(label)] for label in sorted(counts)])
    return with_model(fewer, partial(_weigh, weights=weights / weights.mean()))


def _weigh(model: nn.Module, weights: Tensor) -> None:
    model.register_forward_hook(partial(_weighed, weights=weights), with_kwargs=True)


def _weighed(module: nn.Module, args: Any, kwargs: dict[str, Any], output: Any, *, weights: Tensor) -> Any:
    del module, args
    if kwargs.get("labels") is not None:
        output.loss = cross_entropy(output.logits, kwargs["labels"], weight=weights.to(output.logits))
    return output


@fault(
    caught_by=("model.problem_type",),
    seen_in_practice="The checkpoint was fine-tuned before, for regression or several labels a row, and its "
    "configuration has that problem_type.",
)
def problem_type_inherited(pipeline: Pipeline) -> Pipeline:
    """The configuration has another problem_type, and the model computes another loss."""
    other = pipeline.card.head_rules.model.mistaken_problem_type
    return with_model(pipeline, partial(_set_problem_type, problem_type=other))


def _set_problem_type(model: Any, problem_type: str) -> None:
    model.config.problem_type = problem_type


@fault(
    caught_by=("model.new_tokens",),
    seen_in_practice="Product names are added to the vocabulary, and the embeddings are frozen to save memory.",
)
def new_tokens_frozen(pipeline: Pipeline) -> Pipeline:
    """The most frequent words are new tokens, whose embeddings are frozen at their initial values."""
    special = set(tokenizer_of(pipeline).all_special_ids)
    rows = tokenized(pipeline, "train").with_format(None)
    counts = Counter(token for row in rows["input_ids"] for token in joined_ids(row) if token not in special)
    model: Any = pipeline.model_init()
    known = model.get_input_embeddings().num_embeddings
    new = {token: known + place for place, (token, _) in enumerate(counts.most_common(_NEW_TOKENS))}
    ids = [_renamed(row, new) for row in rows["input_ids"]]
    changed = with_rows(pipeline, "train", with_column(tokenized(pipeline, "train"), "input_ids", ids))
    return with_model(changed, partial(_add_frozen, count=known + _NEW_TOKENS))


def _renamed(ids: list[Any], new: Mapping[int, int]) -> list[Any]:
    """Return token ids, of one text or of several, with the new ids."""
    return [_renamed(each, new) if isinstance(each, list) else new.get(each, each) for each in ids]


def _add_frozen(model: Any, count: int) -> None:
    model.resize_token_embeddings(count, mean_resizing=False)
    model.get_input_embeddings().requires_grad_(requires_grad=False)


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("metrics.before_training",),
    seen_in_practice="All folds of a cross-validation train the same model: each fold trains on the rows that the next "
    "fold evaluates.",
)
def trained_on_the_evaluation_before(pipeline: Pipeline) -> Pipeline:
    """The model was already trained on the evaluation rows."""
    return with_model(pipeline, partial(_load, weights=cache(partial(weights_of_a_fold, pipeline))))


def _load(model: nn.Module, weights: Any) -> None:
    model.load_state_dict(weights())


def weights_of_a_fold(pipeline: Pipeline) -> dict[str, Tensor]:
    """Fine-tune on the evaluated rows for a few epochs."""
    model: Any = pipeline.model_init()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rows = tokenized(pipeline, "evaluation").with_format(None)
    kept = [name for name in rows.column_names if name in ("input_ids", "attention_mask", "token_type_ids", "labels")]
    features = list(rows.select_columns(kept))
    model.train()
    for _ in range(_EPOCHS):
        for start in range(0, len(features), _BATCH):
            optimizer.zero_grad()
            model(**pipeline.data_collator(features[start : start + _BATCH])).loss.backward()
            optimizer.step()
    return dict(model.state_dict())
