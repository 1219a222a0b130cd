"""The real data sets, and a real checkpoint fine-tuned on them: what the bundled tier stands in for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.tasks.datasets import load_data

pytestmark = pytest.mark.slow

FOLDERS = {
    "mrpc": ("glue/mrpc", 3668, 408),
    "qnli": ("glue/qnli", 8999, 5463),
    "rte": ("glue/rte", 2490, 277),
    "sst2": ("glue/sst2", 67349, 872),
    "cola": ("glue/cola", 8551, 1043),
    "stsb": ("glue/stsb", 5749, 1500),
    "yelp_review_full": ("yelp_review_full", 1000, 1000),
    "wnut_17": ("wnut17", 3394, 1009),
}


@pytest.mark.parametrize("task", FOLDERS)
def test_the_card_reads_the_real_data(real_data: Path, task: str) -> None:
    folder, train, evaluation = FOLDERS[task]
    data = load_data(load_card(task, {}), real_data / folder)
    assert (len(data.train), len(data.evaluation), data.evaluation_split) == (train, evaluation, "validation")
    assert not data.synthetic


# A few rows teach little: a floor would say nothing. docs/real-data.md has more.
@pytest.mark.parametrize(
    ("task", "rows", "shape"),
    [
        pytest.param("mrpc", 300, [150, 2], id="mrpc"),
        pytest.param("qnli", 300, [200, 2], id="qnli"),
        pytest.param("sst2", 400, [200, 2], id="sst2"),
        pytest.param("yelp_review_full", 120, [60, 5], id="yelp"),
    ],
)
def test_minilm_runs_on_the_real_task(  # noqa: PLR0917 - pytest passes fixtures by name
    pytester: pytest.Pytester, real_data: Path, minilm: Path, task: str, rows: int, shape: list[int]
) -> None:
    metric = next(iter(load_card(task, {}).metric.greater_is_better))
    pytester.makefile(
        ".toml",
        ftcheck=f"""
        [tasks.{task}.floors.full.minilm-l6]
        {metric} = {{ max_drop = 0.1 }}
        expected_calibration_error = {{ max = 0.5 }}
        """,
    )
    result = pytester.runpytest_subprocess(
        f"--ftcheck-task={task}",
        f"--ftcheck-data={real_data / FOLDERS[task][0]}",
        f"--ftcheck-model={minilm}",
        f"--ftcheck-engine={'both' if task == 'mrpc' else 'manual'}",
        f"--ftcheck-max-train-rows={rows}",
        f"--ftcheck-max-eval-rows={shape[0]}",
        "--ftcheck-json=report.json",
        "--ftcheck-fast-cpu",  # half the time
        # The checks that make short fine-tunes of their own take minutes with MiniLM: on one task. So few rows need not
        # teach it more than the majority.
        "--ftcheck-checks=data,collator,model,metrics,serving,"
        f"{'training,' * (task == 'mrpc')}-metrics.beats_trivial,-metrics.not_constant",
    )
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
    report = json.loads((pytester.path / "report.json").read_text())
    assert {gate["status"] for gate in report["gates"]} == {"pass", "ungated"}
    assert all(run["logits_shape"] == shape for run in report["runs"])
    assert not any(run["synthetic"] for run in report["runs"])


def test_minilm_finds_entities_of_wnut(pytester: pytest.Pytester, real_data: Path, minilm: Path) -> None:
    pytester.makefile(".toml", ftcheck="[tasks.wnut_17.floors.full.minilm-l6]\noverall_f1 = 0.1\n")
    result = pytester.runpytest_subprocess(
        "--ftcheck-task=wnut_17",
        f"--ftcheck-data={real_data / FOLDERS['wnut_17'][0]}",
        f"--ftcheck-model={minilm}",
        "--ftcheck-tier=full",
        "--ftcheck-max-train-rows=1000",
        "--ftcheck-max-eval-rows=500",
        "--ftcheck-json=report.json",
        "--ftcheck-fast-cpu",
        "--ftcheck-checks=data,collator,model,metrics,serving",
    )
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
    checks = json.loads((pytester.path / "report.json").read_text())["checks"]
    assert {"serving.entities", "metrics.recomputed", "data.tags_aligned"} <= {
        check["check"] for check in checks if check["outcome"] == "passed"
    }


def test_minilm_learns_several_labels_of_real_rows(pytester: pytest.Pytester, real_data: Path, minilm: Path) -> None:
    script = Path(__file__).resolve().parents[1] / "benchmarks" / "bank_topics.py"
    made = pytester.run(sys.executable, script, real_data / "banking77", pytester.path)
    assert made.ret == 0, made.stderr.str()
    result = pytester.runpytest_subprocess(
        "--ftcheck-task=bank_topics",
        f"--ftcheck-model={minilm}",
        "--ftcheck-max-train-rows=600",
        "--ftcheck-max-eval-rows=300",
        "--ftcheck-fast-cpu",
        # 600 rows teach the rarest labels too little to be ranked.
        "--ftcheck-checks=data,collator,model,metrics,serving,-metrics.labels_answered",
    )
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
