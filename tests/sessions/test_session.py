"""The state of a session: it is made of plain values, and imports nothing heavy before a task is asked for."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.sessions.session import FtcheckSession, Host, start_session
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Start = Callable[..., FtcheckSession]

SMALL = Settings(tasks=("sst2",), device="cpu", max_train_rows=8, max_eval_rows=8)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    host = Host(folder=lambda: tmp_path, scratch=lambda: tmp_path, listening=lambda: nullcontext(silent))
    return lambda settings, *selected: start_session(settings, host, selected)


def test_tests_that_are_named_choose_the_tasks(start: Start) -> None:
    session = start(Settings(tasks=("mrpc",)), "ftcheck/sst2::test_data", "ftcheck/cola")
    assert session.settings.tasks == ("sst2", "cola")
    assert session.selected == ("ftcheck/sst2::test_data", "ftcheck/cola")
    assert list(session.cards) == ["sst2", "cola"]
    assert session.pipelines == {}


def test_a_trainer_alone_is_a_task_of_its_own(start: Start) -> None:
    session = start(Settings(trainer="train.py:build"))
    assert session.settings.tasks == (session.own_task,) == ("train-build",)
    assert session.table("train-build") == {"trainer": "train.py:build"}
    with pytest.raises(SettingsError, match="needs one task, not mrpc, sst2"):
        start(Settings(trainer="train.py:build", tasks=("mrpc", "sst2")))


def test_a_pipeline_is_built_once(start: Start) -> None:
    session = start(SMALL)
    assert session.pipeline("sst2") is session.pipeline("sst2")


def test_the_first_test_that_meets_a_failure_tells_of_it(start: Start) -> None:
    session = start(Settings())
    error = SettingsError("broken")
    assert [session.reporting_test("run", error, name) for name in ("first", "second")] == ["first", "first"]
    assert session.reporting_test("another run", error, "second") == "second"


def test_the_accepted_runs_are_read_when_they_are_first_asked_for(start: Start, tmp_path: Path) -> None:
    session = start(Settings(rootdir=tmp_path))
    assert session.baselines is None
    assert session.open_baselines() is session.open_baselines() is session.baselines


def test_a_session_without_a_task_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pytest_ftcheck.sessions.session import start_session;"
        "from pytest_ftcheck.settings import Settings; start_session(Settings(), None);"
        "print(sorted({'torch', 'numpy', 'pytest', 'pytest_ftcheck.tasks.card'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
