"""Which options have an effect in which kind of session: one without is a usage error, not a green session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.deadline import SUPPORTED
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.plugin.options import FLAGS, LISTS
from pytest_ftcheck.plugin.report import is_own_use
from pytest_ftcheck.plugin.session import SESSION, is_worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.plugin.session import FtcheckSession
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
    # Where no gate looks at a run, the session's end says that nothing was accepted, and is red.
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
"""Kinds of sessions, by the field of an option; one that is not here has an effect in all of them."""
_NEEDS: Mapping[str, str] = {"store": "reuse", "bench_tolerance": "bench_compare"}
"""Options that say something of another one."""
_OF_A_CARD = ("model", "dtype", "bench_shape")
"""A Trainer loads its own model."""
_CHOOSING = (("--ftcheck-list-checks", "checks"),)
"""Options that say what of a list is shown."""
_ONE_SEED = ("faults", "bench", "parts")


def given_on_command_line(config: pytest.Config) -> tuple[str, ...]:
    """Return the `Settings` fields of the options that stand on this command line.

    What ``addopts`` or ``PYTEST_ADDOPTS`` gives holds for all sessions of a project, also those without us.
    """
    words = [str(word).partition("=")[0] for word in config.invocation_params.args]
    return tuple(name for name, flag in FLAGS.items() if flag in words)


def check_effects(session: FtcheckSession, given: Sequence[str]) -> None:
    """Refuse options that can have no effect in this session.

    Args:
        session: with the selected tasks.
        given: fields of the options that the command line gives.

    Raises:
        SettingsError: one of them has none.

    """
    settings = session.settings
    if settings.timeout and not SUPPORTED:
        msg = "--ftcheck-timeout has no effect on this system, which has no timers of POSIX. Leave it out."
        raise SettingsError(msg)
    # Where the project's own tests run beside the suite, they may need what its checks do not: see `check_use`.
    kind = session_kind(settings, suite_alone=session.alone)
    if told := _idle(settings, given, kind):
        raise SettingsError(told)
    for name in given:
        needed = _NEEDS.get(name)
        if needed and not getattr(settings, needed):
            msg = f"{FLAGS[name]} has no effect without {FLAGS[needed]}: give both."
            raise SettingsError(msg)
        if name in _OF_A_CARD and settings.trainer:
            msg = f"{FLAGS[name]} has no effect with --ftcheck-trainer: your factory loads the model."
            raise SettingsError(msg)


def check_listing(config: pytest.Config) -> None:
    """Refuse options beside one that lists something and ends.

    Raises:
        pytest.UsageError: there are others, which would be forgotten.

    """
    listed = [option for option in LISTS if config.getoption(option.removeprefix("--").replace("-", "_"))]
    if not listed:
        return
    others = [FLAGS[name] for name in given_on_command_line(config) if (*listed, name) not in _CHOOSING] + listed[1:]
    if others:
        verb = "has" if len(others) == 1 else "have"
        msg = (
            f"{', '.join(others)} {verb} no effect with {listed[0]}, which prints and ends. Give one without the other."
        )
        raise pytest.UsageError(msg)


def session_kind(settings: Settings, *, suite_alone: bool) -> str:
    """Say what a session does: a key of the kinds above.

    Args:
        settings: with the selected tasks.
        suite_alone: no other test makes use of the options.

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
    """Say what the checks that are chosen need: the gates look at a run, others may look at parts alone."""
    from pytest_ftcheck.judging.selection import FLOOR_ID, choose_ids, costs  # noqa: PLC0415 - where a task is selected

    known = costs()
    chosen = choose_ids(known, words)
    if FLOOR_ID in chosen:
        return "suite"
    return "runs" if {known[name] for name in chosen} & {"run", "extra-training"} else "parts"


def _idle(settings: Settings, given: Sequence[str], kind: str) -> str:
    """Say which options have no effect in a kind of session; an empty text where there is none."""
    if idle := [name for name in given if kind not in _EFFECTIVE.get(name, _ALL)]:
        if kind == "tests":
            return (
                f"{_told(idle)} no effect: no task is selected, so that no suite runs. Give --ftcheck-task=NAME or "
                "--ftcheck-trainer=path/to/train.py:factory as well."
            )
        return f"{_told(idle)} no effect with {_KINDS[kind]}. Give one without the other."
    if "seeds" in given and kind in _ONE_SEED and len(settings.seeds) > 1:
        return f"--ftcheck-seeds: {_KINDS[kind]} takes one seed, not {len(settings.seeds)}. Give one of them."
    return ""


def _told(names: Sequence[str]) -> str:
    return f"{', '.join(FLAGS[name] for name in names)} {'has' if len(names) == 1 else 'have'}"


def check_use(session: pytest.Session) -> None:
    """Refuse options that no collected test makes use of; with pytest-xdist, only the workers collect.

    Raises:
        pytest.UsageError: there is one.

    """
    ours = session.config.stash.get(SESSION, None)
    if ours is None or is_worker(session.config) or not session.items:
        return
    if told := without_use(session.config, ours.settings, used=any(map(is_own_use, session.items))):
        raise pytest.UsageError(told)


def without_use(config: pytest.Config, settings: Settings, *, used: bool) -> str:
    """Say which options of the command line nobody made use of; an empty text where there is none.

    Args:
        config: of the process that has the terminal.
        settings: of the session.
        used: a test of the project takes a fixture or a marker of ours.

    """
    given = [name for name in given_on_command_line(config) if name != "json"]
    if used or not given:
        return ""
    if settings.tasks:
        return _idle(settings, given, session_kind(settings, suite_alone=True))
    return (
        f"{_told(given)} no effect: no task is selected, and no test takes a fixture or a marker of ftcheck. Give "
        "--ftcheck-task=NAME or --ftcheck-trainer=path/to/train.py:factory, or leave what has no effect out."
    )
