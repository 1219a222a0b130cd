"""The two families of errors, and the wording of an unknown name."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck import errors
from pytest_ftcheck.errors import CheckFailure, FtcheckError, closest, unknown
from pytest_ftcheck.findings import Finding

LOW = Finding("metrics.floor", "accuracy of mrpc", "at least 0.7000", "0.6838, 0.0162 short", "compare the data")
BARE = Finding("model.finite", "logits", "finite", "3 NaN")
MISUSES = ["SettingsError", "TaskError", "DataError", "CheckpointError", "DeviceError", "StoreError"]


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_is_one_family(name: str) -> None:
    assert issubclass(getattr(errors, name), FtcheckError)


def test_check_failure_is_a_failed_assertion_and_no_misuse() -> None:
    assert issubclass(CheckFailure, AssertionError)
    assert not issubclass(CheckFailure, FtcheckError)


def test_check_failure_words_every_finding() -> None:
    assert str(CheckFailure([LOW, BARE])) == (
        "metrics.floor: accuracy of mrpc\n"
        "  expected  at least 0.7000\n"
        "  observed  0.6838, 0.0162 short\n"
        "  what to do: compare the data\n"
        "\n"
        "model.finite: logits\n"
        "  expected  finite\n"
        "  observed  3 NaN"
    )


def test_finding_gives_its_unit_with_both_numbers() -> None:
    text = Finding("speed.step", "step of mrpc", "at most 5", "7", unit="ms").describe()
    assert text.endswith("  expected  at most 5 ms\n  observed  7 ms")


def test_finding_shows_its_evidence_before_what_to_do() -> None:
    text = Finding(
        "data.labels", "train", "0 or 1", "2", "look", evidence=("row 3: label 2", "row 7: label 2")
    ).describe()
    assert text.endswith("  observed  2\n  evidence  row 3: label 2\n  evidence  row 7: label 2\n  what to do: look")


def test_check_failure_needs_a_finding() -> None:
    with pytest.raises(ValueError, match="at least one finding"):
        CheckFailure([])


def test_check_failure_survives_a_process_boundary() -> None:
    error = CheckFailure([LOW, BARE])
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(again), again.findings, str(again)) == (CheckFailure, (LOW, BARE), str(error))


def test_unknown_says_what_was_given_what_is_known_and_what_to_do() -> None:
    assert unknown("task", "mprc", ["rte", "mrpc"], "Take one.") == (
        "unknown task 'mprc'. Did you mean 'mrpc'? Known: mrpc, rte. Take one."
    )


def test_unknown_without_anything_known() -> None:
    assert unknown("task", "x", []) == "unknown task 'x'. Known: none."


@pytest.mark.parametrize("given_name", ["MRPC", "Mrcp", "mrpc_"])
def test_closest_overlooks_case_and_slips(given_name: str) -> None:
    assert closest(given_name, ["qnli", "mrpc"]) == " Did you mean 'mrpc'?"


def test_closest_does_not_guess_wildly() -> None:
    assert closest("sentiment", ["mrpc", "rte"]) == ""


@given(given_name=st.text(max_size=8), known=st.lists(st.text(max_size=8), max_size=5))
def test_unknown_names_everything_that_is_known(given_name: str, known: list[str]) -> None:
    message = unknown("key", given_name, iter(known))
    assert repr(given_name) in message
    assert all(name in message for name in known)
