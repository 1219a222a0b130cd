"""``--ftcheck-reuse``: a second session takes the run of the first, and judges it afresh."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("few_checks")

OPTIONS = ("--ftcheck-task=sst2", "--ftcheck-reuse", "--ftcheck-store=store", "-k", "metric_floor or finite")


@pytest.fixture
def session(project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]) -> Callable[..., dict[str, Any]]:
    """Run a session over the same store; return its JSON document."""

    def run(*options: str, expected: int = 0) -> dict[str, Any]:
        result = run_pytest(*OPTIONS, "--ftcheck-json=out.json", *options)
        assert result.ret == expected
        document: dict[str, Any] = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
        return document | {"output": result.stdout.str()}

    return run


def manifests(project: pytest.Pytester) -> dict[Path, int]:
    """Time of every entry of the store."""
    return {path: path.stat().st_mtime_ns for path in (project.path / "store").glob("*/manifest.json")}


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The ``store`` that a first session left, and its ``document``; empty until a test needs them."""
    return {}


@pytest.fixture
def first(
    few_checks: object,
    project: pytest.Pytester,
    session: Callable[..., dict[str, Any]],
    kept: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Give the project the store of a first session, which trains once for all tests; return its document."""
    del few_checks  # already in the first session: another choice of checks would be another one
    if kept:
        shutil.copytree(kept["store"], project.path / "store")
    else:
        kept["document"] = session()
        kept["store"] = shutil.copytree(project.path / "store", tmp_path_factory.mktemp("kept") / "store")
    return dict(kept["document"])


def test_a_second_session_reuses_the_run(project: pytest.Pytester, session: Callable[..., dict[str, Any]]) -> None:
    first = session()
    before = manifests(project)
    second = session()

    assert len(before) == 1
    assert manifests(project) == before
    assert [run["reused"] for document in (first, second) for run in document["runs"]] == [False, True]
    assert second["runs"][0] == first["runs"][0] | {"reused": True}
    assert "samples/s" in first["output"]
    assert "samples/s" not in second["output"]
    assert "(reused)" in second["output"]
    assert "(reused)" not in first["output"]


def test_a_reused_run_is_judged_afresh(
    project: pytest.Pytester, first: dict[str, Any], session: Callable[..., dict[str, Any]]
) -> None:
    assert first["gates"][1]["status"] == "pass"
    path = project.path / "ftcheck.toml"
    path.write_text(path.read_text(encoding="utf-8") + '[tasks.sst2.floors.tiny."no"]\n', encoding="utf-8")
    text = path.read_text(encoding="utf-8").partition("[tasks.sst2.floors")[0]
    path.write_text(f"{text}[tasks.sst2.floors.tiny.tiny-bert]\naccuracy = 1.0\n", encoding="utf-8")
    before = manifests(project)

    second = session(expected=1)
    assert manifests(project) == before
    assert second["runs"][0]["reused"]
    assert second["gates"][0]["status"] == "fail"


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("option", ["--ftcheck-seeds=1", "--ftcheck-engine=manual", "--ftcheck-max-train-rows=60"])
def test_another_run_is_trained(project: pytest.Pytester, session: Callable[..., dict[str, Any]], option: str) -> None:
    assert not session(option)["runs"][0]["reused"]
    assert len(manifests(project)) == 2


def test_without_the_option_nothing_is_reused(
    project: pytest.Pytester, run_pytest: Callable[..., pytest.RunResult]
) -> None:
    for _ in range(2):
        result = run_pytest("--ftcheck-task=sst2", "-k", "finite")
        assert "samples/s" in result.stdout.str()
    assert not manifests(project)


@pytest.mark.slow
@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("victim", ["manifest.json", "model/model.safetensors"])
def test_a_corrupt_entry_is_noted_and_trained_again(
    project: pytest.Pytester, session: Callable[..., dict[str, Any]], victim: str
) -> None:
    (before,) = manifests(project)
    with (before.parent / victim).open("r+b") as file:
        file.truncate(20)

    second = session()
    (note,) = second["notes"]
    assert before.parent.name in note
    assert "trained again" in note
    assert note in second["output"]
    assert not second["runs"][0]["reused"]
    assert session()["runs"][0]["reused"]


@pytest.mark.slow
@pytest.mark.usefixtures("first")
def test_an_interrupted_entry_is_trained_again(
    project: pytest.Pytester, session: Callable[..., dict[str, Any]]
) -> None:
    (before,) = manifests(project)
    before.unlink()
    assert "interrupted" in session()["notes"][0]
    assert list(manifests(project)) == [before]
