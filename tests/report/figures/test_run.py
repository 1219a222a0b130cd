"""The figures of a whole run, and those that cannot be made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.report.figures.lengths import lengths
from pytest_ftcheck.report.figures.run import curve, figures_of
from pytest_ftcheck.report.plain import plain, record_of
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline


def run_of(pipeline: Pipeline, folder: Path, **changes: Any) -> Run:
    labels = np.array(pipeline.eval_dataset["labels"])
    logits = np.eye(2, dtype=np.float32)[labels]
    logits[5] = 8 * (1 - logits[5])  # one row that is very wrong
    values: dict[str, Any] = {
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "head": pipeline.card.head,
        "checkpoint": "tiny-bert",
        "metrics": {},
        "epochs": (),
        "best_epoch": None,
        "step_losses": (0.7, 0.6, 0.5, 0.4),
        "log_history": (),
        "logits": logits,
        "label_ids": labels,
        "train_rows": 64,
        "timings": {},
        "environment": {},
        "trace": Trace(learning_rates=((1.0, 1.0), (0.5, 0.5), (0.2, 0.1), (0.0, 0.0))),
        "folder": folder,
        "label_names": pipeline.card.label_names,
    }
    return Run(**{**values, **changes})


@pytest.fixture
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline()


def test_a_run_has_its_curves_and_its_worst_row_first(pipeline: Pipeline, tmp_path: Path) -> None:
    found = figures_of(run_of(pipeline, tmp_path), pipeline, with_rows=True)
    assert found.missing == {}
    assert (found.steps, found.losses.values) == (4, [0.7, 0.6, 0.5, 0.4])
    assert len(found.learning_rates) == 2
    worst = found.worst[0]
    assert worst.row == 5
    assert {worst.label, worst.prediction} == set(pipeline.card.label_names)
    assert worst.text == [pipeline.data.evaluation[5][name] for name in pipeline.card.text_columns]
    assert record_of(type(found), plain(found)) == found


def test_texts_are_recorded_only_where_they_were_asked_for(pipeline: Pipeline, tmp_path: Path) -> None:
    found = figures_of(run_of(pipeline, tmp_path), pipeline, with_rows=False)
    assert found.worst == []
    text = pipeline.data.evaluation[5][pipeline.card.text_columns[0]]
    assert text not in repr(found)


def test_a_broken_run_has_a_reason_in_the_place_of_its_figures(pipeline: Pipeline, tmp_path: Path) -> None:
    run = run_of(pipeline, tmp_path, logits=np.zeros((3, 2), np.float32), step_losses=())
    found = figures_of(run, pipeline, with_rows=True)
    assert found.missing.keys() >= {"classes", "calibration", "worst"}
    assert "32 labels, 3 predictions" in found.missing["classes"]
    assert (found.classes, found.losses.steps) == (None, [])
    assert len(found.lengths) == 2


def test_many_steps_become_few_points_with_their_means() -> None:
    found = curve([float(step) for step in range(1000)])
    assert len(found.steps) == len(found.values) == 200
    assert (found.steps[-1], found.values[0]) == (1000, 2.0)


def test_rows_are_counted_without_their_padding(pipeline: Pipeline) -> None:
    train, evaluation = lengths(pipeline)
    tokens = [len(row) for row in pipeline.eval_dataset["input_ids"]]
    assert (evaluation.rows, evaluation.longest, sum(evaluation.counts)) == (32, max(tokens), 32)
    assert (train.split, train.rows, train.limit) == ("train", 64, 64)
    size = evaluation.batch_size
    padded = sum(max(tokens[start : start + size]) * len(tokens[start : start + size]) for start in range(0, 32, size))
    assert evaluation.padding == pytest.approx(1 - sum(tokens) / padded)
    assert train.bounds == evaluation.bounds
