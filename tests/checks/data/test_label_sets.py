"""Labels of rows that have any number of them: each can be learned, and both splits are labelled alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import ReportedBy, catalogue, run_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

ROWS = 300


@pytest.fixture
def labels() -> Any:
    """Of 4 labels, each in about a third of the rows."""
    return (np.random.default_rng(0).random((ROWS, 4)) < 1 / 3).astype(np.float32)


def judged(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"data.{name}"], evidence)


CHECKS = ("labels_in_train", "labels_per_row", "rows_without_label")


@pytest.mark.parametrize("name", CHECKS)
def test_splits_that_are_drawn_alike_pass(name: str, label_set_evidence: Callable[..., Evidence], labels: Any) -> None:
    train = np.random.default_rng(1).permuted(labels, axis=0)
    assert judged(name, label_set_evidence(labels, labels, train)) == []


def test_a_label_that_no_train_row_has_is_named(label_set_evidence: Callable[..., Evidence], labels: Any) -> None:
    train = labels.copy()
    train[:, 2] = 0
    (found,) = judged("labels_in_train", label_set_evidence(labels, labels, train))
    assert found.observed == "'label 2' in no train row and in 93 of 300 (31.0%) of validation"
    train[:, 2] = 1
    (found,) = judged("labels_in_train", label_set_evidence(labels, labels, train))
    assert found.observed.startswith("'label 2' in every train row")


def test_a_label_that_neither_split_has_only_warns(label_set_evidence: Callable[..., Evidence], labels: Any) -> None:
    labels[:, 1] = 0
    (found,) = judged("labels_in_train", label_set_evidence(labels, labels))
    assert (found.level, found.observed) == ("warn", "the same in all rows of both splits: 'label 1'")


def test_only_the_first_label_of_each_row_is_named(label_set_evidence: Callable[..., Evidence], labels: Any) -> None:
    first = labels * (labels.cumsum(axis=1) == 1)
    (found,) = judged("labels_per_row", label_set_evidence(labels, labels, first))
    assert found.observed.endswith(
        "rows of validation: no row of train has more than one, as when only the first label of each is kept"
    )
    assert judged("rows_without_label", label_set_evidence(labels, labels, first)) == []


def test_rows_that_lost_their_labels_are_named(label_set_evidence: Callable[..., Evidence], labels: Any) -> None:
    labels[:, 0] = 1
    lost = labels.copy()
    lost[::3] = 0
    (found,) = judged("rows_without_label", label_set_evidence(lost, lost, labels))
    assert found.observed == "0 of 300 (0.0%) in train, 100 of 300 (33.3%) in validation"


def test_labels_of_another_width_are_told_by_the_check_of_labels(
    label_set_evidence: Callable[..., Evidence], labels: Any
) -> None:
    evidence = label_set_evidence(labels, labels, labels[:, :3])
    with pytest.raises(ReportedBy, match=r"data.labels_in_range: labels of shape"):
        judged("labels_in_train", evidence)
    assert judged("labels_in_range", evidence)
