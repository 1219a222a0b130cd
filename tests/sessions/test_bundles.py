"""What checks look at: shared by tests over equal parts; the run is the session's, and made once."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from transformers import DataCollatorWithPadding

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.sessions.bundles import NoRun
from pytest_ftcheck.sessions.session import FtcheckSession, Host, start_session
from pytest_ftcheck.sessions.variants import Variant
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(tasks=("sst2",), engines=("trainer", "manual"), device="cpu", max_train_rows=8, max_eval_rows=8)
FIRST = Variant("sst2", "trainer", 0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Note the engines and seeds of what is made; seed 9 breaks off."""
    made: list[tuple[str, int]] = []

    def train_or_load(*_: Any, engine: str, seed: int, **__: Any) -> Any:
        made.append((engine, seed))
        if seed == 9:
            raise CheckFailure([Finding("training.finite_loss", "a run", "a finite loss", "nan")])
        return object()

    monkeypatch.setattr("pytest_ftcheck.training.train_or_load.train_or_load", train_or_load)
    return made


@pytest.fixture
def session(tmp_path: Path) -> FtcheckSession:
    host = Host(folder=lambda: tmp_path, scratch=lambda: tmp_path, listening=lambda: nullcontext(silent))
    return start_session(SETTINGS, host)


def test_equal_parts_share_a_bundle_and_its_run(session: FtcheckSession, made: list[tuple[str, int]]) -> None:
    pipeline = session.pipeline("sst2")
    tokenizer: Any = pipeline.processing_class
    changed = [
        replace(pipeline, data_collator=DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)) for _ in range(2)
    ]
    first, second = (session.bundles.of(parts, FIRST, serves=lambda: False) for parts in changed)
    own = session.bundles.of(pipeline, FIRST, serves=lambda: False)
    assert first is second is not own
    looked = [first.has_run, first.run is first.run, first.has_run]
    assert looked == [False, True, True]
    assert own.run is not first.run
    assert own.other_run is not None
    assert own.other_run() is session.runs.run(pipeline, engine="manual", seed=0)
    assert made == [("trainer", 0), ("trainer", 0), ("manual", 0)]


def test_a_run_that_failed_is_not_made_again(session: FtcheckSession, made: list[tuple[str, int]]) -> None:
    evidence = session.bundles.of(session.pipeline("sst2"), replace(FIRST, seed=9), serves=lambda: False)
    for _ in range(2):
        with pytest.raises(NoRun) as caught:
            evidence.run  # noqa: B018 - asking is what fails
        assert caught.value.engine == "trainer"
    assert not evidence.has_run
    assert made == [("trainer", 9)]


def test_a_run_that_a_fixture_gives_is_taken_as_it_is(session: FtcheckSession, made: list[tuple[str, int]]) -> None:
    given: Any = object()
    assert session.bundles.over(lambda: given, session.pipeline("sst2"), FIRST).run is given
    assert made == []
    assert session.bundles.kept == {}
