"""How each command of the pages is tested: run here, run by a named test, or not run for a reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Run:
    """Run as it stands in a prepared folder, with this exit code, printing this text."""

    folder: Literal["empty", "reports", "reviews", "script", "scripts"]
    prints: str


@dataclass(frozen=True)
class Covered:
    """Another test runs it, with smaller data, or over made-up runs."""

    test: str


@dataclass(frozen=True)
class NotRun:
    """Cannot be run where the tests run."""

    reason: Literal[
        "an installation from a package index", "a GPU", "real data", "a placeholder for the reader's files"
    ]


Class = Run | Covered | NotRun

WHOLE_PAGES: dict[str, str] = {
    "docs/red-sessions.md": "tests/documents/test_red_sessions.py::test_the_page_names_the_causes_of_today",
    "docs/tutorial.md": "tests/documents/test_tutorial.py::test_every_command_does_what_the_tutorial_says",
}
"""Pages whose commands a test runs in their order, all of them."""

_GREEN = r"=+ .*\d+ passed.* =+"
_BASELINE = Run("empty", r"accepted \(new\): mrpc/")
_INSTALLED = NotRun("an installation from a package index")
_LIKE_ANOTHER = Covered("tests/documents/test_commands.py::test_a_command_runs")
"""Differs from a command that runs in a path, a reason, or the checks that it selects."""
_PLACEHOLDER = NotRun("a placeholder for the reader's files")
_CALIBRATED = Covered("tests/plugin/test_calibrate.py::test_written_limits_hold_in_the_next_session")
_INIT = Covered("tests/init/test_init.py::test_three_commands_to_a_green_verdict")
_ACCEPTED = Covered("tests/plugin/test_baselines.py::test_what_is_accepted_can_be_reviewed")
_SEEDS = Covered("tests/plugin/test_seeds.py::test_over_several_seeds_the_mean_gates_and_single_seeds_inform")
_REPORT = "python -m pytest_ftcheck.report"
_MRPC = "pytest --ftcheck-task=mrpc"
_REVIEWS = "pytest --ftcheck-task=reviews"
_TICKETS = "pytest --ftcheck-task=tickets"

CLASSES: dict[str, Class] = {
    # Installation, and a first verdict.
    "pip install pytest-ftcheck": _INSTALLED,
    'pip install "pytest-ftcheck[report]"': _INSTALLED,
    "pip install 'pytest-ftcheck[trackio]'": _INSTALLED,
    _MRPC: Run("empty", _GREEN),
    "python -m pytest_ftcheck init": Run("script", r"Trainer: train\.py:\d+"),
    "python -m pytest_ftcheck init --apply": _INIT,
    _TICKETS: _INIT,
    f"{_TICKETS} --ftcheck-checks=data,collator": _INIT,
    f"{_TICKETS} --ftcheck-calibrate=10 --ftcheck-write-floors": _CALIBRATED,
    f'{_TICKETS} --ftcheck-update-baseline --ftcheck-reason="first"': _ACCEPTED,
    # Tasks, checkpoints, Trainers.
    "pytest --ftcheck-trainer=my_project.train:build_trainer": Run("scripts", _GREEN),
    "pytest --ftcheck-trainer=path/to/train.py:build_trainer": _LIKE_ANOTHER,
    "pytest --ftcheck-trainer=train.py:build_trainer": Run("scripts", _GREEN),
    "pytest --ftcheck-trainer=train.py:build_trainer --ftcheck-engine=both": Run("scripts", _GREEN),
    "pytest --ftcheck-trainer=train.py:build_trainer --ftcheck-reuse --ftcheck-store=runs": Run("scripts", _GREEN),
    "pytest --ftcheck-task=squad_v2": Run("empty", _GREEN),
    "pytest --ftcheck-task=wikitext": Run("empty", _GREEN),
    "pytest --ftcheck-task=squad --ftcheck-data=my-questions --ftcheck-model=my-bert": _PLACEHOLDER,
    "pytest --ftcheck-task=wikitext --ftcheck-data=my-texts --ftcheck-model=my-bert": _PLACEHOLDER,
    f"{_MRPC} --ftcheck-model=path/to/checkpoint --ftcheck-data=path/to/mrpc --ftcheck-engine=both": _PLACEHOLDER,
    _REVIEWS: Run("reviews", _GREEN),
    f"{_REVIEWS} --ftcheck-model=models/tuned --ftcheck-no-train": _PLACEHOLDER,
    f"{_REVIEWS} --ftcheck-reuse": _LIKE_ANOTHER,
    # Checks and faults.
    f"{_REVIEWS} --ftcheck-checks=data,collator.mask": Run("reviews", _GREEN),
    f"{_REVIEWS} --ftcheck-checks=-training,-data.duplicates": Run("reviews", _GREEN),
    f"{_REVIEWS} --ftcheck-checks=equivalence": _LIKE_ANOTHER,
    f"{_REVIEWS} --ftcheck-checks=equivalence,-equivalence.compiled": Run("reviews", _GREEN),
    f"{_REVIEWS} --ftcheck-checks=data,collator,model,training,metrics,serving,equivalence": Run("reviews", _GREEN),
    f"{_MRPC} --ftcheck-faults": Covered("tests/plugin/test_faults.py::test_without_names_every_fault_is_a_test"),
    f"{_MRPC} --ftcheck-faults=zero_grad_missing,serving": Covered(
        "tests/plugin/test_faults.py::test_faults_are_planted_instead_of_the_suite"
    ),
    # Gates.
    f"{_MRPC} --ftcheck-checks=metrics.floor": Run("empty", _GREEN),
    f"{_MRPC} --ftcheck-calibrate=10 --ftcheck-write-floors": _CALIBRATED,
    f"{_MRPC} --ftcheck-calibrate=10 --ftcheck-calibrate-runs=5 --ftcheck-write-floors": Covered(
        "tests/plugin/test_calibrate.py::test_limits_for_the_mean_of_several_seeds_judge_sessions_of_as_many"
    ),
    f"{_MRPC} --ftcheck-seeds=0-4": _SEEDS,
    "pytest --ftcheck-task=rte --ftcheck-checks=metrics.floor --ftcheck-seeds=0-4": _SEEDS,
    f'{_MRPC} --ftcheck-update-baseline --ftcheck-reason="release 1"': _BASELINE,
    f'{_MRPC} --ftcheck-update-baseline --ftcheck-reason="first release"': _LIKE_ANOTHER,
    'pytest --ftcheck-task=TASK --ftcheck-update-baseline --ftcheck-reason="more train rows"': _ACCEPTED,
    'git add ftcheck-baseline && git commit -m "Accept the run with more train rows"': Covered(
        "tests/documents/test_tutorial.py::test_every_command_does_what_the_tutorial_says"
    ),
    # Reports and kept runs.
    f"{_MRPC} --ftcheck-html=report.html": Run("empty", _GREEN),
    f"{_REPORT} render run.json": Run("reports", r"CAUSE: collator\.mask: "),
    f"{_REPORT} render run.json --md=summary.md --ctrf=ctrf.json --openmetrics=metrics.txt": Run("reports", ""),
    f"{_REPORT} diff before.json after.json": Run("reports", r"likely cause: none → collator\.mask"),
    f"{_REPORT} diff yesterday.json today.json": Run("reports", r"likely cause: none → collator\.mask"),
    f"{_REPORT} history nightly/*.json": Run("reports", r"\| mrpc "),
    f"{_REPORT} history nightly/*.json --html=history.html": Run("reports", ""),
    f"{_REPORT} track run.json --trackio=paraphrases": Covered(
        "tests/report/test_trackers.py::test_trackio_holds_the_runs"
    ),
    f"{_REPORT} track run.json --mlflow=paraphrases": Covered(
        "tests/report/test_trackers.py::test_mlflow_holds_the_runs"
    ),
    "python -m pytest_ftcheck.runs.prune --days 30": Covered(
        "tests/runs/test_prune.py::test_the_command_says_what_goes"
    ),
    # Speed.
    f"{_MRPC} --ftcheck-bench --benchmark-json=steps.json": Covered(
        "tests/plugin/test_bench.py::test_step_is_measured"
    ),
    f"{_MRPC} --ftcheck-bench-compare=engine=manual,trainer": Covered(
        "tests/plugin/test_bench.py::test_comparison_runs_through"
    ),
    f"{_MRPC} --ftcheck-bench-compare=checkout=../main": Covered(
        "tests/speed/test_pairs.py::test_checkouts_get_the_options_of_the_session_and_are_closed"
    ),
    "python -m pytest_ftcheck.speed table h200.json cpu.json": Covered(
        "tests/speed/test_stored.py::test_table_of_several_machines"
    ),
    "python -m pytest_ftcheck.speed compare before.json after.json": Covered(
        "tests/speed/test_stored.py::test_stored_steps_are_compared_on_the_same_hardware"
    ),
    f"{_MRPC} --ftcheck-device=cuda --ftcheck-bench --ftcheck-bench-shape=bert-base-uncased "
    "--ftcheck-bench-batch-sizes=8,32,128,256 --ftcheck-bench-seq-len=128 --ftcheck-bench-dtypes=bfloat16 "
    "--ftcheck-bench-compile --benchmark-json=h200.json": NotRun("a GPU"),
}

_REAL = "--ftcheck-model=checkpoints/minilm-l6 --ftcheck-threads=1"
_FULL = "--ftcheck-model=checkpoints/minilm-l6 --ftcheck-tier=full"
_SOME = "--ftcheck-checks=data,collator,model,metrics,serving"
_REAL_SESSIONS = [
    ("mrpc --ftcheck-data=data/glue/mrpc", "--ftcheck-model=checkpoints/minilm-l6"),
    ("mrpc --ftcheck-data=data/glue/mrpc", f"{_FULL} --ftcheck-engine=both --ftcheck-threads=1"),
    (
        "wnut_17 --ftcheck-data=data/wnut17",
        f"{_FULL} --ftcheck-threads=1 --ftcheck-fast-cpu --ftcheck-max-train-rows=2000 {_SOME}",
    ),
    (
        "banking77 --ftcheck-threads=1 --ftcheck-fast-cpu",
        f"--ftcheck-max-train-rows=1000 --ftcheck-max-eval-rows=500 {_SOME}",
    ),
    (
        "bank_topics --ftcheck-model=checkpoints/minilm-l6 --ftcheck-threads=1 --ftcheck-fast-cpu",
        f"--ftcheck-max-train-rows=3000 --ftcheck-max-eval-rows=1000 {_SOME}",
    ),
    ("xquad_en", f"--ftcheck-tier=full --ftcheck-threads=1 --ftcheck-fast-cpu {_SOME}"),
    ("sst2 --ftcheck-data=data/glue/sst2", f"{_REAL} --ftcheck-max-train-rows=1000"),
    (
        "qnli --ftcheck-data=data/glue/qnli",
        f"{_REAL} --ftcheck-max-train-rows=800 --ftcheck-max-eval-rows=500 --ftcheck-engine=manual",
    ),
    (
        "yelp_review_full --ftcheck-data=data/yelp_review_full",
        f"{_REAL} --ftcheck-max-train-rows=300 --ftcheck-max-eval-rows=200 --ftcheck-engine=manual",
    ),
]
CLASSES |= {f"pytest --ftcheck-task={task} {options}": NotRun("real data") for task, options in _REAL_SESSIONS}
