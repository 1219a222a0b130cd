"""Limits of a card's metrics: the table ``floors``.

A number is a floor; a table has more keys. Slices have their own limits::

    [floors.tiny.tiny-bert]
    accuracy = 0.85
    f1 = { min = 0.8, max_drop = 0.02, slices = { "class=bad" = 0.7, length = 0.75 } }
    expected_calibration_error = { max = 0.1 }

Root, tier and checkpoint may each have entries; the innermost entry has precedence, as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import unknown
from pytest_ftcheck.extensions import extensions
from pytest_ftcheck.heads.own_metrics import own_metric
from pytest_ftcheck.settings import TIERS
from pytest_ftcheck.tasks.card_rules import is_number, wrong
from pytest_ftcheck.tasks.layers import layered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_ftcheck.tasks.card import MetricSpec

_KEYS = ("min", "max", "max_drop", "relative", "calibrated", "slices")
_CALIBRATED_KEYS = ("mean", "spread", "seeds", "rows", "failed", "runs", "false_alarms")
_CALIBRATED_NEEDS = ("mean", "spread", "seeds", "rows")
_FEWEST_SEEDS = 2
_EXAMPLE = "for example { min = 0.8 } or { max_drop = 0.02 }"


@dataclass(frozen=True)
class CalibratedSeeds:
    """The seeds from which a limit was calibrated; ``--ftcheck-calibrate`` writes them with the limit."""

    mean: float
    """Mean over the seeds that did not fail, in the unit of the metric."""
    spread: float
    """Standard deviation over those seeds, in the unit of the metric."""
    seeds: int
    """Number of seeds that did not fail, at least 2."""
    rows: int
    """Number of evaluated rows; on another number of rows, the limit counts as set by hand."""
    failed: int = 0
    """Number of seeds that failed."""
    runs: int = 1
    """Number of runs whose mean the limit applies to."""
    false_alarms: float | None = None
    """Accepted fraction of a healthy model's sessions in which any gate fails; it has no effect."""


@dataclass(frozen=True)
class MetricLimits:
    """Limits of one metric in a card."""

    min: float | None = None
    """Floor of a metric for which greater is better."""
    max: float | None = None
    """Ceiling of a metric for which smaller is better."""
    max_drop: float | None = None
    """Allowed drop against the baseline; None if no baseline is required."""
    relative: bool = False
    """True if ``max_drop`` is a fraction of the baseline's value."""
    calibrated: CalibratedSeeds | None = None
    """Seeds from which the limit was calibrated; None if it was set by hand."""
    slices: Mapping[str, MetricLimits] = field(default_factory=lambda: MappingProxyType({}))
    """Limits by slice (``class=bad``), or by family (``class``, ``length``) for each slice of the family; only floors
    and ceilings, with their seeds."""

    @property
    def limit(self) -> float | None:
        """Floor or ceiling."""
        return self.max if self.min is None else self.min


def layered_limits(table: Mapping[str, Any], tier: str, checkpoint: str) -> dict[str, MetricLimits]:
    """Collect the limits of a valid table ``floors`` for a tier and checkpoint; the innermost has precedence."""
    return {metric: _limits(value) for metric, value in layered(table, tier, checkpoint, is_limit).items()}


def gated_metrics(table: Mapping[str, Any]) -> list[str]:
    """List the metrics with limits for any tier or checkpoint in a valid table ``floors``."""
    found: dict[str, None] = {}
    for key, value in table.items():
        found |= {key: None} if is_limit(key, value) else dict.fromkeys(gated_metrics(value))
    return list(found)


def is_limit(name: str, value: object) -> bool:
    """Return True for the limits of a metric, False for the table of a tier or checkpoint with any name."""
    del name
    return not isinstance(value, Mapping) or any(key in value for key in _KEYS)


def read_limits(name: str, where: str, value: object, *, metric: str, greater_is_better: bool) -> MetricLimits:
    """Read the limits of one metric, a number or a table.

    Args:
        name: name of the task card, for messages; empty without a card.
        where: place of the value in the card, for messages.
        value: value in the card.
        metric: key of the metric.
        greater_is_better: direction of the metric.

    Raises:
        TaskError: an unknown key, a value of the wrong type, or a limit on the good side.

    """
    _check_limits(name, where, value, metric, greater_is_better=greater_is_better)
    return _limits(value)


def check_floors(
    name: str, table: Mapping[str, Any], metric: MetricSpec, *, of_logits: Sequence[str], slices: list[str]
) -> None:
    """Validate floors, with their tiers and checkpoints: every leaf must be a limit of a known metric.

    Args:
        name: name of the task card.
        table: the table ``floors``.
        metric: the card's metric.
        of_logits: metrics that the head computes from logits and that need not be reported; smaller is better. Metrics
            of other packages need not be reported either, and have their own direction.
        slices: families that the card declares.

    Raises:
        TaskError: the first error in the table.

    """
    others = {name: own.greater_is_better for name in set(_keys(table)) if (own := own_metric(name)) is not None}
    directions = {**others, "loss": False, **dict.fromkeys(of_logits, False), **metric.greater_is_better}
    _check_level(name, table, directions, slices, "floors", depth=0)


def _keys(table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a table and of its nested tables."""
    for key, value in table.items():
        yield key
        yield from _keys(value) if isinstance(value, Mapping) else ()


def _check_level(
    name: str, table: Mapping[str, Any], directions: Mapping[str, bool], slices: list[str], where: str, *, depth: int
) -> None:
    for key, value in table.items():
        place = f"{where}.{key}"
        if is_limit(key, value) or (key in directions and isinstance(value, Mapping)):
            if key not in directions:
                todo = "Declare its direction in metric.greater_is_better, or remove the floor."
                raise wrong(name, f"{place}: " + unknown("metric", key, [*directions, *extensions("metrics")], todo))
            _check_limits(name, place, value, key, greater_is_better=directions[key])
            _check_slices(name, place, value, slices)
            continue
        if depth == 0 and key not in TIERS:
            raise wrong(name, f"{place}: " + unknown("tier", key, TIERS))
        if depth > 1:
            todo = "Put the name of a checkpoint with a dot into quotes."
            raise wrong(name, f"{place}: tables of floors are nested by tier and checkpoint, not deeper. {todo}")
        _check_level(name, value, directions, slices, place, depth=depth + 1)


def _check_limits(name: str, where: str, value: object, metric: str, *, greater_is_better: bool) -> None:
    bad, good = ("max", "min") if greater_is_better else ("min", "max")
    if not isinstance(value, Mapping):
        if not is_number(value):
            raise wrong(name, f"{where} must be a finite number, not {value!r}, or a table, {_EXAMPLE}")
        if not greater_is_better:
            todo = f"Write {{ max = {value} }}"
            raise wrong(
                name, f"{where}: a smaller {metric} is better, so that it needs a ceiling instead of a floor. {todo}"
            )
        return
    for key, entry in value.items():
        _check_entry(name, f"{where}.{key}", key, entry)
    if bad in value:
        word = "greater" if greater_is_better else "smaller"
        raise wrong(name, f"{where}.{bad}: a {word} {metric} is better: use {good} instead of {bad}")
    needs = {"relative": "max_drop", "calibrated": good}
    alone = next((f"{key} needs {other}" for key, other in needs.items() if key in value and other not in value), "")
    if alone or not {good, "max_drop", "slices"} & value.keys():
        raise wrong(name, f"{where}: {alone or 'there is no limit'}, {_EXAMPLE}")
    for key, entry in value.get("slices", {}).items():
        inner = f'{where}.slices."{key}"'
        _check_limits(name, inner, entry, metric, greater_is_better=greater_is_better)
        if isinstance(entry, Mapping) and set(entry) - {good, "calibrated"}:
            todo = "a slice has no baseline, and no slices itself"
            raise wrong(name, f"{inner} must have only {good} and optionally calibrated: {todo}")


def _check_entry(name: str, where: str, key: str, entry: object) -> None:
    if key not in _KEYS:
        raise wrong(name, f"{where}: " + unknown("key of a limit:", key, _KEYS))
    if key in ("min", "max", "max_drop") and not is_number(entry):
        raise wrong(name, f"{where} must be a finite number, not {entry!r}")
    if key == "max_drop" and not 0 <= float(str(entry)) < math.inf:
        raise wrong(name, f"{where} must be at least 0 (the allowed drop of the metric), not {entry!r}")
    if key == "relative" and not isinstance(entry, bool):
        raise wrong(name, f"{where} must be true or false, not {entry!r}")
    if key == "slices" and not isinstance(entry, Mapping):
        raise wrong(name, f"{where} must be a table of limits by slice, such as {{ class = 0.7 }}, not {entry!r}")
    if key == "calibrated":
        _check_calibrated(name, where, entry)


def _check_calibrated(name: str, where: str, table: object) -> None:
    if not isinstance(table, Mapping):
        raise wrong(name, f"{where} must be a table with {', '.join(_CALIBRATED_NEEDS)}, not {table!r}")
    for key, value in table.items():
        if key not in _CALIBRATED_KEYS:
            raise wrong(name, f"{where}.{key}: " + unknown("key:", key, _CALIBRATED_KEYS))
        if not is_number(value):
            raise wrong(name, f"{where}.{key} must be a finite number, not {value!r}")
        least = {"seeds": _FEWEST_SEEDS, "rows": 1, "runs": 1, "spread": 0, "failed": 0}.get(key, -math.inf)
        if value < least or (key in ("seeds", "rows", "failed", "runs") and value != int(value)):
            raise wrong(name, f"{where}.{key} must be a number of at least {least}, not {value!r}")
    missing = [key for key in _CALIBRATED_NEEDS if key not in table]
    if missing:
        raise wrong(name, f"{where} lacks {', '.join(missing)}; --ftcheck-calibrate writes these keys")


def _check_slices(name: str, where: str, value: object, families: list[str]) -> None:
    for key in value.get("slices", {}) if isinstance(value, Mapping) else ():
        if key.partition("=")[0] not in families:
            todo = f"Declare it in the card's slices = [{', '.join(repr(family) for family in families)}, …]."
            raise wrong(name, f"{where}.slices: " + unknown("slice", key, families, todo))


def _limits(value: Any) -> MetricLimits:
    if not isinstance(value, Mapping):
        return MetricLimits(min=float(value))
    numbers = {key: float(value[key]) for key in ("min", "max", "max_drop") if key in value}
    calibrated = value.get("calibrated")
    return MetricLimits(
        **numbers,
        relative=value.get("relative", False),
        calibrated=None if calibrated is None else CalibratedSeeds(**calibrated),
        slices={key: _limits(entry) for key, entry in value.get("slices", {}).items()},
    )
