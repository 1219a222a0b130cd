"""pytest-xdist: every run is trained once, and the controller knows everything."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("xdist")

RUNS = {(task, engine) for task in ("mrpc", "sst2") for engine in ("trainer", "manual")}


@pytest.fixture(scope="module", params=["load", pytest.param("loadscope", marks=pytest.mark.slow)])
def outcome(
    request: pytest.FixtureRequest,
    quick_folder: Callable[[str], Path],
    own_process: Callable[..., subprocess.CompletedProcess[str]],
    read_document: Callable[[str], dict[str, Any]],
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any], Path]:
    """Two tasks, two engines, two workers: the process, its JSON document, and the store."""
    folder = quick_folder("xdist")
    paths = ["test_a.py", "test_b.py"]
    for path in paths:  # scopes of their own: both workers may ask for the same run at the same time
        source = "import pytest\n@pytest.mark.ftcheck(task='mrpc')\ndef test_own(ft_run): pass\n"
        (folder / path).write_text(source, encoding="utf-8")
    done = own_process(
        folder, "--ftcheck-task=mrpc,sst2", "--ftcheck-engine=both", "-n", "2", "-k", "metric_floor or test_own",
        "--ftcheck-json=out.json", "--ftcheck-reuse", "--ftcheck-store=store", "-v", "--dist", request.param,
        "--ftcheck-update-baseline=force", *paths,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done, read_document((folder / "out.json").read_text(encoding="utf-8")), folder / "store"


def test_every_run_is_trained_once(
    outcome: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path],
) -> None:
    _, document, store = outcome
    entries = [json.loads(path.read_text(encoding="utf-8"))["key"] for path in store.glob("*/manifest.json")]
    assert sorted((key["task"], key["engine"]) for key in entries) == sorted(RUNS)
    assert sorted((run["task"], run["engine"]) for run in document["runs"]) == sorted(RUNS)
    assert not any(run["reused"] for run in document["runs"])


def test_the_summary_of_the_controller_is_complete_and_in_order(
    outcome: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path],
) -> None:
    done, document, _ = outcome
    rows = re.findall(r"^ ?(mrpc|sst2) +(trainer|manual) +(\w+) +.* +(?:pass|ungated) +", done.stdout, re.MULTILINE)
    metrics = {
        "mrpc": ("accuracy", "f1", "expected_calibration_error"),
        "sst2": ("accuracy", "expected_calibration_error"),
    }
    assert rows == [
        (task, engine, metric) for task in metrics for engine in ("trainer", "manual") for metric in metrics[task]
    ]
    assert len(document["gates"]) == len(rows)
    assert document["idle_tasks"] == []


def test_progress_is_silent(outcome: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path]) -> None:
    assert "samples/s" not in outcome[0].stdout + outcome[0].stderr


def test_a_task_stays_on_one_worker(outcome: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path]) -> None:
    lines = re.findall(r"^\[(gw\d)\].* PASSED (ftcheck/\w+)::", outcome[0].stdout, re.MULTILINE)
    assert len(set(lines)) == 2


def test_the_controller_accepts_what_the_workers_ran(
    outcome: tuple[subprocess.CompletedProcess[str], dict[str, Any], Path],
) -> None:
    done, document, store = outcome
    baseline = json.loads((store.parent / "ftcheck-baseline" / "baseline.json").read_text(encoding="utf-8"))
    entries = baseline["entries"].values()
    assert sorted((entry["task"], entry["engine"]) for entry in entries) == sorted(RUNS)
    assert sorted(entry["key"] for entry in document["baseline"]["accepted"]) == sorted(baseline["entries"])
    assert done.stdout.count("accepted (new): ") == len(RUNS)
    for entry in entries:
        (run,) = entry["runs"].values()
        assert (store.parent / "ftcheck-baseline" / "predictions" / run["predictions"]).is_file()
