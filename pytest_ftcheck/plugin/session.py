"""The session's state in pytest's stash, made from the command line and the markers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.compat.of_pytest import base_folder, is_worker, temporary_folder
from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.plugin.options import given_options
from pytest_ftcheck.sessions.session import SUITE, FtcheckSession, Host, start_session
from pytest_ftcheck.sessions.variants import Variant, requested_by_markers, variant_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from pytest_ftcheck.training.recorder import ProgressListener

SESSION = pytest.StashKey[FtcheckSession]()


def begin(config: pytest.Config) -> FtcheckSession:
    """Make the session's state from the command line and the configuration file.

    Raises:
        FtcheckError: an option or the configuration file is wrong.

    """
    workers = getattr(config, "workerinput", {}).get("workercount") or len(config.getoption("tx", None) or []) or 1
    settings = make_settings(given_options(config), config.rootpath, int(workers))
    host = Host(
        folder=partial(_runs_folder, config),
        scratch=partial(temporary_folder, config, "ftcheck-probe"),
        listening=partial(_listening, config),
        # Workers of pytest-xdist share their runs, and therefore this token for parts without a stable description.
        token=getattr(config, "workerinput", {}).get("testrunuid"),
    )
    session = start_session(settings, host, [arg for arg in config.args if _is_suite_id(arg)])
    config.stash[SESSION] = session
    return session


def session_of(config: pytest.Config) -> FtcheckSession:
    """Return the session's state."""
    return config.stash[SESSION]


def _runs_folder(config: pytest.Config) -> Path:
    """Return the folder of this session's runs, the same one in all workers of pytest-xdist."""
    base = base_folder(config)
    return Path(base.parent if is_worker(config) else base) / "ftcheck-runs"


def _listening(config: pytest.Config) -> AbstractContextManager[ProgressListener]:
    from pytest_ftcheck.plugin.progress import shown  # noqa: PLC0415 - where a run is made

    return shown(config)


def _is_suite_id(arg: str) -> bool:
    """Whether an argument of the command line names tests of the suite, not a path that exists."""
    return arg.startswith(SUITE) and not Path(arg.split("::", maxsplit=1)[0]).exists()


def choose_paths(config: pytest.Config, session: FtcheckSession) -> None:
    """Remove the suite's node ids from the command line; without a path, only the suite runs."""
    given = config.args_source is pytest.Config.ArgsSource.ARGS
    session.alone = not given
    config.args[:] = [arg for arg in config.args if given and arg not in session.selected]


def own_tests_line(config: pytest.Config, session: FtcheckSession) -> list[str]:
    """Return a line which says that the project's own tests do not run, where it may have some."""
    root = config.rootpath
    has_some = config.getini("testpaths") or (root / "tests").is_dir() or any(root.glob("test_*.py"))
    if not session.alone or not has_some:
        return []
    return ["ftcheck: only the suite runs; give a path, such as tests/, to run the project's own tests as well"]


def markers_of(node: pytest.Item | pytest.Function, name: str) -> list[tuple[tuple[object, ...], Mapping[str, Any]]]:
    """Return arguments and keywords of a test's markers of this name, the closest one first."""
    return [(marker.args, marker.kwargs) for marker in node.iter_markers(name)]


def requested_by(node: pytest.Item | pytest.Function) -> dict[str, Any]:
    """Return the values of a test's ``ftcheck`` markers; see `requested_by_markers`."""
    return requested_by_markers(node.name, markers_of(node, "ftcheck"))


def variant_of(node: pytest.Item | pytest.Function, session: FtcheckSession) -> Variant:
    """Read task, engine and seed from the closest ``ftcheck`` markers, else from the settings."""
    return variant_for(node.name, requested_by(node), session.settings)
