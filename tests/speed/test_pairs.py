"""The steps of a pair: made with the options of the session, as they are asked for, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.settings import Settings
from pytest_ftcheck.speed.compare import compare
from pytest_ftcheck.speed.pairs import compare_pair
from pytest_ftcheck.speed.requests import Measuring
from pytest_ftcheck.speed.spec import Pair, parse_pair

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


class Blocks:
    """Blocks that take no time, and remember what they were made with."""

    def __init__(self, **made: Any) -> None:
        self.made = made
        self.closed = False

    def __call__(self, steps: int, /) -> float:
        return 1e-3 * steps

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Blocks]:
    """Put blocks without a step, and a comparison of two rounds, in the place of the real ones."""
    made: list[Blocks] = []

    def remember(**arguments: Any) -> Blocks:
        made.append(Blocks(**arguments))
        return made[-1]

    monkeypatch.setattr(
        "pytest_ftcheck.speed.blocks.make_blocks", lambda pipeline, **made: remember(pipeline=pipeline, **made)
    )
    monkeypatch.setattr(
        "pytest_ftcheck.speed.pairs.WorkerBlocks", lambda folder, request: remember(folder=folder, **request)
    )
    monkeypatch.setattr(
        "pytest_ftcheck.speed.compare.compare", lambda *args, **how: compare(*args, **how, rounds=2, most_rounds=2)
    )
    return made


def compared(pipeline: Pipeline, pair: Pair, options: dict[str, Any] | None = None, **settings: Any) -> Any:
    measuring = Measuring(Settings(device="cpu", threads=1, **settings))
    return compare_pair(measuring, pipeline, pair, seed=7, options=options or {})


def test_a_pair_of_values_is_two_cases_and_a_copy_of_the_first(pipeline: Pipeline, made: list[Blocks]) -> None:
    found = compared(pipeline, parse_pair("batch=2,4"), bench_tolerance=0.5)
    sizes = [blocks.made["pipeline"].args["per_device_train_batch_size"] for blocks in made]
    assert sizes == [2, 4, 2]
    assert {(blocks.made["engine"], blocks.made["seed"], blocks.made["device"]) for blocks in made} == {
        ("manual", 7, "cpu")
    }
    assert (found.names, found.tolerance, found.rounds) == (("batch 2", "batch 4"), 0.5, 2)


def test_engines_are_made_by_their_names(pipeline: Pipeline, made: list[Blocks]) -> None:
    compared(pipeline, parse_pair("engine=trainer,manual"))
    assert [blocks.made["engine"] for blocks in made] == ["trainer", "manual", "trainer"]


def test_rows_of_one_length_are_the_same_work_in_every_step(pipeline: Pipeline, made: list[Blocks]) -> None:
    assert compared(pipeline, parse_pair("batch=2,4")).steps == 2
    assert compared(pipeline, parse_pair("batch=2,4"), bench_seq_len=16).steps == 1
    assert [blocks.made["steps"] for blocks in made] == [2, 2, 2, 1, 1, 1]


def test_checkouts_get_the_options_of_the_session_and_are_closed(pipeline: Pipeline, made: list[Blocks]) -> None:
    folders = (Path("there"), Path("here"))
    pair = Pair("checkout=there,here", None, folders)
    options = {"model": "tiny-bert", "data": None, "bench_compare": ("checkout=there",), "threads": 1}
    found = compared(pipeline, pair, options, bench_shape="bert-tiny")
    assert [blocks.made["folder"] for blocks in made] == [folders[0], folders[1], folders[0]]
    request = made[0].made
    assert request["options"] == {"model": "tiny-bert", "threads": 1}  # what was given, and nothing of measuring
    assert (request["task"], request["shape"], request["seed"], request["distinct"]) == ("mrpc", "bert-tiny", 7, 2)
    assert request["case"]["engine"] == "manual"
    assert request["threads"] == 1
    assert [blocks.closed for blocks in made] == [True, True, True]
    assert found.names == ("there", "here")


def test_all_steps_are_closed_where_one_cannot_be_made(
    pipeline: Pipeline, made: list[Blocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    def second_fails(folder: Path, request: Any) -> Blocks:
        if made:
            msg = "no such checkout"
            raise RuntimeError(msg)
        made.append(Blocks(folder=folder, **request))
        return made[-1]

    monkeypatch.setattr("pytest_ftcheck.speed.pairs.WorkerBlocks", second_fails)
    with pytest.raises(RuntimeError, match="no such checkout"):
        compared(pipeline, Pair("checkout=there,here", None, (Path("there"), Path("here"))))
    assert [blocks.closed for blocks in made] == [True]
