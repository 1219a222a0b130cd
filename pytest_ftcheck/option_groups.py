"""The options by their purpose, as ``--help`` and the documentation show them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.option_table import OPTIONS, SHOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "what is judged": (
            *("task", "trainer", "no-train", "checks", "tier", "model", "data", "engine", "seeds"),
            *("max-train-rows", "max-eval-rows", "online"),
        ),
        "limits and accepted runs": (
            *("strict", "require-baseline", "update-baseline", "reason", "calibrate", "calibrate-runs"),
            "write-floors",
        ),
        "reports": ("json", "html", "md", "ctrf", "openmetrics", "github"),
        "device and time": ("device", "require-device", "dtype", "fast-cpu", "threads", "timeout", "budget"),
        "kept runs": ("reuse", "store"),
        "planted faults": ("faults",),
        "speed of a training step": (
            *("bench", "bench-compare", "bench-tolerance", "bench-batch-sizes", "bench-dtypes", "bench-seq-len"),
            *("bench-compile", "bench-shape"),
        ),
        "lists": ("list", "list-checks", "explain", "dry-run"),
    }
)
"""Options by their purpose: without ``--ftcheck-``, in the order of ``--help``."""

Option = tuple[str, str | None, dict[str, Any]]
"""An option with its prefix, its `Settings` field if it has one, and the arguments of pytest's parser."""


def grouped_options() -> dict[str, list[Option]]:
    """Return all options by their purpose.

    Raises:
        KeyError: an option is in no group, or a group names an option that there is not.

    """
    left: dict[str, Option] = {flag: (f"--ftcheck-{flag}", dest, given) for flag, dest, given in OPTIONS}
    left |= {option.removeprefix("--ftcheck-"): (option, None, given) for option, given in SHOWN.items()}
    groups = {title: [left.pop(flag) for flag in flags] for title, flags in GROUPS.items()}
    if left:
        msg = f"options without a group: {', '.join(left)}. Add them to GROUPS."
        raise KeyError(msg)
    return groups


def described_options() -> dict[str, list[tuple[str, str | None, str]]]:
    """Return every option in its form on the command line, its `Settings` field, and its help, by purpose."""
    return {
        title: [(f"{option}{_value(arguments)}", dest, arguments["help"]) for option, dest, arguments in options]
        for title, options in grouped_options().items()
    }


def _value(arguments: Mapping[str, Any]) -> str:
    value = f"={arguments['metavar']}" if "metavar" in arguments else ""
    return f"[{value}]" if arguments.get("nargs") == "?" else value
