"""The one check behind metrics.floor: in the suite for a metric, where a fault is proved for all that a card gates."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, run_check
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.pipeline_slices import pipeline_masks
from pytest_ftcheck.judging.gating import CardGates, gates_for_proofs
from pytest_ftcheck.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

ROWS = 200
SETTINGS = Settings()


@pytest.fixture(scope="module")
def mrpc(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=64, eval_rows=ROWS)


def evidence(pipeline: Pipeline, right: int, *slices: str, **floors: Any) -> Any:
    """Return what a check sees of a run that is right in the first rows, with limits in its card."""
    pipeline = replace(pipeline, card=replace(pipeline.card, floor_tables=floors, slices=slices))
    label_ids = np.asarray(pipeline.eval_dataset["labels"])
    predictions = np.where(np.arange(ROWS) < right, label_ids, 1 - label_ids)
    run = SimpleNamespace(
        logits=np.eye(2, dtype=np.float32)[predictions] * 2,
        label_ids=label_ids,
        head=pipeline.card.head,
        label_names=pipeline.card.label_names,
        metrics={"accuracy": right / ROWS, "f1": right / ROWS},
        task="mrpc",
        engine="trainer",
        seed=0,
        timings={},
        reused=False,
    )
    return SimpleNamespace(pipeline=pipeline, run=run, precision="float32")


def red(seen: Any, gates: CardGates | None = None) -> list[str]:
    """Return what is red of all metrics together."""
    gates = gates or CardGates(SETTINGS, lambda pipeline: pipeline_masks(pipeline, SETTINGS.rootdir))
    return [found.subject.partition(" of ")[0] for found in run_check(gates.check(), seen)]


def test_every_metric_with_a_limit_is_judged(mrpc: Pipeline) -> None:
    assert red(evidence(mrpc, 190, accuracy=0.8, f1=0.8)) == []
    assert red(evidence(mrpc, 100, accuracy=0.8, f1=0.8)) == ["accuracy", "f1"]
    assert red(evidence(mrpc, 100, f1=0.8)) == ["f1"]


def test_slices_are_judged_as_in_the_suite(mrpc: Pipeline) -> None:
    limits = {"slices": {"class=equivalent": 0.99}}
    assert red(evidence(mrpc, 150, "class", accuracy=limits)) == ["accuracy"]


def test_without_limits_nothing_is_said(mrpc: Pipeline) -> None:
    with pytest.raises(NotApplicable, match=r"no floor for mrpc.*; .*no floor for mrpc"):
        red(evidence(mrpc, 190))


def test_what_is_inconclusive_is_red_where_the_session_is_strict(mrpc: Pipeline) -> None:
    seen = evidence(mrpc, 170, accuracy=0.85)
    assert red(seen) == []
    assert red(seen, CardGates(replace(SETTINGS, strict=True), lambda _: {})) == ["accuracy"]


def test_a_run_that_cannot_be_compared_is_told_once(mrpc: Pipeline) -> None:
    def accepted(*_: Any, **__: Any) -> None:
        raise CheckFailure([Finding("metrics.baseline", "other rows of mrpc", "the same", "others", "look at them")])

    gates = CardGates(SETTINGS, lambda _: {}, accepted=accepted)
    assert red(evidence(mrpc, 190, accuracy=0.8, f1=0.8), gates) == ["other rows"]


def test_a_proof_judges_its_seed_alone_and_accepts_nothing(mrpc: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Settings] = []

    def baselines(settings: Settings) -> Any:
        asked.append(settings)
        return SimpleNamespace(accepted=lambda *_, **__: None)

    monkeypatch.setattr("pytest_ftcheck.judging.gating.Baselines", baselines)
    monkeypatch.setattr("pytest_ftcheck.judging.gating.false_alarms", lambda _: 0.01)
    session: Any = SimpleNamespace(settings=replace(SETTINGS, seeds=(0, 1, 2), update_baseline="all"))
    assert red(evidence(mrpc, 100, accuracy=0.8), gates_for_proofs(session, seed=2)) == ["accuracy"]
    assert [(settings.seeds, settings.update_baseline) for settings in asked] == [((2,), None)]
