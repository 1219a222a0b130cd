"""Accepted runs: what is written comes back; what was edited or cut is refused; an update is whole or not there."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.baseline_file import (
    Candidate,
    Entry,
    predictions_path,
    read_baseline,
    update_baseline,
)
from pytest_ftcheck.gates.predictions_file import KeptRows, pack, read_kept
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRY = Entry(
    task="mrpc",
    checkpoint="google-bert/bert-base",
    engine="trainer",
    head="sequence-classification",
    recipe={"learning_rate": 5e-5, "max_length": 128},
    data={"source": "bundled", "columns": ["text"], "rows": 40, "evaluation": "a", "train_rows": 9, "train": "b"},
    weights="c",
    environment={"torch": "2.13.0"},
)


@pytest.fixture
def candidate(classified: Callable[..., EvaluatedRows]) -> Callable[..., Candidate]:
    def make(entry: Entry = ENTRY, *, seed: int = 0, accuracy: float = 0.9) -> Candidate:
        kept = KeptRows(classified(40, seed=seed), np.arange(40, dtype=np.uint64))
        return Candidate(entry, seed, {"accuracy": accuracy}, pack(kept))

    return make


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_accepted_comes_back(
    tmp_path: Path, candidate: Callable[..., Candidate], classified: Callable[..., EvaluatedRows]
) -> None:
    (change,) = update_baseline(tmp_path, [candidate(seed=1), candidate()], date="2026-11-22", why="first")
    assert change.before is None
    ((key, entry),) = read_baseline(tmp_path).items()
    assert key == entry.key == change.after.key
    assert key.startswith("mrpc/google-bert/bert-base/trainer/bundled/recipe-")
    assert (entry.date, entry.why, sorted(entry.runs)) == ("2026-11-22", "first", [0, 1])
    assert replace(entry, runs={}, date="", why="") == ENTRY
    kept = read_kept(predictions_path(tmp_path, entry.runs[1]), entry.runs[1].sha256, entry.head)
    rows = classified(40, seed=1)
    assert rows.logits is not None
    assert kept.rows.logits is not None
    np.testing.assert_array_equal(kept.rows.logits, rows.logits)
    np.testing.assert_array_equal(kept.rows.label_ids, rows.label_ids)
    assert kept.rows.label_ids.dtype == np.int64
    np.testing.assert_array_equal(kept.ids, np.arange(40))


def test_values_of_a_regression_come_back(tmp_path: Path, measured: Callable[..., EvaluatedRows]) -> None:
    rows, path = measured(30), tmp_path / "rows.safetensors"
    content = pack(KeptRows(rows, np.arange(30, dtype=np.uint64)))
    path.write_bytes(content)
    import hashlib

    kept = read_kept(path, hashlib.sha256(content).hexdigest(), "regression")
    np.testing.assert_array_equal(kept.rows.label_ids, rows.label_ids)
    np.testing.assert_array_equal(kept.rows.predictions, rows.predictions)


def test_nothing_is_there_before_the_first_update(tmp_path: Path) -> None:
    assert read_baseline(tmp_path / "absent") == {}


def test_other_entries_stay_and_files_that_nobody_names_go(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    other = replace(ENTRY, recipe={"learning_rate": 1e-4})
    update_baseline(tmp_path, [candidate(), candidate(other, seed=1)], date="d", why="")
    update_baseline(tmp_path, [candidate(seed=2)], date="e", why="better")
    entries = read_baseline(tmp_path)
    assert {key: (entry.date, sorted(entry.runs)) for key, entry in entries.items()} == {
        ENTRY.key: ("e", [2]),
        other.key: ("d", [1]),
    }
    assert len(list((tmp_path / "predictions").iterdir())) == 2


def test_missing_ones_alone(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    update_baseline(tmp_path, [candidate()], date="d", why="")
    before = contents(tmp_path)
    assert update_baseline(tmp_path, [candidate(seed=1)], date="e", why="", only_missing=True) == []
    assert contents(tmp_path) == before


def test_two_updates_make_the_same_bytes(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        update_baseline(folder, [candidate(seed=1), candidate()], date="d", why="")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_two_engines_with_equal_predictions_have_a_file_each(
    tmp_path: Path, candidate: Callable[..., Candidate]
) -> None:
    update_baseline(tmp_path, [candidate(), candidate(replace(ENTRY, engine="manual"))], date="d", why="")
    assert len(list((tmp_path / "predictions").iterdir())) == 2


@pytest.mark.parametrize("interrupted_at", range(3))
def test_an_interrupted_update_leaves_what_was_there(
    tmp_path: Path, candidate: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch, interrupted_at: int
) -> None:
    """Interrupted before each of its renames, and then once more from the start."""
    update_baseline(tmp_path, [candidate()], date="d", why="")
    before, renames, rename = contents(tmp_path), [], Path.replace

    def replace_or_die(self: Path, target: Path) -> Path:
        renames.append(self)
        if len(renames) > interrupted_at:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace_or_die)
    with pytest.raises(KeyboardInterrupt):
        update_baseline(tmp_path, [candidate(seed=1), candidate(seed=2)], date="e", why="")
    monkeypatch.undo()
    assert contents(tmp_path).items() >= before.items()
    assert not [name for name in contents(tmp_path) if Path(name).name.startswith(".")]
    (entry,) = read_baseline(tmp_path).values()
    assert entry.date == "d"
    read_kept(predictions_path(tmp_path, entry.runs[0]), entry.runs[0].sha256, entry.head)
    update_baseline(tmp_path, [candidate(seed=1), candidate(seed=2)], date="e", why="")
    assert len(list((tmp_path / "predictions").iterdir())) == 2


@pytest.mark.parametrize("accepted", [True, False])
def test_an_update_that_fails_leaves_what_was_there_and_nothing_else(
    tmp_path: Path,
    candidate: Callable[..., Candidate],
    monkeypatch: pytest.MonkeyPatch,
    accepted: bool,  # noqa: FBT001 - a parameter
) -> None:
    folder = tmp_path / "ftcheck-baseline"
    if accepted:
        update_baseline(folder, [candidate()], date="d", why="")
    before = sorted(tmp_path.rglob("*")), contents(tmp_path)

    def full(path: Path, content: bytes) -> None:
        if path.name == "baseline.json":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("pytest_ftcheck.gates.baseline_file.write_whole", full)
    with pytest.raises(DataError, match=r"No space left on device\. Free some space, and accept again"):
        update_baseline(folder, [candidate(seed=1)], date="e", why="")
    assert (sorted(tmp_path.rglob("*")), contents(tmp_path)) == before


def test_a_lock_that_cannot_be_had_is_said(
    tmp_path: Path, candidate: Callable[..., Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", refuse)
    with pytest.raises(DataError, match=r"cannot be written and stays unchanged: .*Set TMPDIR"):
        update_baseline(tmp_path, [candidate()], date="d", why="")


def test_what_cannot_be_written_is_said(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    (tmp_path / "predictions").write_text("in the way", encoding="utf-8")
    with pytest.raises(DataError, match=r"cannot be written and stays unchanged"):
        update_baseline(tmp_path, [candidate()], date="d", why="")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("0.9", "0.8"), "was edited: its digest is not that of its content"),
        (lambda text: text.replace("0.9", "NaN"), "has a metric that is not finite"),
        (lambda text: text.replace('"rows": 40', '"rows": 41'), "was edited"),
        (lambda text: text.replace("recipe-", "recipe-0"), "was edited"),
        (lambda text: text.replace('"weights"', '"weigths"'), "has another form"),
        (lambda text: text.replace('"runs": {', '"runs": 3, "x": {'), "has another form"),
        (lambda text: text[:-40], "is not valid JSON"),
        (lambda _: "", "is not valid JSON"),
        (lambda _: "[]", "not a baseline of schema 2"),
        (lambda text: text.replace('"schema": 2', '"schema": "2"'), "not a baseline of schema 2"),
        (lambda text: text.replace('"source": "bundled"', '"source": "data/a"'), "was edited"),
        (lambda text: text + "\ud800", "cannot be read"),
    ],
    ids=range(12),
)
def test_an_edited_file_is_refused(
    tmp_path: Path, candidate: Callable[..., Candidate], change: Callable[[str], str], words: str
) -> None:
    update_baseline(tmp_path, [candidate()], date="d", why="")
    path = tmp_path / "baseline.json"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", errors="surrogatepass")
    before = contents(tmp_path)
    with pytest.raises(DataError, match=words) as caught:
        read_baseline(tmp_path)
    assert "from version control" in str(caught.value)
    with pytest.raises(DataError, match=words):  # an update does not write over it either
        update_baseline(tmp_path, [candidate(seed=1)], date="e", why="")
    assert contents(tmp_path) == before


def test_why_may_be_edited(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    update_baseline(tmp_path, [candidate()], date="d", why="fisrt")
    path = tmp_path / "baseline.json"
    path.write_text(path.read_text(encoding="utf-8").replace("fisrt", "first"), encoding="utf-8")
    assert [entry.why for entry in read_baseline(tmp_path).values()] == ["first"]


@pytest.mark.parametrize("damage", ["truncated", "edited", "absent"])
def test_broken_predictions_are_refused(tmp_path: Path, candidate: Callable[..., Candidate], damage: str) -> None:
    (change,) = update_baseline(tmp_path, [candidate()], date="d", why="")
    run = change.after.runs[0]
    path = predictions_path(tmp_path, run)
    content = path.read_bytes()
    if damage == "absent":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "truncated" else content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DataError, match=r"Restore it from version control, or accept a new run"):
        read_kept(path, run.sha256, "sequence-classification")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (
            1,
            r"earlier version \(schema 1, .*remove the folder ftcheck-baseline and accept healthy runs again",
        ),
        (3, r"later version \(schema 3, this one reads 2\)\. Update pytest-ftcheck\."),
    ],
)
def test_another_schema_says_what_to_do(
    tmp_path: Path, candidate: Callable[..., Candidate], schema: int, words: str
) -> None:
    update_baseline(tmp_path, [candidate()], date="d", why="")
    path = tmp_path / "baseline.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"schema": 2', f'"schema": {schema}'), encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_baseline(tmp_path)


def test_data_sets_have_an_entry_and_files_each(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    other = replace(ENTRY, data={**ENTRY.data, "source": "data/b"})
    update_baseline(tmp_path, [candidate()], date="d", why="")
    (change,) = update_baseline(tmp_path, [candidate(other)], date="e", why="")
    assert change.before is None
    assert change.after.key.startswith("mrpc/google-bert/bert-base/trainer/data/b/recipe-")
    assert read_baseline(tmp_path).keys() == {ENTRY.key, other.key}
    assert len(list((tmp_path / "predictions").iterdir())) == 2


def test_a_name_of_predictions_stays_in_the_folder(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    (change,) = update_baseline(tmp_path, [candidate()], date="d", why="")
    elsewhere = replace(change.after.runs[0], predictions=f"..{os.sep}..{os.sep}secret")
    assert predictions_path(tmp_path, elsewhere) == tmp_path / "predictions" / "secret"


@pytest.mark.parametrize("metrics", [{}, {"accuracy": float("nan")}, {"accuracy": float("inf")}])
def test_a_run_without_finite_metrics_is_refused(
    tmp_path: Path, candidate: Callable[..., Candidate], metrics: dict[str, float]
) -> None:
    with pytest.raises(DataError, match="this run cannot become a baseline"):
        update_baseline(tmp_path, [replace(candidate(), metrics=metrics)], date="d", why="")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (EvaluatedRows(np.zeros(0, int), np.zeros(0, int), np.zeros((0, 2), np.float32)), "no evaluated rows"),
        (EvaluatedRows(np.zeros(1, int), np.zeros(1, int), np.full((1, 2), np.nan, np.float32)), "not finite"),
    ],
)
def test_predictions_that_nothing_can_be_compared_with_are_refused(rows: EvaluatedRows, words: str) -> None:
    with pytest.raises(DataError, match=words):
        pack(KeptRows(rows, np.zeros(len(rows), np.uint64)))


def test_the_file_is_sorted_and_readable(tmp_path: Path, candidate: Callable[..., Candidate]) -> None:
    update_baseline(tmp_path, [candidate()], date="d", why="größer")
    text = (tmp_path / "baseline.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    assert text == json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert '"why": "größer"' in text
