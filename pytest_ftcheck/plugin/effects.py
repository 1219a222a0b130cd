"""Which options have an effect in which kind of session: one without is a usage error, not a green session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.deadline import SUPPORTED
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.plugin.options import FLAGS
from pytest_ftcheck.plugin.report import uses_ftcheck
from pytest_ftcheck.plugin.session import SESSION, is_worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.settings import Settings

_KINDS: Mapping[str, str] = {
    "suite": "the suite of a task",
    "faults": "--ftcheck-faults",
    "calibrate": "--ftcheck-calibrate",
    "bench": "--ftcheck-bench or --ftcheck-bench-compare",
    "tests": "your own tests alone",
}
_ALL = frozenset(_KINDS)
_OF_TASKS = _ALL - {"tests"}

_EFFECTIVE: Mapping[str, frozenset[str]] = {
    "tasks": _OF_TASKS,
    "trainer": _OF_TASKS,
    "no_train": frozenset({"suite", "tests"}),
    "checks": frozenset({"suite", "faults"}),
    "faults": frozenset({"faults"}),
    "engines": _ALL - {"bench"},
    "strict": frozenset({"suite", "tests"}),
    "update_baseline": frozenset({"suite", "tests"}),
    "reason": frozenset({"suite", "tests"}),
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
    "reuse": frozenset({"suite", "calibrate", "tests"}),
    "store": frozenset({"suite", "calibrate", "tests"}),
}
"""Kinds of sessions, by the field of an option; one that is not here has an effect in all of them."""
_NEEDS: Mapping[str, str] = {"store": "reuse", "bench_tolerance": "bench_compare"}
"""Options that say something of another one."""
_OF_A_CARD = ("model", "dtype", "bench_shape")
"""A Trainer loads its own model."""
_ONE_SEED = ("faults", "bench")


def given_on_command_line(config: pytest.Config) -> tuple[str, ...]:
    """Return the `Settings` fields of the options that stand on this command line.

    What ``addopts`` or ``PYTEST_ADDOPTS`` gives holds for all sessions of a project, also those without us.
    """
    words = [str(word).partition("=")[0] for word in config.invocation_params.args]
    return tuple(name for name, flag in FLAGS.items() if flag in words)


def check_effects(settings: Settings, given: Sequence[str]) -> None:
    """Refuse options that can have no effect in this session.

    Args:
        settings: with the selected tasks.
        given: fields of the options that the command line gives.

    Raises:
        SettingsError: one of them has none.

    """
    if settings.timeout and not SUPPORTED:
        msg = "--ftcheck-timeout has no effect on this system, which has no timers of POSIX. Leave it out."
        raise SettingsError(msg)
    kind = session_kind(settings)
    if idle := [name for name in given if kind not in _EFFECTIVE.get(name, _ALL)]:
        raise SettingsError(_without_effect(idle, kind))
    for name in given:
        needed = _NEEDS.get(name)
        if needed and not getattr(settings, needed):
            msg = f"{FLAGS[name]} has no effect without {FLAGS[needed]}: give both."
            raise SettingsError(msg)
        if name in _OF_A_CARD and settings.trainer:
            msg = f"{FLAGS[name]} has no effect with --ftcheck-trainer: your factory loads the model."
            raise SettingsError(msg)
    if "seeds" in given and kind in _ONE_SEED and len(settings.seeds) > 1:
        msg = f"--ftcheck-seeds: {_KINDS[kind]} takes one seed, not {len(settings.seeds)}. Give one of them."
        raise SettingsError(msg)


def session_kind(settings: Settings) -> str:
    """Say what a session does: a key of the kinds above."""
    if not settings.tasks:
        return "tests"
    if settings.faults:
        return "faults"
    if settings.calibrate:
        return "calibrate"
    return "bench" if settings.measures else "suite"


def _without_effect(names: Sequence[str], kind: str) -> str:
    told = _told(names)
    if kind == "tests":
        return (
            f"{told} no effect: no task is selected, so that no suite runs. Give --ftcheck-task=NAME or "
            "--ftcheck-trainer=path/to/train.py:factory as well."
        )
    return f"{told} no effect with {_KINDS[kind]}. Give one without the other."


def _told(names: Sequence[str]) -> str:
    return f"{', '.join(FLAGS[name] for name in names)} {'has' if len(names) == 1 else 'have'}"


def check_use(session: pytest.Session) -> None:
    """Refuse options that no collected test makes use of; with pytest-xdist, only the workers collect.

    Raises:
        pytest.UsageError: no task is selected, and no test takes a fixture of ours.

    """
    ours = session.config.stash.get(SESSION, None)
    if ours is None or is_worker(session.config) or not session.items:
        return
    if told := without_use(session.config, ours.settings, used=any(map(uses_ftcheck, session.items))):
        raise pytest.UsageError(told)


def without_use(config: pytest.Config, settings: Settings, *, used: bool) -> str:
    """Say which options of the command line nobody made use of; an empty text where there is none.

    Args:
        config: of the process that has the terminal.
        settings: of the session.
        used: a test takes a fixture or a marker of ours.

    """
    given = [name for name in given_on_command_line(config) if name != "json"]
    if used or settings.tasks or not given:
        return ""
    return (
        f"{_told(given)} no effect: no task is selected, and no test takes a fixture or a marker of ftcheck. Give "
        "--ftcheck-task=NAME or --ftcheck-trainer=path/to/train.py:factory, or leave what has no effect out."
    )
