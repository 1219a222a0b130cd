"""Checks whether the methods that a user's Trainer overrides are ones that this release of transformers calls."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

import transformers

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding
from pytest_ftcheck.compat.of_transformers import FORMER_HOOKS, trainer_calls

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "training.hooks_called",
    cost="free",
    catches="a hook of an older release, such as create_optimizer_and_scheduler, that nothing calls any more",
    hint="override the method that this release calls: create_optimizer() and create_scheduler() for the optimizer.",
)
def hooks_called(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The Trainer calls every hook that a user overrides.

    Assumes: a method with the name of a former hook is meant as that hook.

    Unusual but healthy: a former hook that the user's own code calls passes.

    False alarms: none by chance. The code of the installed release is searched.
    """
    del thresholds
    trainer_class = evidence.pipeline.source.own.trainer_class
    own = [kind for kind in trainer_class.__mro__ if not kind.__module__.startswith("transformers.")]
    functions = {name: value for kind in own for name, value in vars(kind).items() if isinstance(value, FunctionType)}
    called = {word for name, function in functions.items() for word in _words(function) - {name}}
    dead = sorted(name for name in functions if name in FORMER_HOOKS and name not in called and not trainer_calls(name))
    if not dead:
        return []
    observed = ", ".join(f"{trainer_class.__name__}.{name}()" for name in dead)
    expected = f"methods that the Trainer of transformers {transformers.__version__} calls"
    return [finding(expected, f"{observed} overrides a hook of older releases, and is never called")]


def _words(function: Any) -> set[str]:
    """Return the names that a function's code uses, nested functions included."""
    code, found = [function.__code__], set()
    while code:
        current = code.pop()
        found |= set(current.co_names)
        code += [const for const in current.co_consts if hasattr(const, "co_names")]
    return found
