"""The checks of equivalent trainings run where they are named, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import FAMILIES, OPT_IN
from pytest_ftcheck.checks.names import COST_OF
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.judging.selection import choose_ids, costs

if TYPE_CHECKING:
    from collections.abc import Callable

EIGHT = [name for name in COST_OF if name.startswith("equivalence.")]


def test_what_is_opted_in_is_a_family() -> None:
    assert set(FAMILIES) >= OPT_IN
    assert len(EIGHT) == 8


@pytest.mark.parametrize("words", [(), ("-training",), ("data", "training"), ("-equivalence",)])
def test_without_its_name_it_is_not_chosen(words: tuple[str, ...]) -> None:
    assert not set(choose_ids(costs(), words)) & set(EIGHT)


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        (("equivalence",), EIGHT),
        (("equivalence.padding",), ["equivalence.padding"]),
        (("equivalence", "-equivalence.compiled"), [name for name in EIGHT if name != "equivalence.compiled"]),
    ],
)
def test_named_it_is_chosen_alone(words: tuple[str, ...], chosen: list[str]) -> None:
    assert list(choose_ids(costs(), words)) == chosen


def test_all_others_beside_it_are_all_there_are() -> None:
    assert set(choose_ids(costs(), (), opted_in=True)) == set(costs())
    assert set(choose_ids(costs(), FAMILIES)) == set(costs())


def test_a_wrong_name_gets_those_of_the_family() -> None:
    with pytest.raises(
        SettingsError, match=r"unknown check 'equivalence\.paddings'.*Known: equivalence\.accumulation, "
    ):
        choose_ids(costs(), ("equivalence.paddings",))


def test_a_session_collects_them_where_they_are_named(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=mrpc", "--ftcheck-checks=equivalence", "--collect-only", "-q")
    found = [line for line in result.outlines if "::" in line]
    assert found == [f"ftcheck/mrpc::test_equivalence[{name.partition('.')[2]}-trainer]" for name in EIGHT]


def test_a_session_without_a_choice_does_not(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=mrpc", "--collect-only", "-q")
    found = [line for line in result.outlines if line.startswith("ftcheck/")]
    assert not [line for line in found if "equivalence" in line]
    # Both metrics are gated; engine_parity needs two engines.
    assert len([line for line in found if "test_" in line and "::" in line]) >= 120  # without those of other heads


@pytest.mark.slow
def test_a_planted_fault_is_judged_by_them(run_pytest: Callable[..., pytest.RunResult]) -> None:
    result = run_pytest("--ftcheck-task=mrpc", "--ftcheck-faults=accumulated_loss_off_by_a_thousandth")
    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_two_ways_that_part_fail_a_session_and_say_how_far(
    run_pytest: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_ftcheck.training.trainer import mean_over_rows

    def a_little_more(*given: Any) -> Callable[..., Any]:
        loss = mean_over_rows(*given)
        return lambda *args, **kwargs: 1.001 * loss(*args, **kwargs)

    monkeypatch.setattr("pytest_ftcheck.training.trainer.mean_over_rows", a_little_more)
    result = run_pytest("--ftcheck-task=mrpc", "--ftcheck-checks=equivalence.accumulation,equivalence.padding")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*the same length of the gradient on average, within 0.002% over 16 steps*", "*+0.1%*"]
    )
