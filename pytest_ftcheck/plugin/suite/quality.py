"""How good the model is, and that its outputs are whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import CheckFailure

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


def test_metric_floor(ft_run: Run, ft_pipeline: Pipeline, ft_metric: str, request: pytest.FixtureRequest) -> None:
    """The metric reaches its floor."""
    from pytest_ftcheck.gates.floors import floor_findings, gate  # noqa: PLC0415 - the suite is collected without torch
    from pytest_ftcheck.plugin.report import note_gate  # noqa: PLC0415

    floors = ft_pipeline.card.floors(ft_pipeline.tier, ft_pipeline.checkpoint.name)
    verdict = gate(ft_run, ft_metric, floors)
    note_gate(request.node, verdict, reused=ft_run.reused)
    if verdict.status == "no floor":
        where = f"[tool.ftcheck.tasks.{ft_run.task}.floors.{ft_pipeline.tier}.{ft_pipeline.checkpoint.name!r}]"
        pytest.skip(f"{ft_metric} = {verdict.value:.4f}: no floor for {ft_pipeline.subject}; add it under {where}")
    if findings := floor_findings(verdict, ft_pipeline.subject):
        raise CheckFailure(findings)


@pytest.mark.parametrize("ft_check", ["logits_shape", "label_ids", "finite", "predictions"])
def test_outputs(ft_run: Run, ft_pipeline: Pipeline, ft_check: str) -> None:
    """Logits ``[N, K]``, label ids ``[N]``, finite, predictions in range, rows as in the data."""
    from pytest_ftcheck.checks import model  # noqa: PLC0415 - the suite is collected without torch

    labels = list(ft_pipeline.eval_dataset["labels"])
    card, subject = ft_pipeline.card, ft_pipeline.subject
    findings = {
        "logits_shape": lambda: model.logits_shape(ft_run, len(labels), card.num_labels, subject),
        "label_ids": lambda: model.label_ids(ft_run, labels, subject),
        "finite": lambda: model.finite_logits(ft_run, subject),
        "predictions": lambda: model.predictions_in_range(ft_run, card.num_labels, (min(labels), max(labels)), subject),
    }[ft_check]()
    if findings:
        raise CheckFailure(findings)


def test_saved_model(ft_run: Run, ft_pipeline: Pipeline) -> None:
    """The saved folder gives the same logits after it is loaded again."""
    from pytest_ftcheck.checks.serving import reloaded_logits  # noqa: PLC0415 - the suite is collected without torch

    if findings := reloaded_logits(ft_run, ft_pipeline):
        raise CheckFailure(findings)
