"""The pipeline of a test, assembled from its fixtures, so that a user may override any of them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.compat.of_pytest import fixtures_of
from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.plugin.report import case_of

if TYPE_CHECKING:
    import pytest
    from datasets import DatasetDict
    from transformers import PreTrainedModel

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant


def fresh_model(request: pytest.FixtureRequest, session: FtcheckSession, variant: Variant) -> PreTrainedModel:
    """Make an untrained model with a new head, the same one for the same seed.

    The suite's tests share one, where no fixture of a user changes it: they take theirs from the pipeline.
    """
    if case_of(request.node) and not overridden(request, "ft_model"):
        return shared_model(session, variant.task, variant.seed)
    return _seeded_model(session, variant.task, variant.seed)


def shared_model(session: FtcheckSession, task: str, seed: int) -> PreTrainedModel:
    """Return the untrained model that the suite's tests share, the one that was made last; or make it."""
    key = (task, seed)
    if key not in session.models:
        session.models = {key: _seeded_model(session, task, seed)}
    return session.models[key]


def _seeded_model(session: FtcheckSession, task: str, seed: int) -> PreTrainedModel:
    from transformers import set_seed  # noqa: PLC0415 - slow to import

    set_seed(seed)
    return session.pipeline(task).model_init()


def overridden(request: pytest.FixtureRequest, name: str) -> bool:
    """Whether this test sees a user's fixture of that name: it may hand on ours, changed in place."""
    found = fixtures_of(request, name)
    return bool(found) and found[-1].func.__module__ != "pytest_ftcheck.plugin.fixtures"


def tokenized(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, processing_class: Any
) -> DatasetDict:
    """Return both tokenized splits of a pipeline, made anew where a user gave the tokenizer.

    A Trainer's rows stay as it has them: only its own code knows how they were tokenized.
    """
    from datasets import DatasetDict  # noqa: PLC0415 - slow to import

    from pytest_ftcheck.pipeline.from_card import tokenize  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.runs.describe_training import tokenizer_digest  # noqa: PLC0415 - slow to import

    splits = {"train": pipeline.train_dataset, "validation": pipeline.eval_dataset}
    if overridden(request, "ft_tokenizer") and pipeline.trainer is None:
        key = (pipeline.card.name, tokenizer_digest(processing_class))
        max_length = pipeline.card.recipe(pipeline.tier, pipeline.checkpoint.name).get("max_length")
        rows = {"train": pipeline.data.train, "validation": pipeline.data.evaluation}
        if key not in session.tokenized:
            session.tokenized[key] = {
                name: tokenize(pipeline.card, split, processing_class, max_length) for name, split in rows.items()
            }
        splits = session.tokenized[key]
    return DatasetDict(splits)


def collator(request: pytest.FixtureRequest, pipeline: Pipeline, processing_class: Any) -> Any:
    """Return the Trainer's own collator, else one that pads with this tokenizer."""
    from transformers import DataCollatorWithPadding  # noqa: PLC0415 - slow to import

    if pipeline.trainer is not None and not overridden(request, "ft_tokenizer"):
        return pipeline.data_collator
    return DataCollatorWithPadding(processing_class)


def assemble(
    request: pytest.FixtureRequest,
    base: Pipeline,
    *,
    processing_class: Any,
    dataset: DatasetDict,
    data_collator: Any,
    model: PreTrainedModel,
) -> Pipeline:
    """Put the parts that the fixtures gave into the task's pipeline; the task's own parts stay the same objects.

    Raises:
        TaskError: a user's fixture gives the model of a Trainer, which makes its own.

    """
    own_collator = not overridden(request, "ft_collator") and not overridden(request, "ft_tokenizer")
    own_model = not overridden(request, "ft_model")
    if base.trainer is not None and not own_model:
        msg = (
            f"task {base.card.name!r} trains the model of {base.card.trainer}: your fixture ft_model cannot change it. "
            "Change it where the Trainer is made, or remove the fixture."
        )
        raise TaskError(msg)
    return replace(
        base,
        processing_class=processing_class,
        train_dataset=dataset["train"],
        eval_dataset=dataset["validation"],
        data_collator=base.data_collator if own_collator else data_collator,
        model_init=base.model_init if own_model else ModelCopies(model),
    )


class ModelCopies:
    """A ``model_init`` that copies a model which a user's fixture made."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model

    def __call__(self) -> PreTrainedModel:
        """Make a copy with the same weights."""
        return deepcopy(self._model)

    def described(self) -> PreTrainedModel:
        """Return what stands for this in the key of a run."""
        return self._model
