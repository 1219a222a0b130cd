"""Gates of the suite: a metric of a run, judged by the limits of its card and by an accepted run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.tolerance import FALSE_ALARMS
from pytest_ftcheck.judging.gating import CardGates, Gate, false_alarms, gates_of

if TYPE_CHECKING:
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.sessions.session import FtcheckSession
    from tests.judging.conftest import MakeRun, MakeSession


def judged(session: FtcheckSession, run: Run) -> tuple[list[Finding], list[Finding], list[Gate]]:
    """Ask the check of accuracy; return what is red, what it warns of, and the gates that it noted."""
    noted: list[Gate] = []
    warned: list[Finding] = []
    check = CardGates(session.settings, session.parts.masks).check("accuracy", noted.append, warned.extend)
    evidence: Any = EvidenceOfRun(session, run)
    return check.function(evidence, {}), warned, noted


class EvidenceOfRun:
    """As much of the evidence as a gate looks at."""

    def __init__(self, session: FtcheckSession, run: Run) -> None:
        self.pipeline, self.run = session.pipeline("sst2"), run


def test_a_run_far_above_its_floor_passes(make_session: MakeSession, make_run: MakeRun) -> None:
    red, warned, (gate,) = judged(make_session(0.8), make_run(wrong=2))
    assert (red, warned, gate.bad) == ([], [], [])
    (record,) = gate.records()
    assert (record.metric, record.slice, record.value, record.floor) == ("accuracy", "", 0.98, 0.8)
    assert (record.task, record.engine, record.seed, record.seconds) == ("sst2", "trainer", 0, 1.5)
    assert (record.status, record.informs, record.failed) == ("pass", False, False)


def test_a_run_far_below_its_floor_is_red(make_session: MakeSession, make_run: MakeRun) -> None:
    red, warned, (gate,) = judged(make_session(0.8), make_run(wrong=50))
    assert red == gate.bad
    assert [found.check for found in red] == ["metrics.floor"]
    assert red[0].observed.startswith("0.5000")
    assert warned == []


@pytest.mark.parametrize("strict", [False, True])
def test_what_the_rows_do_not_settle_is_a_warning_and_strictly_red(
    make_session: MakeSession,
    make_run: MakeRun,
    strict: bool,  # noqa: FBT001 - a parameter
) -> None:
    red, warned, (gate,) = judged(make_session(0.8, strict=strict), make_run(wrong=22))
    assert gate.verdicts[""].status == "inconclusive"
    assert gate.bad == []
    assert [len(red), len(warned)] == ([1, 0] if strict else [0, 1])


def test_one_of_several_seeds_informs_and_decides_nothing(make_session: MakeSession, make_run: MakeRun) -> None:
    red, warned, (gate,) = judged(make_session(0.8, seeds=(0, 1)), make_run(wrong=50))
    assert (red, warned) == ([], [])
    assert gate.bad != []
    assert [record.informs for record in gate.records()] == [True]


def test_a_run_that_predicts_one_class_is_degenerate(make_session: MakeSession, make_run: MakeRun) -> None:
    logits = make_run().logits * 0 + [0, 1]
    _, _, (gate,) = judged(make_session(0.8), make_run(logits=logits))
    assert [record.failed for record in gate.records()] == [True]


def test_a_metric_that_waits_for_a_baseline_says_so_and_may_be_accepted(
    make_session: MakeSession, make_run: MakeRun
) -> None:
    limits = {"max_drop": 0.02}
    with pytest.raises(NotApplicable, match=r"accuracy = 0\.9800: no baseline for .*; accept a run with --ftcheck-upd"):
        judged(make_session(limits), make_run(wrong=2))
    red, _, (gate,) = judged(make_session(limits, update_baseline="all"), make_run(wrong=2))
    assert red == []
    assert gate.verdicts[""].status == "ungated"


def test_a_drop_below_the_accepted_run_is_red(make_session: MakeSession, make_run: MakeRun) -> None:
    session = make_session({"max_drop": 0.02})
    asked: list[bool] = []

    def accepted(*_: object, gated: bool) -> ComparedRun:
        asked.append(gated)
        return ComparedRun.of_run(make_run())

    gates = CardGates(session.settings, session.parts.masks, accepted=accepted)
    gate = gates.judge(session.pipeline("sst2"), make_run(wrong=30), "accuracy")
    assert [found.check for found in gate.bad] == ["metrics.baseline"]
    assert asked == [True]
    assert gate.not_compared is None


def test_a_baseline_that_cannot_be_compared_with_is_kept_for_later(
    make_session: MakeSession, make_run: MakeRun
) -> None:
    failure = CheckFailure([Finding("metrics.baseline", "sst2", "the accepted rows", "other rows")])

    def accepted(*_: object, gated: bool) -> ComparedRun:
        assert not gated  # a floor alone asks for no baseline
        raise failure

    session = make_session(0.8)
    gate = CardGates(session.settings, session.parts.masks, accepted=accepted).judge(
        session.pipeline("sst2"), make_run(wrong=50), "accuracy"
    )
    assert gate.not_compared is failure
    assert gate.verdicts[""].status == "fail"  # the limits are judged all the same


def test_false_alarms_are_shared_by_all_comparisons_of_a_session(make_session: MakeSession) -> None:
    limits = {"min": 0.8, "max_drop": 0.02}
    assert false_alarms(make_session(limits)) == FALSE_ALARMS
    both = ("trainer", "manual")
    assert false_alarms(make_session(limits, engines=both)) == FALSE_ALARMS / 2
    # Over several seeds: the drop, the mean and the failed runs.
    assert false_alarms(make_session(limits, engines=both, seeds=(0, 1))) == FALSE_ALARMS / 6


def test_the_gates_of_a_session_take_its_baselines(make_session: MakeSession, make_run: MakeRun) -> None:
    session = make_session(0.8)
    gate = gates_of(session).judge(session.pipeline("sst2"), make_run(wrong=2), "accuracy")
    assert gate.verdicts[""].status == "pass"
    assert session.baselines is not None
    assert list(session.baselines.ran) != []
