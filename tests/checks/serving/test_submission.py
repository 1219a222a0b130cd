"""Submissions to GLUE: as the leaderboard wants them for each task, read back as they were written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.serving.submission import NAMES, read_submission, write_submission
from pytest_ftcheck.errors import DataError, TaskError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

    MakeEvidence = Callable[..., Evidence]

IDS = [1, 0, 0, 1]
LOGITS = np.eye(2)[IDS]
VALUES = np.array([[2.5], [-0.3], [5.4], [3.14159]])


def judge(evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()["serving.submission"], evidence)


@pytest.mark.parametrize("task", ["mrpc", "sst2", "cola", "qqp", "wnli"])
def test_class_ids_are_written_as_numbers(scored_evidence: MakeEvidence, tmp_path: Path, task: str) -> None:
    run = scored_evidence(IDS, LOGITS).run
    write_submission(run, tmp_path / "file.tsv", task=task)
    assert (tmp_path / "file.tsv").read_text() == "index\tprediction\n0\t1\n1\t0\n2\t0\n3\t1\n"
    assert read_submission(tmp_path / "file.tsv", task) == IDS


@pytest.mark.parametrize("task", ["qnli", "rte"])
def test_entailment_is_written_by_name(scored_evidence: MakeEvidence, tmp_path: Path, task: str) -> None:
    path, run = tmp_path / "file.tsv", scored_evidence(IDS, LOGITS).run
    write_submission(replace(run, task=task), path)
    lines = path.read_text().splitlines()
    assert lines == ["index\tprediction", "0\tnot_entailment", "1\tentailment", "2\tentailment", "3\tnot_entailment"]
    assert read_submission(path, task) == IDS


def test_order_of_the_runs_own_classes_counts(scored_evidence: MakeEvidence, tmp_path: Path) -> None:
    path, run = tmp_path / "file.tsv", scored_evidence(IDS, LOGITS).run
    write_submission(run, path, task="rte", label_names=("not_entailment", "entailment"))
    assert read_submission(path, "rte") == [0, 1, 1, 0]
    write_submission(run, path, task="mrpc", label_names=("equivalent", "not_equivalent"))
    assert read_submission(path, "mrpc") == [0, 1, 1, 0]


def test_three_classes_of_mnli(scored_evidence: MakeEvidence, tmp_path: Path) -> None:
    path, run = tmp_path / "file.tsv", scored_evidence([0, 1, 2], np.eye(3)).run
    write_submission(run, path, task="mnli_matched")
    assert path.read_text().split()[3::2] == list(NAMES["mnli"])


def test_scores_lie_between_0_and_5(scored_evidence: MakeEvidence, tmp_path: Path) -> None:
    path, run = tmp_path / "file.tsv", scored_evidence(VALUES[:, 0], VALUES).run
    write_submission(run, path, task="stsb")
    assert path.read_text() == "index\tprediction\n0\t2.500\n1\t0.000\n2\t5.000\n3\t3.142\n"
    assert read_submission(path, "stsb") == [2.5, 0.0, 5.0, 3.142]


REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no task of GLUE": (LOGITS, {"task": "yelp"}, TaskError, "unknown task of GLUE 'yelp'"),
    "other names": (LOGITS, {"label_names": ("no", "yes")}, TaskError, "2 classes named no, yes; GLUE takes not_equiv"),
    "more classes": (np.eye(3), {"task": "rte"}, TaskError, "the run has 3 classes"),
    "NaN": (np.where(LOGITS > 0, np.nan, LOGITS), {"task": "rte"}, DataError, "row 0 has logits that are not finite"),
    "value of NaN": (np.full((4, 1), np.nan), {"task": "stsb"}, DataError, "row 0 has the value nan"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_predictions_that_glue_would_not_take_are_refused(
    scored_evidence: MakeEvidence, tmp_path: Path, kind: str
) -> None:
    logits, options, error, said = REFUSED[kind]
    run = scored_evidence(IDS[: len(logits)], logits).run
    with pytest.raises(error, match=said):
        write_submission(run, tmp_path / "file.tsv", **options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first line must be index, a tab and prediction"),
        ("id\tlabel\n0\t1\n", "the first line must be index"),
        ("index\tprediction\n1\t1\n", "line 2: expected index 0"),
        ("index\tprediction\n0 1\n", "line 2: expected index 0 and a prediction"),
        ("index\tprediction\n0\t2\n", "mrpc has no prediction '2'"),
    ],
)
def test_files_that_are_no_submission_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "file.tsv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_submission(tmp_path / "file.tsv", "mrpc")


def test_score_outside_the_scale_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.tsv").write_text("index\tprediction\n0\t5.1\n")
    with pytest.raises(DataError, match=r"stsb has no prediction '5\.1'"):
        read_submission(tmp_path / "file.tsv", "stsb")


def test_check_is_quiet_where_a_submission_can_be_written(scored_evidence: MakeEvidence) -> None:
    assert judge(scored_evidence(IDS, LOGITS)) == []
    assert judge(scored_evidence(VALUES[:, 0], VALUES)) == []


def test_check_finds_what_cannot_be_submitted(scored_evidence: MakeEvidence) -> None:
    logits = LOGITS.copy()
    logits[2] = np.nan
    (finding,) = judge(scored_evidence(IDS, logits))
    assert finding.expected == "a submission for mrpc"
    assert finding.observed == "row 2 has logits that are not finite: there is no prediction to submit."


def test_tasks_that_are_not_glues_are_not_judged(scored_evidence: MakeEvidence) -> None:
    with pytest.raises(NotApplicable, match="with GLUE's class names"):
        judge(scored_evidence([0, 1, 2], np.eye(3)))
