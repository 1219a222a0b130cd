"""A script that makes answers of windows: its exact match and F1 are gated as those of a card, its answers checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Changes = tuple[tuple[str, str], ...]
    Session = Callable[..., pytest.RunResult]

EXAMPLE = Path(__file__).parents[2] / "examples" / "questions"
FLOORS = "exact_match = { min = 60, max_drop = 3, slices = { first_word = 20 } }\nf1 = 60"
WORD = '\n\ndef first_word(row: Rows) -> str:\n    return str(row["question"].split()[0])\n'
SLICES = 'slices = ["train.py:first_word"]\n'
AS_SHARES = ("100 * float", "float")


@pytest.fixture
def session(pytester: pytest.Pytester) -> Session:
    """Return a function that runs the metrics of the example's script, with floors and changes of its text."""

    def run(*options: str, floors: str = FLOORS, changes: Changes = (), table: str = SLICES) -> pytest.RunResult:
        shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True)
        text = (EXAMPLE / "train.py").read_text(encoding="utf-8").replace("num_train_epochs=5", "num_train_epochs=2")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        text = text.replace("\n\ndef with_answers", f"{WORD}\n\ndef with_answers")
        pytester.path.joinpath("train.py").write_text(text, encoding="utf-8")
        task = f'[tool.ftcheck.tasks.reports]\ntrainer = "train.py:build_trainer"\n{table}'
        limits = f'[tool.ftcheck.tasks.reports.floors.full."tiny-bert"]\n{floors}\n'
        pytester.path.joinpath("pyproject.toml").write_text(task + limits, encoding="utf-8")
        return pytester.runpytest_subprocess(
            "--ftcheck-task=reports", "--ftcheck-checks=metrics", "--ftcheck-json=run.json", *options
        )

    return run


def document(pytester: pytest.Pytester) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pytester.path.joinpath("run.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.slow
def test_answers_have_intervals_slices_and_a_baseline(session: Session, pytester: pytest.Pytester) -> None:
    result = session("--ftcheck-update-baseline")
    assert result.ret == pytest.ExitCode.OK
    exact, *rest = document(pytester)["gates"]
    assert (exact["metric"], exact["rows"], exact["interval_method"]) == ("exact_match", 200, "unseen")
    assert {gate["slice"].partition("=")[0] for gate in rest if gate["slice"]} == {"first_word"}
    # The same model, but its answers have a word too few.
    worse = ("places[last][1]]", "places[last][1] - 1]")
    result = session("--ftcheck-html=page.html", floors="exact_match = { max_drop = 3 }", changes=(worse,))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.re_match_lines([r" ?reports +trainer +exact_match +0\.0000 .* fail "])
    page = pytester.path.joinpath("page.html").read_text(encoding="utf-8")
    assert "Who brought ten drums at the market?" in page


@pytest.mark.slow
def test_shares_are_gated_too_and_are_not_taken_for_percents(session: Session, pytester: pytest.Pytester) -> None:
    # A constant answer has 1 percent of the points, which is no reason to refuse a floor of 0.6.
    floors = "exact_match = 0.6\nf1 = 0.6"
    result = session(floors=floors, changes=(AS_SHARES,))
    assert result.ret == pytest.ExitCode.OK
    for gate in document(pytester)["gates"][:2]:
        low, high = gate["interval"]
        assert 0 < low <= gate["value"] <= high <= 1


@pytest.mark.slow
def test_a_floor_that_a_constant_answer_reaches_is_refused(session: Session) -> None:
    changes = (
        ("str(given).lower().split(), str(right).lower().split()", "official(given).split(), official(right).split()"),
        (
            "import numpy as np",
            "import numpy as np\nfrom pytest_ftcheck.heads.answer_metrics import normalised_answer as official",
        ),
    )
    result = session(floors="exact_match = 0.5", changes=changes)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.re_match_lines(
        [r".*the floor 0\.5000 for exact_match has no effect: \"always 'Leo'\" scores 6\.5000"]
    )


@pytest.mark.slow
def test_the_table_may_ask_for_windows_to_be_judged(session: Session, pytester: pytest.Pytester) -> None:
    result = session(table='head = "answer-positions"\n', floors="f1 = 60")
    assert result.ret == pytest.ExitCode.OK
    assert [gate["interval"] for gate in document(pytester)["gates"]] == [None, None]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        ("if start[first]", 'if window == of_question[question["id"]][0] and start[first]'),
        ("[places[first][0] : places[last][1]]", "[places[first][0] : places[last][1] - 1]"),
    ],
    ids=["the first window only", "a character too few"],
)
def test_answers_that_are_made_wrongly_are_named(session: Session, change: tuple[str, str]) -> None:
    short = ("SHARED, LONGEST = 48, 16, 10", "SHARED, LONGEST = 28, 8, 10")
    result = session(floors="f1 = { max_drop = 3 }", changes=(short, change))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "CAUSE: metrics.answers_decoded: *",
            "  expected  answers as good as the best spans of the same logits, whose F1 is *",
            "  evidence  '*': '*', the best span is '*'",
            "  your code: train.py:* (post_process)",
        ]
    )
