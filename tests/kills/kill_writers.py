"""The four writers of what a user keeps: how each is asked to write, what is there before, what is whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import EvalPrediction

from pytest_ftcheck.gates.accepted_runs import kept_rows
from pytest_ftcheck.gates.baseline_file import FOLDER, read_baseline
from pytest_ftcheck.pipeline import from_card
from pytest_ftcheck.runs import key
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.store import MANIFEST
from pytest_ftcheck.runs.trace import Trace
from pytest_ftcheck.training import train_or_load as making

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.kills.killed_session import Place

SETTINGS = """\
# Agreed with everybody.
max_train_rows = 32
max_eval_rows = 200

[tasks.sst2]
recipe = { num_train_epochs = 1 }

[tasks.sst2.floors.tiny.tiny-bert]
accuracy = { min = 0.8 }  # by hand
expected_calibration_error = { max = 0.9 }
"""
_TASK = ("--ftcheck-task=sst2",)
_FLOOR = (*_TASK, "--ftcheck-checks=metrics.floor")


@dataclass(frozen=True)
class Writer:
    """One of them."""

    name: str
    arguments: tuple[str, ...]
    targets: tuple[str, ...]
    """What it writes in the project, files and folders; nothing else may change."""
    prepare: Callable[[Place, Callable[..., Any]], None]
    """Writes what is there before; may run sessions."""
    partial: Callable[[Path, Path, Path], str]
    """Says what is wrong with what is there after a kill, given the project, the one before, and the one of a session
    that was not killed."""
    plain: tuple[str, ...] = _FLOOR
    """Arguments of a session that writes nothing."""
    trains: bool = False
    """Its runs are trained, not made up."""

    def is_target(self, path: Path, project: Path) -> bool:
        """Whether a path belongs to what it writes."""
        return any(path == project / name or project / name in path.parents for name in self.targets)

    def is_own(self, place: Place) -> Callable[[Path], bool]:
        """Return a function that says whether a step is part of the write: to targets, what lies beside them, locks."""
        beside = {(place.project / name).parent for name in self.targets}

        def own(path: Path) -> bool:
            temporary = path.parent == place.temporary and path.name.startswith("ftcheck-")
            side = path.name.startswith(".ftcheck-") and path.parent in beside
            return self.is_target(path, place.project) or side or temporary

        return own

    def inside(self) -> None:
        """Make the fork quick: it takes what does not matter here from the process that it is a fork of."""
        from_card.load_task_data = load_once
        key.patched_libraries = dict  # type: ignore[attr-defined]  # where it is looked up
        if not self.trains:
            making.train_or_load = made_up


_load = from_card.load_task_data
_DATA: dict[Any, Any] = {}


def load_once(card: Any, settings: Any, tier: str) -> Any:
    """Load the rows of a task; those of the process that this one is a fork of are there already."""
    asked = card.name, settings.max_train_rows, settings.max_eval_rows
    if asked not in _DATA:
        _DATA[asked] = _load(card, settings, tier)
    return _DATA[asked]


WRONG = {"rows": 10}
"""Rows that made-up runs predict wrong; two more in every further seed but one."""


def made_up(pipeline: Any, settings: Any, store: Any, **asked: Any) -> Run:
    """Stand in for training; the arguments are those of `pytest_ftcheck.training.train_or_load.train_or_load`."""
    labels, seed = np.array(pipeline.eval_dataset["labels"]), int(asked["seed"])
    predicted = labels.copy()
    wrong = WRONG["rows"] + seed % 3
    predicted[:wrong] = 1 - labels[:wrong]
    logits = np.where(np.eye(2)[predicted] > 0, 1.5, -1.5).astype(np.float32)
    return Run(
        task=pipeline.card.name,
        engine=str(asked["engine"]),
        seed=seed,
        head=pipeline.card.head,
        checkpoint=pipeline.checkpoint.name,
        metrics={"loss": 0.5, **pipeline.compute_metrics(EvalPrediction(logits, labels))},
        epochs=(),
        best_epoch=None,
        step_losses=(0.5,),
        log_history=(),
        logits=logits,
        label_ids=labels,
        train_rows=len(pipeline.train_dataset),
        timings={"train": 1.5},
        environment=making.environment_of(settings, pipeline),
        trace=Trace(),
        folder=store.root / f"{pipeline.card.name}-{seed}",
    )


# -- what is there before --------------------------------------------------------------------------------------------


def _old_json(place: Place, _: object) -> None:
    (place.project / "out.json").write_text('{"schema": 1, "finished": true, "exit_status": 0, "old": 1}\n')


def _old_baseline(_: Place, run: Callable[..., Any]) -> None:
    """Accept worse runs, of another seed as well."""
    run((*_FLOOR, "--ftcheck-update-baseline", "--ftcheck-reason=old", "--ftcheck-seeds=0-1"), wrong=14)


def _old_store(place: Place, run: Callable[..., Any]) -> None:
    """Keep two runs, and damage the one that is asked for."""
    run((*STORE, "--ftcheck-seeds=0-1"))
    for manifest in (place.project / "runs").glob(f"*/{MANIFEST}"):
        if json.loads(manifest.read_text())["key"]["seed"] == 0:
            (manifest.parent / "model" / "config.json").write_text("{}")


# -- what is whole ----------------------------------------------------------------------------------------------------


def _json(project: Path, before: Path, after: Path) -> str:
    path = project / "out.json"
    if path.read_bytes() == (before / "out.json").read_bytes():
        return ""
    document, expected = (json.loads(file.read_text(encoding="utf-8")) for file in (path, after / "out.json"))
    if document == {"schema": 1, "finished": False, "exit_status": None}:
        return ""
    same = document.keys() == expected.keys() and document["exit_status"] == expected["exit_status"]
    return "" if same and len(document["gates"]) == len(expected["gates"]) else "another document"


def _floors(project: Path, before: Path, after: Path) -> str:
    content = (project / "ftcheck.toml").read_bytes()
    return "" if content in {(folder / "ftcheck.toml").read_bytes() for folder in (before, after)} else "other limits"


def _baseline(project: Path, before: Path, after: Path) -> str:
    for entry in read_baseline(project / FOLDER).values():  # raises where something is not whole
        for seed in entry.runs:
            kept_rows(project / FOLDER, entry, seed)
    content = (project / FOLDER / "baseline.json").read_bytes()
    known = {(folder / FOLDER / "baseline.json").read_bytes() for folder in (before, after)}
    return "" if content in known else "another baseline"


def _store(project: Path, _: Path, after: Path) -> str:
    """An entry with a manifest that agrees with it is whole, any other one is made anew: the next session shows it."""
    names = {path.name for path in (after / "runs").iterdir() if path.is_dir()}
    new = {path.name for path in (project / "runs").iterdir() if path.is_dir() and not path.name.endswith(".side")}
    return "" if new <= names else "an entry of another name"


STORE = (*_TASK, "--ftcheck-checks=training.finite_loss", "--ftcheck-reuse", "--ftcheck-store=runs")
WRITERS = {
    writer.name: writer
    for writer in (
        Writer(
            "json",
            (*_TASK, "--ftcheck-checks=metrics.floor,collator.determinism", "--ftcheck-json=out.json"),
            ("out.json",),
            _old_json,
            _json,
        ),
        Writer(
            "baseline",
            (*_FLOOR, "--ftcheck-update-baseline", "--ftcheck-reason=new"),
            ("ftcheck-baseline",),
            _old_baseline,
            _baseline,
        ),
        Writer(
            "floors",
            (*_TASK, "--ftcheck-calibrate=3", "--ftcheck-write-floors"),
            ("ftcheck.toml",),
            lambda *_: None,
            _floors,
        ),
        Writer("store", STORE, ("runs",), _old_store, _store, (*STORE, "--ftcheck-seeds=1"), trains=True),
    )
}
