"""One check, asked: what it warns of, and what ended the run that it looks at."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_ftcheck.checks.catalogue import Check, finding, warning
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.judging.judged import found_by_check, not_judged
from pytest_ftcheck.sessions.bundles import NoRun

BROKEN = Finding("model.logits_shape", "mine", "64 rows", "63 rows", "look at compute_loss.")
OTHER = Finding("training.completes", "mine", "a finite loss", "NaN", "look at the data.")


class Evidence(SimpleNamespace):
    """What a check sees of a run that may have failed."""

    @property
    def run(self) -> Any:
        if self.failed:
            raise NoRun(self.failed, "trainer")
        return object()


def evidence(*failed: Finding) -> Any:
    card = SimpleNamespace(head_rules=SimpleNamespace(traits=frozenset(), masks=None), thresholds={})
    pipeline = SimpleNamespace(card=card, subject="mine")
    return Evidence(failed=list(failed), pipeline=pipeline, environment={"threads": "1"}, precision="float32")


def check(found: Any) -> Check:
    def function(*_: Any) -> list[Finding]:
        if isinstance(found, Exception):
            raise found
        return list(found)

    return Check("training.resume", function, "extra-training", "something", "do something.")


def test_warnings_pass_unless_the_session_is_strict() -> None:
    both = check([finding("much", "little"), warning("much", "some", share=0.5)])
    assert [len(part) for part in found_by_check(both, evidence(), strict=False)] == [1, 1]
    assert [len(part) for part in found_by_check(both, evidence(), strict=True)] == [2, 0]


def test_a_short_training_that_fails_as_the_run_did_is_left_to_the_run() -> None:
    with pytest.raises(NoRun) as left:
        found_by_check(check(CheckFailure([BROKEN])), evidence(BROKEN), strict=False)
    assert not_judged(left.value) == "not judged because of model.logits_shape: 63 rows"


@pytest.mark.parametrize("of_run", [[], [OTHER]], ids=["the run did not fail", "the run failed otherwise"])
def test_a_short_training_that_fails_alone_is_red(of_run: list[Finding]) -> None:
    with pytest.raises(CheckFailure) as raised:
        found_by_check(check(CheckFailure([BROKEN])), evidence(*of_run), strict=False)
    assert not isinstance(raised.value, NoRun)
    assert raised.value.findings == (BROKEN,)


def test_a_run_that_failed_is_handed_on() -> None:
    with pytest.raises(NoRun):
        found_by_check(check(NoRun([OTHER], "trainer")), evidence(BROKEN), strict=False)
