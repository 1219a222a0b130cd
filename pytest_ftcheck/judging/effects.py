"""Which options have an effect in which kind of session; an option without an effect is a usage error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.deadline import SUPPORTED
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.option_table import FLAGS
from pytest_ftcheck.settings import REPORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.settings import Settings

_KINDS: Mapping[str, str] = {
    "suite": "the suite of a task",
    "runs": "a choice of checks without the gates (metrics.floor)",
    "parts": "a choice of checks that need no run",
    "faults": "--ftcheck-faults",
    "calibrate": "--ftcheck-calibrate",
    "bench": "--ftcheck-bench or --ftcheck-bench-compare",
    "tests": "your own tests alone",
}
_ALL = frozenset(_KINDS)
_OF_TASKS = _ALL - {"tests"}
_OF_SUITE = frozenset({"suite", "runs", "parts"})

_EFFECTIVE: Mapping[str, frozenset[str]] = {
    "tasks": _OF_TASKS,
    "trainer": _OF_TASKS,
    "no_train": _OF_SUITE | {"tests"},
    "checks": _OF_SUITE | {"faults"},
    "faults": frozenset({"faults"}),
    "engines": _ALL - {"bench", "parts"},
    "strict": _OF_SUITE | {"tests"},
    "budget": _OF_SUITE,
    # Where no gate judges a run, nothing can be accepted; the session reports this at its end, and fails.
    "update_baseline": _OF_SUITE | {"tests"},
    "reason": _OF_SUITE | {"tests"},
    "require_baseline": frozenset({"suite", "tests"}),
    "calibrate": frozenset({"calibrate"}),
    "calibrate_runs": frozenset({"calibrate"}),
    "write_floors": frozenset({"calibrate"}),
    "bench": frozenset({"bench"}),
    "bench_batch_sizes": frozenset({"bench"}),
    "bench_dtypes": frozenset({"bench"}),
    "bench_seq_len": frozenset({"bench"}),
    "bench_compile": frozenset({"bench"}),
    "bench_shape": frozenset({"bench"}),
    "bench_compare": frozenset({"bench"}),
    "bench_tolerance": frozenset({"bench"}),
    "fast_cpu": _ALL - {"parts"},
    "reuse": frozenset({"suite", "runs", "calibrate", "tests"}),
    "store": frozenset({"suite", "runs", "calibrate", "tests"}),
}
"""Kinds of sessions by the field of an option; an option that is not listed has an effect in all kinds."""
_NEEDS: Mapping[str, str] = {"store": "reuse", "bench_tolerance": "bench_compare"}
"""Options that need another option."""
_OF_A_CARD = ("model", "dtype", "bench_shape")
"""Options without an effect on a user's Trainer, which loads its own model."""
_OF_REPORTS = frozenset({*REPORTS, "github"})
"""Options that only say what becomes of the results: they do no harm where there are none."""
_BESIDE_LISTS: Mapping[str, frozenset[str]] = {
    "--ftcheck-list-checks": frozenset({"checks"}),
    "--ftcheck-dry-run": frozenset(FLAGS)
    - {"faults", "calibrate", "calibrate_runs", "write_floors", "update_baseline", "reason", "require_baseline"}
    - {name for name in FLAGS if name.startswith("bench")}
    - {"reuse", "store", "budget", *_OF_REPORTS},
}
"""Fields of the options that change what an option lists."""
_ONE_SEED = ("faults", "bench", "parts")


def check_effects(settings: Settings, given: Sequence[str], *, suite_alone: bool) -> None:
    """Refuse options that can have no effect in a session.

    Args:
        settings: settings with the selected tasks.
        given: fields of the options on the command line.
        suite_alone: True if only the suite runs, without the project's own tests.

    Raises:
        SettingsError: an option has no effect.

    """
    if settings.timeout and not SUPPORTED:
        msg = "--ftcheck-timeout has no effect on this system, which has no POSIX timers. Remove the option."
        raise SettingsError(msg)
    # If the project's own tests run as well, they may need options that the checks do not need: see `without_use`.
    kind = session_kind(settings, suite_alone=suite_alone)
    if message := _idle(settings, given, kind):
        raise SettingsError(message)
    for name in given:
        needed = _NEEDS.get(name)
        if needed and not getattr(settings, needed):
            msg = f"{FLAGS[name]} has no effect without {FLAGS[needed]}: give both."
            raise SettingsError(msg)
        if name in _OF_A_CARD and settings.trainer:
            msg = f"{FLAGS[name]} has no effect with --ftcheck-trainer: your factory loads the model. Leave it out."
            raise SettingsError(msg)


def beside_lists(listed: Sequence[str], given: Sequence[str]) -> str:
    """Return a message about options without an effect beside one that prints a list; empty if there is none.

    Args:
        listed: the given options that print a list.
        given: fields of the options on the command line.

    """
    if not listed:
        return ""
    changing = _BESIDE_LISTS.get(listed[0], frozenset())
    others = [FLAGS[name] for name in given if name not in changing] + list(listed[1:])
    if not others:
        return ""
    verb = "has" if len(others) == 1 else "have"
    return f"{', '.join(others)} {verb} no effect with {listed[0]}, which only prints. Give one without the other."


def session_kind(settings: Settings, *, suite_alone: bool) -> str:
    """Return the kind of a session: a key of `_KINDS`.

    Args:
        settings: settings with the selected tasks.
        suite_alone: True if no other test uses the options.

    """
    if not settings.tasks:
        return "tests"
    if settings.faults:
        return "faults"
    if settings.calibrate:
        return "calibrate"
    if settings.measures:
        return "bench"
    return _kind_of_suite(settings.checks) if suite_alone else "suite"


def _kind_of_suite(words: Sequence[str]) -> str:
    """Return the kind of a suite by its chosen checks: the gates need a run, others may need only the parts."""
    from pytest_ftcheck.judging.selection import FLOOR_ID, choose_ids, costs  # noqa: PLC0415 - where a task is selected

    known = costs()
    chosen = choose_ids(known, words)
    if FLOOR_ID in chosen:
        return "suite"
    return "runs" if {known[name] for name in chosen} & {"run", "extra-training"} else "parts"


def _idle(settings: Settings, given: Sequence[str], kind: str) -> str:
    """Return a message about options without an effect in a kind of session; empty if there is none."""
    if idle := [name for name in given if kind not in _EFFECTIVE.get(name, _ALL)]:
        if kind == "tests":
            return (
                f"{_have(idle)} no effect: no task is selected, so no suite runs. Give --ftcheck-task=NAME or "
                "--ftcheck-trainer=path/to/train.py:factory as well."
            )
        return f"{_have(idle)} no effect with {_KINDS[kind]}. Give one without the other."
    if "seeds" in given and kind in _ONE_SEED and len(settings.seeds) > 1:
        return f"--ftcheck-seeds: {_KINDS[kind]} takes one seed, not {len(settings.seeds)}. Give one seed."
    return ""


def effective(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return those fields of options that have an effect in a session of the suite alone, in their order."""
    kind = session_kind(settings, suite_alone=True)
    return [name for name in names if kind in _EFFECTIVE.get(name, _ALL)]


def _have(names: Sequence[str]) -> str:
    return f"{', '.join(FLAGS[name] for name in names)} {'has' if len(names) == 1 else 'have'}"


def without_use(settings: Settings, given: Sequence[str], *, used: bool) -> str:
    """Return a message about options of the command line that no test used; empty if there is none.

    Args:
        settings: settings of the session.
        given: fields of the options on the command line.
        used: True if a test of the project uses a fixture or a marker of this plugin.

    """
    given = [name for name in given if name not in _OF_REPORTS]
    if used or not given:
        return ""
    if settings.tasks:
        return _idle(settings, given, session_kind(settings, suite_alone=True))
    return (
        f"{_have(given)} no effect: no task is selected, and no test uses a fixture or a marker of ftcheck. Give "
        "--ftcheck-task=NAME or --ftcheck-trainer=path/to/train.py:factory, or remove the options without an effect."
    )
