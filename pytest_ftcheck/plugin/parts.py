"""The parts of a test, from its fixtures; a user may override any fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.compat.of_pytest import fixtures_of
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.sessions.parts import assembled

if TYPE_CHECKING:
    import pytest
    from datasets import DatasetDict
    from transformers import PreTrainedModel

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant


def overridden(request: pytest.FixtureRequest, name: str) -> bool:
    """Whether this test sees a user's fixture of that name; that fixture may return ours, changed in place."""
    found = fixtures_of(request, name)
    return bool(found) and found[-1].func.__module__ != "pytest_ftcheck.plugin.fixtures"


def fresh_model(request: pytest.FixtureRequest, session: FtcheckSession, variant: Variant) -> PreTrainedModel:
    """Make an untrained model with a new head, the same one for the same seed.

    The suite's tests share one model where no fixture of a user changes it; they take their own from the pipeline.
    """
    shared = notes_of(request.node).case and not overridden(request, "ft_model")
    make = session.parts.shared_model if shared else session.parts.new_model
    return make(variant.task, variant.seed)


def tokenized(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, processing_class: Any
) -> DatasetDict:
    """Return both tokenized splits of a pipeline; tokenize again where a user gave the tokenizer."""
    if overridden(request, "ft_tokenizer"):
        return session.parts.tokenized(pipeline, processing_class)
    return session.parts.splits(pipeline)


def collator(request: pytest.FixtureRequest, pipeline: Pipeline, processing_class: Any) -> Any:
    """Return the Trainer's own collator, else a collator that pads with this tokenizer."""
    from transformers import DataCollatorWithPadding  # noqa: PLC0415 - slow to import

    if not pipeline.source.rows.tokenized_here and not overridden(request, "ft_tokenizer"):
        return pipeline.data_collator
    return DataCollatorWithPadding(processing_class)


def assemble(request: pytest.FixtureRequest, base: Pipeline, **parts: Any) -> Pipeline:
    """Put the parts from the fixtures into the task's pipeline; see `assembled`."""
    names = ("ft_tokenizer", "ft_collator", "ft_model")
    return assembled(base, [name for name in names if overridden(request, name)], **parts)
