"""The fixtures; each is a docstring, a local import and a call."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import session_of, variant_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch
    from datasets import DatasetDict
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.gates.compared_run import ComparedRun
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant
    from pytest_ftcheck.speed.step import TrainingStep
    from pytest_ftcheck.tasks.card import TaskCard


@pytest.fixture
def ft_session(pytestconfig: pytest.Config) -> FtcheckSession:
    """State of the session: settings, pipelines, runs."""
    return session_of(pytestconfig)


@pytest.fixture
def ft_variant(request: pytest.FixtureRequest, ft_session: FtcheckSession) -> Variant:
    """Task, engine and seed of this test, from its ``ftcheck`` marker, else from the command line."""
    variant = variant_of(request.node, ft_session)
    engine, seed = getattr(request, "param", (variant.engine, variant.seed))
    return replace(variant, engine=engine, seed=seed)


@pytest.fixture
def ft_task(ft_session: FtcheckSession, ft_variant: Variant) -> TaskCard:
    """The task card: columns, label names, metrics, floors."""
    return ft_session.card(ft_variant.task)


@pytest.fixture
def ft_tokenizer(ft_session: FtcheckSession, ft_variant: Variant) -> PreTrainedTokenizerBase | None:
    """The checkpoint's tokenizer; None where a Trainer has none."""
    return ft_session.pipeline(ft_variant.task).processing_class


@pytest.fixture
def ft_dataset(
    request: pytest.FixtureRequest,
    ft_session: FtcheckSession,
    ft_variant: Variant,
    ft_tokenizer: PreTrainedTokenizerBase | None,
) -> DatasetDict:
    """The splits ``train`` and ``validation``, tokenized by ``ft_tokenizer``, ragged, with ``labels``."""
    from pytest_ftcheck.plugin.running_test import overridden  # noqa: PLC0415 - slow to import

    return ft_session.parts.dataset(ft_variant.task, ft_tokenizer, overridden(request))


@pytest.fixture
def ft_collator(
    request: pytest.FixtureRequest,
    ft_session: FtcheckSession,
    ft_variant: Variant,
    ft_tokenizer: PreTrainedTokenizerBase | None,
) -> Any:
    """Return a `DataCollatorWithPadding` over ``ft_tokenizer``, or the Trainer's own collator."""
    from pytest_ftcheck.plugin.running_test import overridden  # noqa: PLC0415 - slow to import

    return ft_session.parts.collator(ft_variant.task, ft_tokenizer, overridden(request))


@pytest.fixture
def ft_model(request: pytest.FixtureRequest, ft_session: FtcheckSession, ft_variant: Variant) -> PreTrainedModel:
    """A fresh copy of the checkpoint with a new head, not trained, on the CPU."""
    from pytest_ftcheck.plugin.running_test import overridden  # noqa: PLC0415 - slow to import

    of_suite = bool(notes_of(request.node).case)
    return ft_session.parts.model(ft_variant, overridden(request), of_suite=of_suite)


@pytest.fixture
def ft_device(ft_session: FtcheckSession) -> torch.device:
    """The device that runs are made on."""
    import torch  # noqa: PLC0415 - slow to import

    from pytest_ftcheck.training.device import resolve_device  # noqa: PLC0415 - slow to import

    return torch.device(resolve_device(ft_session.settings.device, ft_session.settings.require_device))


@pytest.fixture
def ft_pipeline(  # noqa: PLR0917 - pytest passes fixtures by name
    request: pytest.FixtureRequest,
    ft_session: FtcheckSession,
    ft_variant: Variant,
    ft_tokenizer: PreTrainedTokenizerBase | None,
    ft_dataset: DatasetDict,
    ft_collator: Any,
    ft_model: PreTrainedModel,
) -> Pipeline:
    """Every part of the fine-tune, put together from the fixtures above."""
    from pytest_ftcheck.plugin.running_test import overridden  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.sessions.parts import assembled  # noqa: PLC0415 - slow to import

    return assembled(
        ft_session.pipeline(ft_variant.task),
        overridden(request),
        processing_class=ft_tokenizer,
        dataset=ft_dataset,
        data_collator=ft_collator,
        model=ft_model,
    )


@pytest.fixture
def ft_train(request: pytest.FixtureRequest, ft_variant: Variant, ft_pipeline: Pipeline) -> Callable[..., Run]:
    """Return a function that fine-tunes with other hyperparameters: ``ft_train(learning_rate=1e-4, engine="manual")``.

    It takes ``engine``, ``seed`` and any argument of `transformers.TrainingArguments`, and returns a `Run`;
    equal calls train once a session.
    """
    from pytest_ftcheck.plugin.running_test import running_test  # noqa: PLC0415 - slow to import

    return running_test(request.node).trained(ft_pipeline, ft_variant)


@pytest.fixture
def ft_run(request: pytest.FixtureRequest, ft_variant: Variant, ft_train: Callable[..., Run]) -> Run:
    """The run of the task's recipe: metrics, history, logits, weights. Trained once a session."""
    from pytest_ftcheck.plugin.running_test import running_test, skipping  # noqa: PLC0415 - slow to import

    with skipping(), running_test(request.node).failing_once(ft_variant):
        return ft_train()


@pytest.fixture
def ft_gate(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that judges metrics: ``ft_gate(ft_run)``, ``ft_gate({"f1": 0.9}, {"f1": {"min": 0.8}})``.

    It takes a `Run` or metrics by name, and limits by name as a card writes them. Limits of the card and of
    ``ftcheck_floor`` markers apply as well. A limit that does not hold fails the test at once; an inconclusive
    limit is a warning in the summary.
    """
    from pytest_ftcheck.plugin.user_gates import make_gate  # noqa: PLC0415 - slow to import

    return make_gate(request.node)


@pytest.fixture
def ft_baseline(ft_session: FtcheckSession, ft_pipeline: Pipeline, ft_run: Run) -> ComparedRun | None:
    """The accepted run that ``ft_run`` is compared with: metrics and predictions of each row; None if there is none."""
    return ft_session.open_baselines().accepted(ft_pipeline, ft_run)


@pytest.fixture
def ft_step(
    request: pytest.FixtureRequest, ft_variant: Variant, ft_pipeline: Pipeline, ft_device: torch.device
) -> Iterator[TrainingStep]:
    """One training step of the manual engine, to be called by a benchmark: ``benchmark(ft_step)``."""
    from pytest_ftcheck.plugin.bench import steps_of_test  # noqa: PLC0415 - slow to import

    yield from steps_of_test(request, ft_pipeline, ft_variant, ft_device)
