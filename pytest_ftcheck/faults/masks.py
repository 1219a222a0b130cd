"""Faults of masked language modelling: tokens that are drawn, shown or labelled wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.columns import LABEL_NAMES
from pytest_ftcheck.faults.collators import require_ragged, with_batches, with_features
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import tokenizer_of, with_args, with_model
from pytest_ftcheck.heads.traits import IGNORED, MASKED_TOKENS
from pytest_ftcheck.pipeline.forward import token_embeddings

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pytest_ftcheck.pipeline.parts import Pipeline

_NEEDS = (MASKED_TOKENS,)
_KEPT = 0.1
"""Fraction of the masks that are left."""


@dataclass(frozen=True)
class _Ids:
    """Ids that a fault needs, and what it does to batches; a class, so that the key of a run can describe it."""

    change: Callable[[dict[str, Any], _Ids], dict[str, Any]]
    mask: int
    unknown: int
    pad: int
    special: tuple[int, ...]

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return self.change(batch, self)


def _planted(pipeline: Pipeline, change: Callable[[dict[str, Any], _Ids], dict[str, Any]]) -> Pipeline:
    """Return the pipeline with changed batches; batches without labels of their tokens stay unchanged."""
    tokenizer = tokenizer_of(pipeline)
    mask, unknown, pad = tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id
    if None in {mask, unknown, pad}:
        msg = "the tokenizer lacks a mask token, an unknown token or a pad token"
        raise NotApplicable(msg)
    special = tuple(sorted(set(tokenizer.all_special_ids) - {unknown, pad, mask}))
    return with_batches(pipeline, _Ids(change, mask, unknown, pad, special))


def _before(batch: dict[str, Any]) -> Tensor:
    """Return the tokens before they were masked, ``[B, T]``."""
    before: Tensor = torch.where(batch["labels"] == IGNORED, batch["input_ids"], batch["labels"])
    return before


def _rarely(batch: dict[str, Any], ids: _Ids) -> dict[str, Any]:
    del ids
    # The seed depends on the tokens, so that evaluation rows have the same masks each time.
    left = (_before(batch) + torch.arange(batch["labels"].shape[1])) % round(1 / _KEPT) == 0
    ids_of = torch.where(left, batch["input_ids"], _before(batch))
    return {**batch, "input_ids": ids_of, "labels": torch.where(left, batch["labels"], IGNORED)}


@fault(
    needs=_NEEDS,
    caught_by=("collator.mask_rate",),
    seen_in_practice="mlm_probability=0.015, or masks that are drawn again among the tokens that were drawn first: the "
    "loss falls far too slowly.",
)
def masked_too_rarely(pipeline: Pipeline) -> Pipeline:
    """One token in a hundred is masked instead of one in seven."""
    return _planted(pipeline, _rarely)


def _special(batch: dict[str, Any], ids: _Ids) -> dict[str, Any]:
    before = _before(batch)
    drawn = torch.isin(before, torch.tensor(ids.special))
    shown = torch.where(drawn, ids.mask, batch["input_ids"])
    return {**batch, "input_ids": shown, "labels": torch.where(drawn, before, batch["labels"])}


@fault(
    needs=_NEEDS,
    caught_by=("collator.masked_special",),
    seen_in_practice="A custom collator draws from all tokens: [CLS] and [SEP] are masked, and the model predicts them "
    "from their positions, which makes the loss look low.",
)
def special_tokens_masked(pipeline: Pipeline) -> Pipeline:
    """[CLS] and [SEP] are masked as well."""
    return _planted(pipeline, _special)


def _all(batch: dict[str, Any], ids: _Ids) -> dict[str, Any]:
    before = _before(batch)
    return {**batch, "labels": torch.where(before == ids.pad, IGNORED, before)}


@fault(
    needs=_NEEDS,
    caught_by=("collator.unmasked_ignored",),
    seen_in_practice="labels = input_ids.clone() without labels[~masked] = -100: the model mostly learns to copy, and "
    "its "
    "loss is a tenth of the right one.",
)
def all_tokens_scored(pipeline: Pipeline) -> Pipeline:
    """Every token has a label, masked or not."""
    return _planted(pipeline, _all)


def _always(batch: dict[str, Any], ids: _Ids) -> dict[str, Any]:
    return {**batch, "input_ids": torch.where(batch["labels"] == IGNORED, batch["input_ids"], ids.mask)}


@fault(
    needs=_NEEDS,
    caught_by=("collator.mask_shares",),
    seen_in_practice="A subclass of DataCollatorForLanguageModeling overrides torch_mask_tokens without the random and "
    "the unchanged tokens: the model never sees a word at a position that has a label.",
)
def always_the_mask_token(pipeline: Pipeline) -> Pipeline:
    """All drawn tokens become the mask token, although the collator is configured for four in five."""
    return _planted(pipeline, _always)


def _shifted(batch: dict[str, Any], ids: _Ids) -> dict[str, Any]:
    del ids
    return {**batch, "labels": batch["labels"].roll(1, dims=1)}


@fault(
    needs=_NEEDS,
    caught_by=("collator.masked_labels",),
    seen_in_practice="Code for causal language models, which shifts labels by one position, is reused.",
)
def mask_labels_shifted(pipeline: Pipeline) -> Pipeline:
    """Each label is one position after its token."""
    return _planted(pipeline, _shifted)


def _unknown(batch: dict[str, Any], ids: _Ids) -> dict[str, Any]:
    return {**batch, "input_ids": torch.where(batch["input_ids"] == ids.mask, ids.unknown, batch["input_ids"])}


@fault(
    needs=_NEEDS,
    caught_by=("collator.mask_token",),
    seen_in_practice="The id of the mask token is a constant, such as BERT's 103, or the id of '<mask>' in a "
    "vocabulary that has '[MASK]': the tokenizer returns the unknown token.",
)
def mask_token_of_another(pipeline: Pipeline) -> Pipeline:
    """Tokens are masked with the unknown token."""
    return _planted(pipeline, _unknown)


def _padding(batch: dict[str, Any], ids: _Ids) -> dict[str, Any]:
    padded = (batch["attention_mask"] == 0) if "attention_mask" in batch else (_before(batch) == ids.pad)
    return {**batch, "labels": torch.where(padded, ids.pad, batch["labels"])}


@fault(
    needs=_NEEDS,
    caught_by=("collator.masked_padding",),
    seen_in_practice="Labels are padded with the pad token's id instead of -100: padding is scored, and the model "
    "always predicts it correctly.",
)
def padding_scored(pipeline: Pipeline) -> Pipeline:
    """Padding has the pad token as its label."""
    require_ragged(pipeline)
    return _planted(pipeline, _padding)


def _without_labels(features: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in LABEL_NAMES} for row in features]


@fault(
    needs=_NEEDS,
    caught_by=("metrics.evaluation_masks",),
    seen_in_practice="The train collator, which draws new masks in each epoch, also makes the evaluation batches: the "
    "losses of two epochs are means over different tokens.",
)
def evaluation_masks_drawn_anew(pipeline: Pipeline) -> Pipeline:
    """The evaluation rows have new masks in each evaluation."""
    if not any(name in pipeline.eval_dataset.column_names for name in LABEL_NAMES):
        msg = "the task draws new masks in each evaluation by design"
        raise NotApplicable(msg)
    return with_features(pipeline, _without_labels)


def _untied(model: Any) -> None:
    last = model.get_output_embeddings()
    last.weight = torch.nn.Parameter(last.weight.detach().clone())


@fault(
    needs=_NEEDS,
    caught_by=("model.tied_embeddings",),
    seen_in_practice="The last layer is replaced by a new nn.Linear, for more tokens, with copied weights: training "
    "changes it independently of the embeddings, and from_pretrained ties the two again.",
)
def last_layer_untied(pipeline: Pipeline) -> Pipeline:
    """The last layer is a copy of the embeddings, although the configuration ties the two."""
    model: Any = pipeline.model_init()
    embeddings, last = token_embeddings(model), getattr(model, "get_output_embeddings", lambda: None)()
    if embeddings is None or last is None or last.weight is not embeddings.weight:
        msg = "the model does not tie its last layer to its embeddings"
        raise NotApplicable(msg)
    return with_model(pipeline, _untied)


@fault(
    needs=_NEEDS,
    caught_by=("metrics.beats_unigram",),
    seen_in_practice="A custom schedule divides the learning rate, 5e-5, by the number of steps once more, and the "
    "last layer starts at random values.",
    whole_run=True,
)
def masked_words_never_learned(pipeline: Pipeline) -> Pipeline:
    """The learning rate is so small that nothing is learned."""
    return with_args(pipeline, learning_rate=1e-9)
