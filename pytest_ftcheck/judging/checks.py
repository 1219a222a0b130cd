"""The checks of the suite: catalogue and gates; the chosen checks, and their engines and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import COSTS, Check, Thresholds, catalogue, thresholds_of
from pytest_ftcheck.errors import SettingsError, TaskError
from pytest_ftcheck.gates.card_gates import limits_of
from pytest_ftcheck.heads.traits import of_another_kind
from pytest_ftcheck.judging.selection import FLOOR_ID, check_ids_of_card, choose_ids, in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.verdicts import Verdict
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.tasks.card import TaskCard

_BOTH_ENGINES = frozenset({"training.engine_parity"})
"""Checks with one test for both engines, and no test where only one engine runs."""


def metric_floor(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every metric is within its limits.

    The ids of its findings are ``metrics.floor``, ``metrics.ceiling`` and ``metrics.baseline``, over several seeds also
    ``metrics.seeds`` and ``metrics.failed_runs``; in ``--ftcheck-checks``, each of these ids selects these tests.

    Assumes: a limit was chosen for these rows, or for similar rows.

    Unusual but healthy: a limit inside the interval of the value is inconclusive and passes with a line in the summary.

    False alarms: the gates have a budget of their own, which is not part of the sum of the checks.
    """
    msg = (
        "metrics.floor has no function of its own: call `pytest_ftcheck.judging.gating.CardGates.check`, which makes it"
    )
    raise NotImplementedError(msg)


FLOOR = Check(
    FLOOR_ID,
    metric_floor,
    cost="run",
    catches="any defect that makes the model worse, whatever its cause; a metric that is missing or not a number",
    hint="compare data, recipe and versions with the last run that passed; other failed tests may show the "
    "defect. Lower the floor only if the drop is understood and accepted.",
)
"""Id, cost, description and hint of the gates; `CardGates.check` replaces the function."""


def ungated(pipeline: Pipeline, metric: str, verdicts: Mapping[str, Verdict]) -> str:
    """Return why a metric has no limit, and where to write one; an empty string where it has a limit."""
    if any(verdict.status != "ungated" for verdict in verdicts.values()):
        return ""
    value = "is not reported" if verdicts[""].missing else f"= {verdicts[''].value:.4f}"
    if limits_of(pipeline, metric).max_drop is not None:
        todo = "accept a run with --ftcheck-update-baseline"
        return f"{metric} {value}: no baseline for {pipeline.subject}; {todo}"
    where = f"[tool.ftcheck.tasks.{pipeline.card.name}.floors.{pipeline.tier}.{pipeline.checkpoint.name!r}]"
    lacks = "no floor" if verdicts[""].limits.max_drop is None else "no floor, and no baseline"
    return f"{metric} {value}: {lacks} for {pipeline.subject}; add it under {where}"


def suite_catalogue() -> Mapping[str, Check]:
    """Return every check of the suite by id: the catalogue, and the gates."""
    known = {**catalogue(), FLOOR.id: FLOOR}
    return MappingProxyType({name: known[name] for name in in_order(known)})


def choose(known: Mapping[str, Check], words: Iterable[str], *, opted_in: bool = False) -> tuple[Check, ...]:
    """Choose checks; see `choose_ids`."""
    return tuple(known[name] for name in choose_ids(known, words, opted_in=opted_in))


def validate_card(card: TaskCard, known: Mapping[str, Check], dtype: str) -> None:
    """Validate the checks and thresholds in a card.

    Raises:
        TaskError: the card names an unknown check or threshold.

    """
    check_ids_of_card(card.name, card.thresholds, known)
    for name, thresholds in card.thresholds.items():
        try:
            thresholds_of(known[name], thresholds, dtype)
        except SettingsError as error:
            msg = f"task card {card.name!r}: checks.{name}: {error}"
            raise TaskError(msg) from error


@dataclass(frozen=True)
class Case:
    """A check with its engine and seed, and for a gate also its metric."""

    check: Check
    engine: str
    seed: int
    id: str
    """The part in brackets of its node id in pytest."""
    metric: str = ""
    """The gated metric; empty for checks that are no gates."""

    def note(self, task: str) -> dict[str, object]:
        """Describe the test in plain values; engine and seed are None for checks that read only the parts."""
        of_parts = _of_parts(self.check)
        return {
            "task": task,
            "check": self.check.id,
            "cost": self.check.cost,
            "engine": None if of_parts else self.engine,
            "seed": None if of_parts else self.seed,
            **({"metric": self.metric} if self.metric else {}),
        }


def _of_parts(check: Check) -> bool:
    return check.cost in ("free", "forward")


def cases_of_function(function: str, settings: Settings, checks: Iterable[Check], card: TaskCard) -> list[Case]:
    """List the tests of one function of the suite: ``test_<family>``, or ``test_metric_floor``."""
    if function == "test_metric_floor":
        return gate_cases(settings, checks, card.gated_metrics)
    expected = expected_of(checks, settings, card)
    return cases_of_family(settings, expected, function.removeprefix("test_"))


def expected_of(checks: Iterable[Check], settings: Settings, card: TaskCard) -> list[Check]:
    """Leave out checks of another kind of task, such as tags on a task of classes, unless their id was named."""
    traits = card.head_rules.traits
    return [check for check in checks if check.id in settings.checks or not of_another_kind(check.needs, traits)]


def gate_cases(settings: Settings, checks: Iterable[Check], metrics: Iterable[str]) -> list[Case]:
    """List the gates: one for each metric, engine and seed, if the chosen checks include them."""
    if any(entry.id == FLOOR.id for entry in checks):
        return [
            Case(FLOOR, engine, seed, f"{metric}-{_variant_id(engine, seed, settings.seeds)}", metric)
            for metric in metrics
            for engine in settings.engines
            for seed in settings.seeds
        ]
    return []


def cases_of_family(settings: Settings, checks: Iterable[Check], family: str) -> list[Case]:
    """List the cases of the chosen checks of a family, without the gates.

    Cheap checks come before expensive ones, and checks of the same run are adjacent.
    """
    found = [
        case
        for entry in checks
        if entry.family == family and entry.id != FLOOR.id
        for case in _cases_of(entry, settings.engines, settings.seeds, named=entry.id in settings.checks)
    ]
    variants: list[tuple[str, int]] = [(engine, seed) for engine in settings.engines for seed in settings.seeds]
    return sorted(found, key=lambda case: (COSTS.index(case.check.cost), variants.index((case.engine, case.seed))))


def _cases_of(check: Check, engines: Sequence[str], seeds: Sequence[int], *, named: bool) -> list[Case]:
    """List the tests of one check; a check that was requested by id is listed even where it can only be skipped."""
    if check.id in _BOTH_ENGINES:
        return [Case(check, engines[0], seeds[0], check.name)] if len(engines) > 1 or named else []
    if _of_parts(check):
        return [Case(check, engines[0], seeds[0], check.name)]
    of_cost = seeds[:1] if check.cost == "extra-training" else seeds
    return [
        Case(check, engine, seed, f"{check.name}-{_variant_id(engine, seed, seeds)}")
        for engine in engines
        for seed in of_cost
    ]


def _variant_id(engine: str, seed: int, seeds: Sequence[int]) -> str:
    return f"{engine}-seed{seed}" if len(seeds) > 1 else engine
