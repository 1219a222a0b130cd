"""Checks between rows: what stands in both splits, what a metric owes to it, and labels that contradict each other."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.data.duplicates import agreement_of_equals
from pytest_ftcheck.checks.data.folded import fold, words
from pytest_ftcheck.checks.data.overlap import find_leaks
from pytest_ftcheck.checks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS, EVALUATED = 60, 40


@pytest.fixture(scope="module")
def pair(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=ROWS, eval_rows=EVALUATED)


@pytest.fixture(scope="module")
def stsb(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("stsb", train_rows=ROWS, eval_rows=EVALUATED)


def judge(name: str, pipeline: Pipeline, run: Any = None, **thresholds: float) -> list[Finding]:
    card = replace(pipeline.card, thresholds={f"data.{name}": thresholds})
    evidence = Evidence(
        replace(pipeline, card=card),
        engine="trainer",
        seed=0,
        environment=ENVIRONMENT,
        make_run=lambda: run,
        make_probe=lambda **_: pytest.fail("no training is needed"),
    )
    return run_check(catalogue()[f"data.{name}"], evidence)


def leaked(pipeline: Pipeline, count: int, change: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Pipeline:
    """Put so many evaluated rows in the place of the last train rows, each changed somehow."""
    kept = pipeline.data.train.select(range(len(pipeline.data.train) - count)).to_list()
    added = [change(row) for row in pipeline.data.evaluation.select(range(count)).to_list()]
    return replace(pipeline, data=replace(pipeline.data, train=Dataset.from_list(kept + added)))


def swap(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"sentence1": row["sentence2"], "sentence2": row["sentence1"]}


def respace(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"sentence1": f"  {row['sentence1'].upper()} ", "sentence2": row["sentence2"].replace(" ", "\u00a0")}


def reword(row: dict[str, Any]) -> dict[str, Any]:
    return row | {name: f"{row[name].replace('.', '!')} Indeed" for name in ("sentence1", "sentence2")}


def other_side(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"sentence2": f"Nobody says number {row['idx']} but me"}


# -- overlap -----------------------------------------------------------------------------------------------------------


def test_fold_leaves_out_what_means_nothing() -> None:
    assert fold(" Straße\u00a0N\N{SUPERSCRIPT TWO}\n\uff21b ") == "strasse n2 ab"
    assert words("Don't, stop... 日本!") == "don t stop 日 本"


LONG = "the quick brown fox jumps over the lazy dog while nobody looks at the garden"


@pytest.mark.parametrize(
    ("other", "near"),
    [
        pytest.param(LONG + ".", True, id="punctuation"),
        pytest.param(LONG + " again", True, id="a word at the end"),
        pytest.param(LONG.replace("fox", "cat"), False, id="a word in the middle"),
        pytest.param(LONG[::-1], False, id="something else"),
    ],
)
def test_rows_are_near_by_their_runs_of_words(other: str, near: bool) -> None:  # noqa: FBT001 - parametrized
    leaks = find_leaks([(other,)], [("quite another text",), (LONG,)])
    assert leaks.near == ({0: 1} if near else {})
    assert leaks.rows == ([0] if near else [])


def test_each_row_is_of_one_kind() -> None:
    train = [("a b c", "d e f"), ("g h i", "j k l"), ("m n o p", "q r s t")]
    evaluated = [("a b c", "d e f"), ("j k l", "g h i"), ("m n o p", "q, r s t"), ("a b c", "x y z"), ("u", "v")]
    leaks = find_leaks(evaluated, train)
    assert (leaks.equal, leaks.swapped, leaks.near, leaks.one_side) == ({0: 0}, {1: 1}, {2: 2}, {3: 0})


def test_side_that_train_repeats_itself_is_no_leak() -> None:
    train = [("premise", "first"), ("premise", "second")]
    assert find_leaks([("premise", "third")], train).one_side == {}


def test_token_ids_are_compared_too() -> None:
    leaks = find_leaks([((1, 2, 3), (4,)), ((9, 8, 7, 6, 5),)], [((1, 2, 3), (4,)), ((9, 8, 7, 6, 5),)])
    assert leaks.equal == {0: 0, 1: 1}


# -- data.duplicates ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "what", "observed"),
    [
        pytest.param(dict, "are also train rows", "8 of 40 (20.0%); the first is row 0, found in row 52", id="equal"),
        pytest.param(respace, "are also train rows", "8 of 40 (20.0%); the first is row 0", id="other case and space"),
        pytest.param(swap, "or with their segments swapped", "8 of 40 (20.0%), 8 of them swapped", id="swapped"),
        pytest.param(reword, "nearly equal to a train row", "8 of 40 (20.0%)", id="nearly equal"),
    ],
)
def test_leaked_rows_are_found(
    pair: Pipeline, change: Callable[[dict[str, Any]], dict[str, Any]], what: str, observed: str
) -> None:
    assert judge("duplicates", pair) == []
    (finding,) = judge("duplicates", leaked(pair, 8, change))
    assert what in finding.expected
    assert finding.observed.startswith(observed)
    assert "split before you augment" in finding.hint
    assert [shown.partition(" is row ")[0] for shown in finding.evidence] == ["row 0", "row 1", "row 2"]
    assert all(shown.partition(" of train: ")[2] for shown in finding.evidence)


def test_side_of_a_pair_has_a_budget_of_its_own(pair: Pipeline) -> None:
    given = leaked(pair, 16, other_side)
    assert judge("duplicates", given) == []
    (finding,) = judge("duplicates", given, one_side=0.1)
    what = "of 40 validation rows with one segment that stands in a single train row"
    assert finding.expected == f"at most 10% {what}"
    assert finding.observed.startswith("16 of 40 (40.0%)")


def test_few_rows_that_were_trained_on_are_a_warning(pair: Pipeline) -> None:
    (warned,) = judge("duplicates", leaked(pair, 5), rows=0.1, warn=0.1)
    what = "of 40 validation rows that are also train rows, equal or with their segments swapped"
    assert (warned.level, warned.expected, warned.share) == ("warn", f"at most 1% {what} (more than 10% fail)", 0.125)
    (finding,) = judge("duplicates", leaked(pair, 12), rows=0.1, warn=0.1)
    assert finding.level == "fail"


def test_budget_allows_for_few_rows(pair: Pipeline) -> None:
    given = leaked(pair, 2)
    assert judge("duplicates", given) == []
    assert len(judge("duplicates", given, rows=0.0)) == 1


def test_without_texts_the_tokens_are_compared(pair: Pipeline) -> None:
    card = replace(pair.card, text_columns=())
    assert judge("duplicates", replace(pair, card=card)) == []
    (finding,) = judge("duplicates", replace(pair, card=card, train_dataset=pair.eval_dataset))
    assert finding.observed.startswith("40 of 40 (100.0%)")
    assert finding.observed.endswith("no raw text is known")


# -- data.metrics_without_duplicates -----------------------------------------------------------------------------------


def run_of(pipeline: Pipeline, right: Sequence[int]) -> Any:
    """A run that is right in these rows."""
    labels = np.asarray(pipeline.eval_dataset["labels"])
    predicted = np.where(np.asarray(right, bool), labels, 1 - labels)
    return SimpleNamespace(logits=np.eye(2, dtype=np.float32)[predicted], label_ids=labels)


@pytest.mark.slow
def test_metric_that_rests_on_leaked_rows_is_found(pair: Pipeline) -> None:
    given = leaked(pair, 20)
    found = judge("metrics_without_duplicates", given, run_of(given, [row < 20 or row % 2 for row in range(EVALUATED)]))
    accuracy = next(finding for finding in found if finding.subject.startswith("accuracy"))
    assert accuracy.expected == "within 0.02 of 0.7500, that of all 40 rows"
    assert accuracy.observed == "0.5000; 20 of 40 (50.0%) validation rows stand in train"


@pytest.mark.parametrize("every", [3, 20])
def test_metric_that_does_not_need_leaked_rows_is_healthy(pair: Pipeline, every: int) -> None:
    given = leaked(pair, 20)
    assert judge("metrics_without_duplicates", given, run_of(given, [row % every > 0 for row in range(40)])) == []


def test_evaluation_that_is_all_in_train_leaves_nothing(pair: Pipeline) -> None:
    (finding,) = judge("metrics_without_duplicates", leaked(pair, 40), run_of(pair, [True] * 40))
    assert finding.observed == "none: 40 of 40 (100.0%) validation rows stand in train"


def test_run_of_other_rows_is_not_judged(pair: Pipeline) -> None:
    run = SimpleNamespace(logits=np.zeros((7, 2)), label_ids=np.zeros(7))
    with pytest.raises(NotApplicable, match="7 rows of logits for 40"):
        judge("metrics_without_duplicates", leaked(pair, 10), run)


def test_agreement_of_annotators_is_told_from_chance() -> None:
    random = np.random.default_rng(0)
    right = random.integers(2, size=400)
    annotated = [[int(label) if random.random() < 0.9 else int(1 - label) for _ in range(3)] for label in right]
    assert agreement_of_equals(annotated) > 0.5
    assert abs(agreement_of_equals([random.integers(2, size=3).tolist() for _ in right])) < 0.1
    assert agreement_of_equals([[0, 1]] * 20) < -0.9
    assert agreement_of_equals([[1, 1]] * 20) == 1


# -- data.contradictions -----------------------------------------------------------------------------------------------


def repeated(pipeline: Pipeline, count: int, label: Callable[[Any], Any]) -> Pipeline:
    """Repeat the first train rows, with other labels."""
    again = [row | {"labels": label(row["labels"])} for row in pipeline.train_dataset.select(range(count)).to_list()]
    rows = Dataset.from_list(pipeline.train_dataset.to_list() + again)
    raw = Dataset.from_list(pipeline.data.train.to_list() + pipeline.data.train.select(range(count)).to_list())
    return replace(pipeline, train_dataset=rows, data=replace(pipeline.data, train=raw))


def test_texts_with_two_labels_are_found(pair: Pipeline) -> None:
    assert judge("contradictions", pair) == []
    assert judge("contradictions", repeated(pair, 10, lambda label: label)) == []
    (finding,) = judge("contradictions", repeated(pair, 10, lambda label: 1 - label))
    assert finding.subject == f"{pair.subject}, train split"
    assert finding.observed.startswith("20 of 70 (28.6%), such as row 0 labelled ")
    assert " and row 60 labelled " in finding.observed


def test_numbers_may_be_near_each_other(stsb: Pipeline) -> None:
    assert judge("contradictions", repeated(stsb, 10, lambda label: label + 0.5)) == []
    assert len(judge("contradictions", repeated(stsb, 10, lambda label: label + 0.5), apart=0.05)) == 1
    assert len(judge("contradictions", repeated(stsb, 10, lambda label: label + 9))) == 1
