"""The check of both engines: green where they agree, red with the step where they part."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pytest_ftcheck.checks.training import PARITY_STEPS, WithoutDropout, engine_parity, parity_pipeline
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace
from pytest_ftcheck.training.engine import train_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

CPU = describe_environment("cpu", "float32", threads=1)
SUBJECT = "mrpc with tiny-bert on bundled"


def run_with(losses: tuple[float, ...] = (0.75, 0.5), logit: float = 1.0, **changes: Any) -> Run:
    run = Run(
        task="mrpc",
        engine="trainer",
        seed=0,
        head="sequence-classification",
        checkpoint="tiny-bert",
        metrics={},
        epochs=(),
        best_epoch=None,
        step_losses=losses,
        log_history=(),
        logits=np.array([[0.0, logit]], np.float32),
        label_ids=np.array([1]),
        train_rows=8,
        timings={},
        environment={"device": "cpu"},
        trace=Trace(),
        folder=Path(),
    )
    return replace(run, **changes)


def parity(second: Run, first: Run | None = None) -> list[tuple[str, str]]:
    findings = engine_parity(first or run_with(), replace(second, engine="manual"), SUBJECT)
    assert all((finding.check, finding.subject) == ("training.engine_parity", SUBJECT) for finding in findings)
    assert all("another learning rate" in finding.hint for finding in findings)
    return [(finding.expected, finding.observed) for finding in findings]


@pytest.mark.parametrize("second", [run_with(), run_with((0.75, 0.500009)), run_with(logit=1.00009)])
def test_runs_within_the_tolerance_agree(second: Run) -> None:
    assert parity(second) == []


@pytest.mark.parametrize(
    ("losses", "observed"),
    [
        ((0.75, 0.50002), "first apart at optimizer step 2: 0.5000000 and 0.5000200"),
        ((0.7, 0.4), "first apart at optimizer step 1: 0.7500000 and 0.7000000"),
        ((0.75, math.nan), "first apart at optimizer step 2: 0.5000000 and nan"),
    ],
)
def test_first_step_with_another_loss_is_named(losses: tuple[float, ...], observed: str) -> None:
    expected = "losses of trainer and manual within 1e-05 at each of 2 steps"
    assert parity(run_with(losses)) == [(expected, observed)]


def test_nan_in_both_runs_is_no_agreement() -> None:
    nan = run_with((0.75, math.nan), logit=math.nan)
    assert len(parity(nan, nan)) == 2


@pytest.mark.parametrize(
    ("losses", "observed"), [((0.75,), "2 and 1 optimizer steps"), ((), "2 and 0 optimizer steps")]
)
def test_another_number_of_steps_is_found(losses: tuple[float, ...], observed: str) -> None:
    assert parity(run_with(losses)) == [("trainer and manual take equally many steps, at least one", observed)]


def test_runs_without_a_step_are_no_agreement() -> None:
    assert parity(run_with(()), run_with(()))[0][1] == "0 and 0 optimizer steps"


@pytest.mark.parametrize(("logit", "observed"), [(1.01, "1.00e-02 apart"), (math.nan, "nan apart")])
def test_other_logits_are_found(logit: float, observed: str) -> None:
    assert parity(run_with(logit=logit)) == [("final logits of trainer and manual within 0.0001", observed)]


def test_gpu_has_a_wider_tolerance() -> None:
    gpu = run_with(environment={"device": "cuda"})
    assert parity(run_with((0.75, 0.5009), logit=1.009), gpu) == []
    assert len(parity(run_with((0.75, 0.502), logit=1.02), gpu)) == 2


# -- on real runs -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=16, eval_rows=70, per_device_train_batch_size=8, warmup_steps=2)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Pipeline, str], Run]:
    def run(pipeline: Pipeline, engine: str) -> Run:
        return train_run(pipeline, engine=engine, seed=0, environment=CPU, folder=tmp_path_factory.mktemp("run"))

    return run


@pytest.mark.parametrize("model", ["tiny-bert", "tiny-distilbert"])
def test_models_without_dropout_give_the_same_logits_twice(make_pipeline: Callable[..., Pipeline], model: str) -> None:
    pipeline = make_pipeline("mrpc", model=model, train_rows=4, eval_rows=4)
    batch = dict(pipeline.data_collator(pipeline.eval_dataset.to_list()))

    def twice(init: Callable[[], Any]) -> tuple[Any, Any]:
        model = init().train()
        return model(**batch).logits, model(**batch).logits

    assert torch.equal(*twice(WithoutDropout(pipeline.model_init)))
    assert not torch.equal(*twice(pipeline.model_init))


def test_parity_pipeline_is_short_and_leaves_the_rest_alone(pipeline: Pipeline) -> None:
    short = parity_pipeline(pipeline)
    assert short.args["max_steps"] == PARITY_STEPS
    assert len(short.eval_dataset) == 64
    assert short.train_dataset is pipeline.train_dataset
    assert short.args["learning_rate"] == pipeline.args["learning_rate"]
    assert "max_steps" not in pipeline.args


def test_few_rows_stay_as_they_are(make_pipeline: Callable[..., Pipeline]) -> None:
    few = make_pipeline("mrpc", train_rows=4, eval_rows=5)
    assert parity_pipeline(few).eval_dataset["labels"][:] == few.eval_dataset["labels"][:]


def test_engines_agree_on_the_short_pipeline_and_not_on_another_recipe(
    pipeline: Pipeline, train: Callable[[Pipeline, str], Run]
) -> None:
    short = parity_pipeline(pipeline)
    first, second = train(short, "trainer"), train(short, "manual")
    assert len(first.step_losses) == PARITY_STEPS
    assert engine_parity(first, second, SUBJECT) == []
    faster = train(replace(short, args={**short.args, "learning_rate": 1.05e-3}), "manual")
    losses, logits = engine_parity(first, faster, SUBJECT)
    # The first step of the warm-up has learning rate 0, so that the second sees the same weights.
    assert losses.observed.startswith("first apart at optimizer step 3: ")
    assert logits.observed.endswith(" apart")


def test_dropout_would_be_found(pipeline: Pipeline, train: Callable[[Pipeline, str], Run]) -> None:
    short = parity_pipeline(pipeline)
    with_dropout = train(replace(short, model_init=pipeline.model_init), "manual")
    assert engine_parity(train(short, "trainer"), with_dropout, SUBJECT)
