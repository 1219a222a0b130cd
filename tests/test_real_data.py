"""The real data sets, and a real checkpoint fine-tuned on them: what the bundled tier stands in for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.tasks.datasets import load_data

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FOLDERS = {
    "mrpc": ("glue/mrpc", 3668, 408),
    "qnli": ("glue/qnli", 8999, 5463),
    "rte": ("glue/rte", 2490, 277),
    "sst2": ("glue/sst2", 67349, 872),
    "cola": ("glue/cola", 8551, 1043),
    "stsb": ("glue/stsb", 5749, 1500),
    "yelp_review_full": ("yelp_review_full", 1000, 1000),
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
        pytest.param("mrpc", 1000, [408, 2], id="mrpc"),
        pytest.param("qnli", 700, [400, 2], id="qnli"),
        pytest.param("sst2", 400, [400, 2], id="sst2"),
        pytest.param("yelp_review_full", 300, [100, 5], id="yelp"),
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
        # The checks that make short fine-tunes of their own take minutes with MiniLM: on one task. And the few rows of
        # the others need not teach it more than chance does.
        *([] if task == "mrpc" else ["--ftcheck-checks=data,collator,model,metrics,serving,-metrics.beats_trivial"]),
    )
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
    report = json.loads((pytester.path / "report.json").read_text())
    assert {gate["status"] for gate in report["gates"]} == {"pass", "ungated"}
    assert all(run["logits_shape"] == shape for run in report["runs"])
    assert not any(run["synthetic"] for run in report["runs"])


TOPICS = ("card", "cash", "charge", "exchange", "payment", "pending", "top", "transfer", "up", "verify", "withdrawal")
"""Words of the names of banking77's intents that four intents at least share; prepositions and the like left out."""
BANK = f"""
[tasks.bank_topics]
head = "multi-label-classification"
text_columns = ["text"]
label_column = "topics"
label_names = {json.dumps(TOPICS)}
data = "data"

[tasks.bank_topics.metric]
path = "multi_label"
greater_is_better = {{ f1_micro = true, f1_macro = true, average_precision = true, subset_accuracy = true }}

[tasks.bank_topics.recipe]
max_length = 64
learning_rate = 1e-4
num_train_epochs = 4
per_device_train_batch_size = 16
"""


def test_minilm_learns_several_labels_of_real_rows(pytester: pytest.Pytester, real_data: Path, minilm: Path) -> None:
    pytester.makefile(".toml", ftcheck=BANK)
    (pytester.path / "data").mkdir()
    for split in ("train", "validation"):
        lines = (real_data / "banking77" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        made = []
        for row in map(json.loads, lines):
            words = row["category"].lower().replace("?", "").split("_")
            made.append(json.dumps({"text": row["text"], "topics": [name for name in TOPICS if name in words]}))
        (pytester.path / "data" / f"{split}.jsonl").write_text("\n".join(made) + "\n", encoding="utf-8")
    result = pytester.runpytest_subprocess(
        "--ftcheck-task=bank_topics",
        f"--ftcheck-model={minilm}",
        "--ftcheck-max-train-rows=800",
        "--ftcheck-max-eval-rows=400",
        "--ftcheck-fast-cpu",
        # 800 rows teach the rarest labels too little to be ranked.
        "--ftcheck-checks=data,collator,model,metrics,serving,-metrics.labels_answered",
    )
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
