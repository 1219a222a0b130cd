"""Documents in experiment trackers: what each run gets, and that Trackio and MLflow hold it, in local files."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.report.__main__ import main
from pytest_ftcheck.report.figures.records import CurveRecord, RunFigures
from pytest_ftcheck.report.json import write_json
from pytest_ftcheck.report.trackers import tracked_runs
from tests.report.made_up import check, document, gate, red_document, run

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.report.document import Document

LOSSES = CurveRecord(steps=[10, 63], values=[0.7, 0.6])


def with_curve(made: Document) -> Document:
    figures = RunFigures(
        task="mrpc", engine="trainer", seed=0, folder="/runs/abc", losses=LOSSES, learning_rates=[], steps=63
    )
    return replace(made, figures=[figures, replace(figures, folder="/runs/other")])


def test_a_run_has_its_metrics_limits_slices_and_curves() -> None:
    passing = gate(value=0.8125)
    part = gate(slice="class=equivalent", value=0.9, interval=None)
    other = gate(engine="manual", value=0.8125, floor=0.1)
    (found,) = tracked_runs(with_curve(red_document(gates=[passing, part, other])))
    assert (found.name, found.failed) == ("mrpc-trainer-0", True)
    assert found.metrics == {
        "accuracy": 0.8125,
        "limits/accuracy": 0.8906,
        "low/accuracy": 0.8639,
        "high/accuracy": 0.9235,
        "slices/class=equivalent/accuracy": 0.9,
        "limits/slices/class=equivalent/accuracy": 0.8906,
        "seconds/train": 4.3,
        "checks_failed": 3.0,
    }
    assert found.steps == [
        (10, {"train/loss": 0.7}),
        (63, {"train/loss": 0.6}),
        (63, {"epochs/epoch": 1.0, "epochs/loss": 0.61}),
    ]
    assert found.parameters["recipe/learning_rate"] == "0.001"
    assert found.parameters["version/torch"] == "2.13.0"
    assert found.parameters["command"] == "pytest --ftcheck-task=mrpc"


def test_gates_of_another_recipe_stay_with_their_run() -> None:
    """A project may train the task again with other hyperparameters: task, engine and seed are the same."""
    again = replace(run(), metrics={"accuracy": 0.5}, folder="/runs/again")
    first, second = tracked_runs(document(gates=[gate(value=0.8125)], runs=[run(), again]))
    assert "limits/accuracy" in first.metrics
    assert second.metrics["accuracy"] == 0.5
    assert "limits/accuracy" not in second.metrics


def test_a_task_without_a_run_is_tracked_too() -> None:
    (found,) = tracked_runs(document(runs=[], gates=[], checks=[check("collator.mask", "failed")], exit_status=1))
    assert (found.name, found.failed, found.metrics, found.steps) == ("mrpc", True, {"checks_failed": 1.0}, [])


@pytest.fixture
def file(tmp_path: Path) -> str:
    write_json(
        tmp_path / "run.json", with_curve(red_document(gates=[gate(value=0.8125), gate(slice="a>b", value=0.5)]))
    )
    return str(tmp_path / "run.json")


def test_mlflow_holds_the_runs(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")

    # Without SQLAlchemy, the slim package has the file store alone.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    assert main(["track", file, "--mlflow=paraphrases"]) == 0
    assert main(["track", file, "--mlflow=paraphrases"]) == 0
    assert capsys.readouterr().out == "mlflow: mrpc-trainer-0 in experiment paraphrases\n" * 2
    client = mlflow.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name("paraphrases").experiment_id])
    assert [made.info.status for made in runs] == ["FAILED", "FAILED"]
    made = runs[0]
    assert made.data.metrics["accuracy"] == 0.8125
    assert made.data.metrics["slices/a_b/accuracy"] == 0.5
    assert made.data.params["recipe/learning_rate"] == "0.001"
    history = client.get_metric_history(made.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(10, 0.7), (63, 0.6)]
    assert {artifact.path for artifact in client.list_artifacts(made.info.run_id)} == {"ftcheck.json", "ftcheck.md"}


def test_trackio_holds_the_runs(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    trackio = pytest.importorskip("trackio", reason="Trackio is not installed")
    assert main(["track", file, "--trackio=paraphrases"]) == 0
    assert capsys.readouterr().out.endswith("trackio: mrpc-trainer-0 in project paraphrases\n")
    (made,) = trackio.Api().runs("paraphrases")
    assert made.name == "mrpc-trainer-0"


@pytest.mark.parametrize("tracker", ["trackio", "mlflow"])
def test_a_missing_package_is_named(
    tracker: str, file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, tracker, missing)
    assert main(["track", file, f"--{tracker}=p"]) == 2
    assert f"pip install 'pytest-ftcheck[{tracker}]'" in capsys.readouterr().err


def test_no_tracker_is_refused(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", file]) == 2
    assert "no tracker is given. Give --trackio=PROJECT, --mlflow=EXPERIMENT, or both." in capsys.readouterr().err
