"""Layered tables: the root applies to all runs, its tables to a tier, their tables to a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

IsValue = Callable[[str, object], bool]
"""Whether a key and its value are an entry; False for the table of a tier or checkpoint."""


def layered(table: Mapping[str, Any], tier: str, checkpoint: str, is_value: IsValue) -> dict[str, Any]:
    """Collect the values for a tier and checkpoint; the innermost value has precedence, as a whole."""
    values: dict[str, Any] = {}
    for key in ("", tier, checkpoint):
        if key:
            below = table.get(key, {})
            table = below if isinstance(below, Mapping) and not is_value(key, below) else {}
        values |= {name: value for name, value in table.items() if is_value(name, value)}
    return values


def overlaid(base: Mapping[str, Any], over: Mapping[str, Any], is_value: IsValue) -> dict[str, Any]:
    """Merge a user's table into that of a built-in card.

    A user's value replaces all values of the card for these tiers and checkpoints, also in nested tables and as a
    whole: the calibration of a built-in floor does not apply to a user's floor.
    """
    mine = {key for key, value in over.items() if is_value(key, value)}
    found = _without(base, mine, is_value)
    for key, value in over.items():
        below = found.get(key)
        if key in mine or not isinstance(below, Mapping) or is_value(key, below):
            found[key] = value
        else:
            found[key] = overlaid(below, value, is_value)
    return found


def _without(table: Mapping[str, Any], names: set[str], is_value: IsValue) -> dict[str, Any]:
    return {
        key: value if is_value(key, value) else _without(value, names, is_value)
        for key, value in table.items()
        if not (key in names and is_value(key, value))
    }
