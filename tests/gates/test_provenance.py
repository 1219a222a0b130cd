"""Where a run came from: what may be compared, and what has changed since."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.gates.predictions_file import KeptRows
from pytest_ftcheck.gates.provenance import (
    describe_origin,
    differences,
    evaluated_rows,
    identity_columns,
    nearest_entry,
    not_comparable,
    row_ids,
    source_name,
)
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=16, eval_rows=12)


def run_of(pipeline: Pipeline, folder: Path) -> Run:
    labels = np.array(pipeline.eval_dataset["labels"])
    environment = {"torch": "2.13.0", "device": "cpu"}
    nothing: dict[str, Any] = {"epochs": (), "best_epoch": None, "step_losses": (), "log_history": (), "timings": {}}
    return Run(
        task="mrpc",
        engine="manual",
        seed=0,
        head="sequence-classification",
        checkpoint="tiny-bert",
        metrics={"accuracy": 1.0},
        logits=np.eye(2, dtype=np.float32)[labels],
        label_ids=labels,
        train_rows=16,
        environment=environment,
        trace=Trace(),
        folder=folder,
        **nothing,
    )


def compare(before: Pipeline, now: Pipeline, tmp_path: Path) -> tuple[str, list[str]]:
    """Say why two pipelines cannot be compared, and what differs."""
    old, new = run_of(before, tmp_path), run_of(now, tmp_path)
    kept = KeptRows(EvaluatedRows.of_run(old), row_ids(evaluated_rows(before, old), identity_columns(before, old)))
    entry, origin = describe_origin(before, old, tmp_path), describe_origin(now, new, tmp_path)
    return not_comparable(entry, origin, kept, evaluated_rows(now, new)), differences(entry, origin)


def with_data(pipeline: Pipeline, **changes: Any) -> Pipeline:
    return replace(pipeline, data=replace(pipeline.data, **changes))


def test_the_same_parts_are_comparable(pipeline: Pipeline, tmp_path: Path) -> None:
    assert compare(pipeline, pipeline, tmp_path) == ("", [])


def test_training_rows_and_recipe_are_differences_but_no_obstacle(pipeline: Pipeline, tmp_path: Path) -> None:
    changed = replace(
        with_data(pipeline, train=pipeline.data.train.select(range(8))), args={**pipeline.args, "learning_rate": 0.1}
    )
    why, found = compare(pipeline, changed, tmp_path)
    assert why == ""
    assert found == ["learning_rate 0.0007 → 0.1", "training rows (16 before, 8 now)"]


def test_a_card_without_the_second_segment_is_still_of_the_same_rows(pipeline: Pipeline, tmp_path: Path) -> None:
    card = replace(pipeline.card, text_columns=("sentence1",))
    assert compare(pipeline, replace(pipeline, card=card), tmp_path)[0] == ""


def test_another_column_beside_the_text_is_no_obstacle(pipeline: Pipeline, tmp_path: Path) -> None:
    rows = pipeline.data.evaluation.add_column("source", ["web"] * 12)
    assert compare(pipeline, with_data(pipeline, evaluation=rows), tmp_path)[0] == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda rows: rows.select([*range(1, 12), 0]),
            "the evaluation rows are the same, but 12 of 12 have another position",
        ),
        (
            lambda rows: rows.map(
                lambda row, index: {"sentence2": "other" if index == 3 else row["sentence2"]}, with_indices=True
            ),
            "1 of 12 evaluation rows differ in sentence1, sentence2, label, first row 3",
        ),
        (lambda rows: rows.remove_columns("sentence2"), "the evaluation rows no longer have the column sentence2"),
    ],
)
def test_other_rows_are_not_comparable(
    pipeline: Pipeline, tmp_path: Path, change: Callable[[Any], Any], words: str
) -> None:
    changed = with_data(pipeline, evaluation=change(pipeline.data.evaluation))
    assert words in compare(pipeline, changed, tmp_path)[0]


def test_another_number_of_rows_is_not_comparable(
    pipeline: Pipeline, make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    fewer = make_pipeline("mrpc", train_rows=16, eval_rows=8)
    assert compare(pipeline, fewer, tmp_path)[0] == "the baseline has 12 evaluated rows, the run 8"


def test_another_head_is_not_comparable(pipeline: Pipeline, tmp_path: Path) -> None:
    card = replace(pipeline.card, head="regression")
    assert "the head was" in compare(pipeline, replace(pipeline, card=card), tmp_path)[0]


def test_other_weights_under_the_same_name_are_not_comparable(pipeline: Pipeline, tmp_path: Path) -> None:
    assert pipeline.checkpoint.folder is not None
    folder = tmp_path / "tiny-bert"
    shutil.copytree(pipeline.checkpoint.folder, folder)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    other = replace(pipeline, checkpoint=replace(pipeline.checkpoint, folder=folder))
    assert "checkpoint tiny-bert has other weights or another configuration" in compare(pipeline, other, tmp_path)[0]
    judged, other_judged = (replace(each, trains=False) for each in (pipeline, other))
    assert compare(judged, other_judged, tmp_path)[0] == ""  # the weights are what is judged


def test_rows_of_a_fixture_are_known_by_what_was_tokenized(pipeline: Pipeline, tmp_path: Path) -> None:
    fewer = replace(pipeline, eval_dataset=pipeline.eval_dataset.select(range(5)))
    run = run_of(fewer, tmp_path)
    assert evaluated_rows(fewer, run) is fewer.eval_dataset
    assert "input_ids" in identity_columns(fewer, run)
    assert compare(fewer, fewer, tmp_path) == ("", [])


def test_a_data_set_is_named_alike_in_every_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for checkout in (tmp_path / "mine" / "project", tmp_path / "ci" / "work" / "project"):
        below = checkout / "data" / "a"
        below.mkdir(parents=True)
        (checkout.parent / "beside").mkdir()
        monkeypatch.chdir(checkout / "data")
        given = [str(below), "a", "../data/a", "./a/../a", "../../beside", str(checkout), "bundled", "hub nyu-mll/glue"]
        named = [source_name(source, checkout) for source in given]
        assert named == ["data/a"] * 4 + ["beside", ".", "bundled", "hub nyu-mll/glue"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/data/glue/mrpc", "glue/mrpc"),
        ("/data/adversarial/mrpc", "adversarial/mrpc"),
        ("/home/alice/src/shared/mrpc.csv", "shared/mrpc.csv"),
        ("/home/alice/src", "."),
    ],
)
def test_data_outside_of_the_project_is_told_apart_without_a_path_of_the_machine(source: str, name: str) -> None:
    assert source_name(source, Path("/home/alice/src/project")) == name


def test_the_source_is_part_of_the_key_and_its_rows_are_not(pipeline: Pipeline, tmp_path: Path) -> None:
    run = run_of(pipeline, tmp_path)
    below = with_data(pipeline, source=str(tmp_path / "data" / "a"))
    fewer = with_data(below, evaluation=pipeline.data.evaluation.select([*range(11), 0]))
    entries = [describe_origin(each, run, tmp_path) for each in (pipeline, below, fewer)]
    names = [entry.key.rpartition("/")[0] for entry in entries]
    assert names == ["mrpc/tiny-bert/manual/bundled", *["mrpc/tiny-bert/manual/data/a"] * 2]
    assert entries[1].key == entries[2].key
    assert differences(entries[0], entries[1]) == ["data bundled → data/a"]


def test_the_nearest_entry_is_of_the_same_rows_or_source(pipeline: Pipeline, tmp_path: Path) -> None:
    now = describe_origin(pipeline, run_of(pipeline, tmp_path), tmp_path)
    other_recipe = replace(now, recipe={}, date="2026-01-01")
    renamed = replace(now, data={**now.data, "source": "data/a"}, date="2026-01-02")
    other_data = replace(now, data={**now.data, "source": "data/b", "evaluation": "b"}, date="2026-01-03")
    other_checkpoint = replace(now, checkpoint="tiny-distilbert")
    assert nearest_entry([other_recipe, renamed], now, any_checkpoint=False) == other_recipe
    assert nearest_entry([renamed, other_data], now, any_checkpoint=False) == renamed
    assert nearest_entry([other_data, other_checkpoint], now, any_checkpoint=False) is None
    assert nearest_entry([other_data, other_checkpoint], now, any_checkpoint=True) == other_checkpoint


def test_differences_are_few(pipeline: Pipeline, tmp_path: Path) -> None:
    run = run_of(pipeline, tmp_path)
    other = replace(run, environment={f"package{index}": "1" for index in range(20)})
    found = differences(describe_origin(pipeline, run, tmp_path), describe_origin(pipeline, other, tmp_path))
    assert len(found) == 9
    assert found[-1] == "and 14 more"
