"""The example projects run as their READMEs say, with their training code as it is."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
COMMANDS: dict[str, list[list[str]]] = {
    "csv_trainer": [["--ftcheck-trainer=train.py:build_trainer"]],
    "entities": [["--ftcheck-task=entities"]],
    "follow_ups": [["--ftcheck-task=follow_ups"]],
    "manual_loop": [[]],
    "questions": [
        ["--ftcheck-trainer=train.py:build_trainer"],
        ["--ftcheck-task=squad", "--ftcheck-data=data", "--ftcheck-model=tiny-bert", "--ftcheck-tier=tiny"],
    ],
    "report_words": [["--ftcheck-task=report_words"]],
    "reviews": [[], ["--ftcheck-task=reviews"]],
    "ticket_topics": [["--ftcheck-task=topics"]],
    "weighted_trainer": [["--ftcheck-task=feedback"]],
}


@pytest.fixture
def run_example(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Return a function that runs pytest in a copy of an example, as a user would have it."""

    def run(name: str, *args: str) -> pytest.RunResult:
        shutil.copytree(EXAMPLES / name, pytester.path, dirs_exist_ok=True)
        return pytester.runpytest_subprocess("--ftcheck-threads=1", *args)

    return run


def test_every_example_is_here() -> None:
    assert sorted(folder.name for folder in EXAMPLES.iterdir()) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_names_the_commands(name: str) -> None:
    text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^pytest( [^#\n]*?)? +#", text, re.MULTILINE)
    assert [command.split() for command in commands] == COMMANDS[name]


@pytest.mark.slow
def test_own_tests_of_reviews(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("reviews", *COMMANDS["reviews"][0])
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*= ftcheck =*", "reviews: tiny-bert on */data (60 train, 20 evaluated rows)"])
    result.stdout.no_fnmatch_line("*SYNTHETIC*")


@pytest.mark.slow
def test_the_suite_over_reviews(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("reviews", *COMMANDS["reviews"][1])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) <= {"passed", "skipped"}
    result.stdout.re_match_lines(
        [r" ?reviews +trainer +accuracy +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +0\.7500 +(pass|inconclusive) +"]
    )


@pytest.mark.slow
def test_a_script_is_checked_as_it_is(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("csv_trainer", *COMMANDS["csv_trainer"][0])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) == {"passed", "skipped"}
    result.stdout.re_match_lines(
        [
            r" ?train-build_trainer +trainer +accuracy +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +- +ungated +",
            r" ?train-build_trainer +trainer +f1 +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +- +ungated +",
            r"checks: \d+ passed, \d+ skipped",
            r"  skipped: data.segments: the task has one segment, 'message'",
            r"train-build_trainer: tiny-bert on the Trainer's own data \(800 train, 200 evaluated rows\)",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("follow_ups", "1000 train"), ("report_words", "1200 train")])
def test_projects_with_a_floor_of_their_accuracy(
    run_example: Callable[..., pytest.RunResult], name: str, rows: str
) -> None:
    result = run_example(name, *COMMANDS[name][0])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) <= {"passed", "skipped", "warnings"}
    result.stdout.re_match_lines(
        [
            rf" ?{name} +trainer +accuracy +[01]\.\d{{4}} .* 0\.[48]000 +pass +",
            rf"{name}: tiny-bert on the Trainer's own data \({rows}, 200 evaluated rows\)",
        ]
    )


@pytest.mark.slow
def test_a_script_that_answers_questions(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("questions", *COMMANDS["questions"][0])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) == {"passed", "skipped"}
    result.stdout.re_match_lines(
        [
            r" ?train-build_trainer +trainer +exact_match +\d+\.\d{4} +\d+\.\d{4} to 100\.0000 +- +ungated +",
            r" ?train-build_trainer +trainer +f1 +\d+\.\d{4} +\d+\.\d{4} to 100\.0000 +- +ungated +",
            r"checks: \d+ passed, \d+ skipped",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong", "observed"),
    [
        pytest.param(
            '["answer_start"][0]',
            '["answer_start"][0] + 1',
            "all * windows have the label 0 to 0*",
            id="a character later",
        ),
        pytest.param(
            "last[0] if first", "last[0] - 1 if first", "* spans end before they begin*", id="a token shorter"
        ),
    ],
)
def test_labels_that_mark_no_answers_are_red(
    pytester: pytest.Pytester, run_example: Callable[..., pytest.RunResult], right: str, wrong: str, observed: str
) -> None:
    text = (EXAMPLES / "questions" / "train.py").read_text(encoding="utf-8")
    assert text.count(right) == 1
    pytester.makepyfile(broken=text.replace(right, wrong))
    result = run_example("questions", "--ftcheck-trainer=broken.py:build_trainer", "--ftcheck-checks=data,metrics")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["CAUSE: data.answer_spans: *", f"  observed  {observed}"])


@pytest.mark.slow
def test_flat_columns_of_answers_are_read_by_a_card(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example(
        "questions", *COMMANDS["questions"][1], "--ftcheck-checks=data.answer_text,data.answer_positions"
    )
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2)


@pytest.mark.slow
def test_a_trainer_with_a_card(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("weighted_trainer", *COMMANDS["weighted_trainer"][0])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) <= {"passed", "skipped"}
    result.stdout.re_match_lines(
        [
            r" ?feedback +trainer +macro_f1 +[01]\.\d{4} +- +0\.8500 +pass +",
            r" ?feedback +trainer +complaints_found +[01]\.\d{4} +- +0\.8000 +pass +",
            r"feedback: tiny-bert on the Trainer's own data \(675 train, 225 evaluated rows\)",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "gates", "rows"),
    [
        (
            "entities",
            (
                r"f1 +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +0\.9000",
                r"precision +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +0\.9000",
            ),
            "400 train, 150 evaluated",
        ),
        (
            "ticket_topics",
            (
                r"f1_micro +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +0\.9000",
                r"subset_accuracy +[01]\.\d{4} +[01]\.\d{4} to [01]\.\d{4} +0\.8000",
            ),
            "650 train, 250 evaluated",
        ),
    ],
)
def test_a_trainer_of_another_head(
    run_example: Callable[..., pytest.RunResult], name: str, gates: tuple[str, ...], rows: str
) -> None:
    result = run_example(name, *COMMANDS[name][0])
    assert result.ret == pytest.ExitCode.OK
    assert set(result.parseoutcomes()) <= {"passed", "skipped"}
    task = COMMANDS[name][0][0].removeprefix("--ftcheck-task=")
    result.stdout.re_match_lines(
        [
            *(rf" ?{task} +trainer +{gate} +pass +" for gate in gates),
            rf"{task}: tiny-bert on the Trainer's own data \({rows} rows\)",
        ],
        consecutive=False,
    )


SCRIPT = """
import json, sys
import numpy as np, torch
from transformers import set_seed
torch.set_num_threads(1)
import train
set_seed(0)
trainer = train.build_trainer(seed=0, output_dir="bare")
trainer.train()
metrics = trainer.evaluate()
np.save("logits.npy", trainer.predict(trainer.eval_dataset).predictions)
torch.save(trainer.model.state_dict(), "weights.pt")
json.dump({name.removeprefix("eval_"): value for name, value in metrics.items()}, open("metrics.json", "w"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["csv_trainer", "entities", "ticket_topics", "weighted_trainer"])
def test_a_session_judges_what_the_script_trains(
    run_example: Callable[..., pytest.RunResult], pytester: pytest.Pytester, name: str
) -> None:
    result = run_example(name, *COMMANDS[name][0], "--ftcheck-checks=training.completes", "--ftcheck-json=out.json")
    assert result.ret == pytest.ExitCode.OK
    assert pytester.runpython_c(SCRIPT).ret == 0
    (run,) = json.loads((pytester.path / "out.json").read_text(encoding="utf-8"))["runs"]
    bare = json.loads((pytester.path / "metrics.json").read_text(encoding="utf-8"))
    assert run["metrics"] == {metric: bare[metric] for metric in run["metrics"]}
    folder = Path(run["folder"])
    logits = np.load(folder / "predictions.npz")["logits"]
    np.testing.assert_array_equal(logits, np.load(pytester.path / "logits.npy"))
    weights = torch.load(pytester.path / "weights.pt", weights_only=True)
    saved = load_file(folder / "model" / "model.safetensors")
    assert all(torch.equal(weights[tensor], saved[tensor]) for tensor in saved)


@pytest.mark.slow
def test_a_loop_of_their_own(run_example: Callable[..., pytest.RunResult]) -> None:
    result = run_example("manual_loop", *COMMANDS["manual_loop"][0])
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["rte: tiny-bert on bundled (1200 train, 200 evaluated rows), SYNTHETIC: *"])
