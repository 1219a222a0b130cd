"""The rules of a card's table: known keys, types of values, numbers as thresholds of checks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeGuard

from pytest_ftcheck.errors import TaskError, closest, unknown
from pytest_ftcheck.settings import TIERS

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = {
    "description": str,
    "head": str,
    "text_columns": list,
    "label_column": str,
    "label_names": list,
    "data": str,
    "dataset": dict,
    "metric": dict,
    "checkpoint": dict,
    "recipe": dict,
    "floors": dict,
    "slices": list,
    "checks": dict,
    "trainer": str,
}


def check_keys(name: str, table: Mapping[str, Any]) -> None:
    """Validate the part of a card that needs no other part: the rest may come from a Trainer.

    Raises:
        TaskError: an unknown key, or a value of the wrong type.

    """
    for key, value in table.items():
        if key not in _KEYS:
            raise wrong(name, f"unknown key {key!r}.{closest(key, _KEYS)} Known: {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise wrong(name, f"{key} must be a {_KEYS[key].__name__}, not {value!r}")
    if table.get("trainer") == "":
        raise wrong(name, "trainer must name a factory, such as my_project.train:build_trainer, not ''")
    for check, values in table.get("checks", {}).items():
        _check_thresholds(name, f"checks.{check}", values)


def _check_thresholds(name: str, where: str, values: object) -> None:
    """Check that thresholds are numbers and ``skip`` is a reason; ids of checks are validated later."""
    if not isinstance(values, dict):
        todo = 'such as { rows = 0.9 } or { skip = "why" }'
        raise wrong(name, f"{where} must be a table of thresholds, {todo}, not {values!r}")
    for key, value in values.items():
        if isinstance(value, dict):
            quoted = f'"{where.removeprefix("checks.")}.{key}"'
            raise wrong(
                name, f"{where}.{key}: put the id of the check into quotes: [tool.ftcheck.tasks.{name}.checks.{quoted}]"
            )
        if key == "skip" and (not isinstance(value, str) or not value.strip()):
            raise wrong(name, f"{where}.skip must be the reason why the check is not run, not {value!r}")
        if key != "skip" and not is_number(value):
            raise wrong(name, f"{where}.{key} must be a finite number, not {value!r}")


def is_number(value: object) -> TypeGuard[float]:
    """Return True for a finite number; True and False do not count as numbers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_tiers(name: str, table: Mapping[str, Any]) -> None:
    """Refuse unknown tiers, whose checkpoint or recipe would be ignored."""
    for key, value in table.get("checkpoint", {}).items():
        if key not in TIERS:
            raise wrong(name, f"checkpoint.{key}: " + unknown("tier", key, TIERS))
        if not isinstance(value, str) or not value:
            raise wrong(name, f"checkpoint.{key} must be the name of a checkpoint or its folder, not {value!r}")
    for key, value in table["recipe"].items():
        if key not in TIERS and not is_value(key, value):
            raise wrong(name, f"recipe.{key}: " + unknown("tier", key, TIERS))
        if key in TIERS and not isinstance(value, dict):
            raise wrong(name, f"recipe.{key} must be a table, not {value!r}")


def wrong(name: str, what: str) -> TaskError:
    """Make the error for a card that breaks a rule; without a name, for limits without a card."""
    return TaskError(("" if not name else f"task card {name!r}: ") + f"{what.removesuffix('.')}.")


def is_value(name: str, value: object) -> bool:
    """Return whether an entry is a value, such as ``lr_scheduler_kwargs = { num_cycles = 2 }``, not a nested table."""
    return not isinstance(value, dict) or name.endswith(("_kwargs", "_config"))
