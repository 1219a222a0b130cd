"""``--ftcheck-trainer``: a session over a user's own Trainer, named on the command line or in a card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("few_checks")

TRAIN = f"""
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments,
)

CHECKPOINT = {str(bundled_checkpoint("tiny-bert"))!r}
TEXTS = ["the food was great", "the food was awful", "we loved the music", "we hated the room"]


def accuracy(evaluated):
    return {{"accuracy": (evaluated.predictions.argmax(-1) == evaluated.label_ids).mean()}}


def build(seed=0, output_dir="out", max_steps=-1):
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    rows = Dataset.from_dict({{"text": TEXTS * 8, "label": [1, 0] * 16}})
    rows = rows.map(lambda row: tokenizer(row["text"], truncation=True))
    with open("calls.txt", "a") as file:
        file.write("x")
    return Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(CHECKPOINT, num_labels=2),
        args=TrainingArguments(output_dir, seed=seed, max_steps=max_steps, num_train_epochs=1, report_to="none"),
        train_dataset=rows, eval_dataset=rows.select(range(16)), processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer), compute_metrics=accuracy,
    )
"""
TRAINER = "--ftcheck-trainer=train.py:build"


@pytest.fixture(autouse=True)
def users_project(project: pytest.Pytester) -> pytest.Pytester:
    """A training script, and a card that names its Trainer and little else."""
    project.makefile(".py", train=TRAIN)
    floors = "floors = { expected_calibration_error = { max = 0.99 } }"
    table = f'description = "Good or bad?"\ntrainer = "train.py:build"\n{floors}\n'
    project.makefile(".toml", ftcheck=f'[tasks.reviews]\n{table}checks."data.rows".most = 9\n')
    return project


@pytest.fixture
def collected(run_pytest: Callable[..., pytest.RunResult]) -> Callable[..., list[str]]:
    """Return the node ids of a session."""

    def collect(*options: str) -> list[str]:
        result = run_pytest(*options, "--collect-only", "-q")
        assert result.ret == pytest.ExitCode.OK, result.stderr.str()
        return [line for line in result.outlines if "::" in line]

    return collect


def test_a_trainer_alone_is_a_task_named_by_its_module_and_factory(collected: Callable[..., list[str]]) -> None:
    found = collected(TRAINER)
    assert found[0] == "ftcheck/train-build::test_data[rows]"
    assert "ftcheck/train-build::test_metric_floor[accuracy-trainer]" in found
    assert {nodeid.partition("::")[0] for nodeid in found} == {"ftcheck/train-build"}


def test_its_tests_are_asked_for_by_node_id(collected: Callable[..., list[str]]) -> None:
    nodeid = "ftcheck/train-build::test_collator[mask]"
    assert collected(TRAINER, nodeid) == [nodeid]


def test_the_session_judges_the_users_own_parts(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    result = run_pytest("--ftcheck-task=reviews", "--ftcheck-json=out.json", "--ftcheck-checks=-training.short", "-rA")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    document: dict[str, Any] = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
    assert {check["check"]: check["outcome"] for check in document["checks"]} == {
        "data.rows": "failed",  # the card's limit
        "data.text": "skipped",
        "collator.mask": "passed",
        "model.logits_shape": "passed",
        "metrics.floor": "passed",
        "training.finite_loss": "passed",
    }
    (run,) = document["runs"]
    assert (run["task"], run["train_rows"], run["rows"], run["checkpoint"]) == ("reviews", 32, 16, "tiny-bert")
    assert [(gate["metric"], gate["floor"], gate["status"]) for gate in document["gates"]] == [
        ("accuracy", None, "ungated"),
        ("expected_calibration_error", 0.99, "pass"),
    ]
    result.stdout.fnmatch_lines(["ftcheck: reviews · Trainer train.py:build · tier full · tiny-bert (*parameters)*"])
    # The Trainer that is looked at, the one that trains, and a model for ft_model and one for the checks.
    assert len((project.path / "calls.txt").read_text(encoding="utf-8")) <= 5


def test_a_model_that_is_fine_tuned_already_is_judged_as_it_is(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest(TRAINER, "--ftcheck-no-train", "--ftcheck-checks=data,training.short")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "ftcheck: train-build · *judged as it is, nothing is trained",
            "  skipped: training.short: *--ftcheck-no-train*",
        ]
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([TRAINER, "--ftcheck-task=mrpc,sst2"], ["needs one task, not mrpc, sst2"]),
        ([TRAINER, "--ftcheck-task=reviewz"], ["unknown task 'reviewz'. Did you mean 'reviews'?"]),
        (["--ftcheck-trainer=train.py:bild"], ["bild"]),
        (["--ftcheck-trainer=trian.py:build"], ["trian.py"]),
    ],
)
def test_misuse_is_told_before_anything_is_trained(
    run_pytest: Callable[..., pytest.RunResult], options: list[str], words: list[str]
) -> None:
    result = run_pytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    for word in words:
        assert word in result.stderr.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('trainer = "train.py:build"', ["[tool.ftcheck] trainer", "[tool.ftcheck.tasks.NAME]"]),
        ('tasks.reviews = { trainer = "" }', ["task card 'reviews': trainer must name a factory"]),
        ('tasks.reviews = { trainer = "train.py:build", colour = "red" }', ["unknown key 'colour'"]),
    ],
)
def test_a_wrong_table_of_a_trainer_is_misuse(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult], line: str, words: list[str]
) -> None:
    project.makefile(".toml", ftcheck=line)
    result = run_pytest("--ftcheck-task=reviews")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    for word in words:
        assert word in result.stderr.str()
    assert not (project.path / "calls.txt").exists()


def test_the_list_shows_what_the_card_of_a_trainer_says(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    result = run_pytest("--ftcheck-list")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "reviews: Good or bad[?]",
            "    trainer   train.py:build",
            "    floors    expected_calibration_error max 0.99",
        ]
    )
    assert not (project.path / "calls.txt").exists()


def test_a_collator_of_the_users_conftest_takes_the_place_of_the_trainers(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makeconftest("""
        import pytest

        @pytest.fixture
        def ft_collator(ft_collator):
            def without_mask(features):
                batch = ft_collator(features)
                del batch["attention_mask"]
                return batch
            return without_mask
    """)
    result = run_pytest(TRAINER, "--ftcheck-checks=collator")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*collator.mask: *"])


def test_a_model_of_the_users_conftest_is_misuse_for_the_trainer_makes_its_own(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    project.makeconftest("""
        import pytest

        @pytest.fixture
        def ft_model(ft_model):
            return ft_model
    """)
    result = run_pytest(TRAINER, "--ftcheck-checks=collator")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*your fixture ft_model cannot change it*"])


def test_evaluation_sets_that_are_not_judged_stand_in_header_summary_and_document(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    several = "eval_dataset={'dev': rows.select(range(16)), 'hard': rows.select(range(8))}"
    project.makefile(".py", train=TRAIN.replace("eval_dataset=rows.select(range(16))", several))
    result = run_pytest(TRAINER, "--ftcheck-checks=metrics,model.logits_shape", "--ftcheck-json=out.json")
    result.stdout.fnmatch_lines(
        [
            "ftcheck: train-build: evaluation set 'dev' is judged, *; NOT JUDGED: hard",
            "train-build: NOT JUDGED: evaluation set 'hard' (*accuracy *)",
        ]
    )
    (run,) = json.loads((project.path / "out.json").read_text(encoding="utf-8"))["runs"]
    assert run["rows"] == 16
    assert list(run["unjudged"]) == ["hard"]


@pytest.mark.slow
def test_what_is_not_kept_is_told_with_its_reason(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    counting = "import sqlite3\nBASE = sqlite3.connect(':memory:')\n\n\ndef accuracy(evaluated):\n    BASE"
    project.makefile(".py", train=TRAIN.replace("def accuracy(evaluated):", counting))
    options = (TRAINER, "--ftcheck-checks=model.logits_shape", "--ftcheck-reuse", "--ftcheck-store=runs")
    for _ in range(2):
        result = run_pytest(*options)
        result.stdout.fnmatch_lines(
            ["train-build, trainer, seed 0: not kept for later sessions: *is a sqlite3.Connection*"]
        )
        result.stdout.no_fnmatch_line("*(reused)*")
