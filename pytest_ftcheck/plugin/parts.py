"""The pipeline of a test, assembled from its fixtures, so that a user may override any of them."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    from datasets import DatasetDict
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.checks.batches import CollatorSubject
    from pytest_ftcheck.pipeline.parts import Pipeline


def fresh_model(pipeline: Pipeline, seed: int) -> PreTrainedModel:
    """Make an untrained model with a new head, the same one for the same seed."""
    from transformers import set_seed  # noqa: PLC0415 - heavy

    set_seed(seed)
    return pipeline.model_init()


def overridden(request: pytest.FixtureRequest, name: str) -> bool:
    """Whether this test sees a user's fixture of that name: it may hand on ours, changed in place."""
    fixture = request._get_active_fixturedef(name)  # noqa: SLF001 - pytest has no public question for it
    return fixture.func.__module__ != "pytest_ftcheck.plugin.fixtures"


def tokenized(
    request: pytest.FixtureRequest, pipeline: Pipeline, processing_class: PreTrainedTokenizerBase
) -> DatasetDict:
    """Return both tokenized splits of a pipeline, made anew where a user gave the tokenizer."""
    from datasets import DatasetDict  # noqa: PLC0415 - heavy

    from pytest_ftcheck.pipeline.from_card import tokenize  # noqa: PLC0415 - heavy

    splits = {"train": pipeline.train_dataset, "validation": pipeline.eval_dataset}
    if overridden(request, "ft_tokenizer"):
        max_length = pipeline.card.recipe(pipeline.tier, pipeline.checkpoint.name).get("max_length")
        rows = {"train": pipeline.data.train, "validation": pipeline.data.evaluation}
        splits = {name: tokenize(pipeline.card, split, processing_class, max_length) for name, split in rows.items()}
    return DatasetDict(splits)


def assemble(
    request: pytest.FixtureRequest,
    base: Pipeline,
    *,
    processing_class: PreTrainedTokenizerBase,
    dataset: DatasetDict,
    data_collator: Any,
    model: PreTrainedModel,
) -> Pipeline:
    """Put the parts that the fixtures gave into the task's pipeline; the task's own parts stay the same objects."""
    return replace(
        base,
        processing_class=processing_class,
        train_dataset=dataset["train"],
        eval_dataset=dataset["validation"],
        data_collator=data_collator if overridden(request, "ft_collator") else base.data_collator,
        model_init=ModelCopies(model) if overridden(request, "ft_model") else base.model_init,
    )


class ModelCopies:
    """A ``model_init`` that copies a model which a user's fixture made."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model

    def __call__(self) -> PreTrainedModel:
        """Make a copy with the same weights."""
        return deepcopy(self._model)

    def fingerprint(self) -> str:
        """Digest of weights, configuration and modules (with their dropout), and of what is frozen."""
        digest = hashlib.sha256(f"{self._model.config.to_json_string()}{self._model}".encode())
        digest.update(str([name for name, weight in self._model.named_parameters() if weight.requires_grad]).encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(dtype=_bytes()).numpy().tobytes())
        return digest.hexdigest()


def _bytes() -> Any:
    import torch  # noqa: PLC0415 - heavy

    return torch.uint8


def collator_subject(pipeline: Pipeline) -> CollatorSubject:
    """Describe a pipeline's collator for the checks of the ``collator`` family."""
    from pytest_ftcheck.checks.batches import COLUMNS, CollatorSubject  # noqa: PLC0415 - heavy

    rows = pipeline.eval_dataset
    return CollatorSubject(
        data_collator=pipeline.data_collator,
        processing_class=pipeline.processing_class,
        head=pipeline.card.head,
        num_labels=pipeline.card.num_labels,
        input_names=tuple(name for name in rows.column_names if name in COLUMNS),
        vocab_size=len(pipeline.processing_class),
        max_length=max(len(ids) for ids in rows["input_ids"]),
    )
