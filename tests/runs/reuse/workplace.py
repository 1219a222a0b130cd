"""A place where users' projects are copied to, changed and trained; what was trained once lies in a store beside."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.runs.reuse.sessions import Answer

HERE = Path(__file__).parent
BESIDE = "beside"
"""Files that all projects share. They lie outside of every project."""


@dataclass(frozen=True)
class Project:
    """A project as it is first trained."""

    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One change of a project: of a text in a file, of anything by a function, or of the environment."""

    id: str
    path: str = ""
    """Relative to the project."""

    old: str = ""
    new: str = ""
    act: Callable[[Path], Any] | None = None
    """Is given the project's folder."""

    environment: Mapping[str, str] = field(default_factory=dict)
    project: str = "main"
    quick: bool = False
    """Belongs to the selection that runs by default."""

    def make(self, folder: Path) -> None:
        """Change the project that lies in a folder."""
        if self.path:
            file = folder / self.path
            text = file.read_text(encoding="utf-8")
            assert text.count(self.old) == 1, f"{self.old!r} is {text.count(self.old)} times in {self.path}"
            file.write_text(text.replace(self.old, self.new), encoding="utf-8")
        if self.act:
            self.act(folder)


PROJECTS = {
    "main": Project("project", {"LATE_SHARE": "0.2"}),
    "parts": Project("project_parts"),
    # scikit-learn sets both when it is imported: a later session finds them as they are after that.
    "held": Project("project_held", {"KMP_DUPLICATE_LIB_OK": "True", "KMP_INIT_AT_FORK": "FALSE"}),
    "late": Project(
        "project_late",
        {
            "KMP_DUPLICATE_LIB_OK": "True",
            "KMP_INIT_AT_FORK": "FALSE",
            "LATE_ITEM": "0.1",
            "LATE_EXPAND": "0.1",
            "LATE_TEMPLATE": "0.1",
            "LATE_FORMAT": "0.1",
            "TUNE_FIRST": "0.1",
        },
    ),
    **{
        shape: Project("project_init", {"SHAPE": shape, "KMP_DUPLICATE_LIB_OK": "True", "KMP_INIT_AT_FORK": "FALSE"})
        for shape in ("augmented", "stream", "pieces", "workers", "opened")
    },
}


class Workplace:
    """The same folder for every session, with the project of the day in it."""

    def __init__(self, root: Path) -> None:
        sys.path.insert(0, str(HERE))
        self._sessions = importlib.import_module("sessions").Sessions()
        self._late = importlib.import_module("late_binaries")
        self.root = root
        self._trained: set[str] = set()

    def base(self, name: str) -> str:
        """Train a project once. Return what came out."""
        if name not in self._trained:
            self.lay_out(name)
            answer = self.ask(name)
            assert not answer.error, answer.error
            assert not answer.reused
            assert answer.notes == []
            shutil.copytree(self.root / "store" / "runs", self.root / "kept" / name, symlinks=True)
            self._trained.add(name)
        return result_of(next(_runs(self.root / "kept" / name)))

    def lay_out(self, name: str, *, below: str = "checkout") -> Path:
        """Put a fresh copy of a project in its place, and the run of its base in the store."""
        shutil.rmtree(self.root / below, ignore_errors=True)
        shutil.rmtree(self.root / "store", ignore_errors=True)
        folder = self.root / below / "project"
        shutil.copytree(HERE / PROJECTS[name].folder, folder, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(HERE / BESIDE, self.root / below / BESIDE, ignore=shutil.ignore_patterns("__pycache__"))
        if name == "late":
            self._late.write_all(folder)
        if name in self._trained:
            shutil.copytree(self.root / "kept" / name, self.root / "store" / "runs", symlinks=True)
        return folder

    def ask(self, name: str, environment: Mapping[str, str] | None = None, *, below: str = "checkout") -> Answer:
        """Run a session over the project that is in its place."""
        # Of one session alone: what is not kept for later ones.
        shutil.rmtree(self.root / "store" / "aside", ignore_errors=True)
        given = {**PROJECTS[name].environment, **(environment or {})}
        placed = {variable: value.replace("{root}", str(self.root)) for variable, value in given.items()}
        answer: Answer = self._sessions.ask(self.root / below / "project", self.root / "store", placed)
        return answer

    def new_result(self, name: str) -> str | None:
        """Return what came out of a run that the base has not; None where there is none."""
        known = {_manifest(run) for run in _runs(self.root / "kept" / name)}
        # A run that is not kept for later sessions lies aside.
        made = [run for part in ("runs", "aside") for run in _runs(self.root / "store" / part)]
        return next((result_of(run) for run in made if _manifest(run) not in known), None)


def _manifest(run: Path) -> bytes:
    return (run / "manifest.json").read_bytes()


def _runs(folder: Path) -> Any:
    return (path.parent for path in sorted(folder.glob("*/manifest.json")))


def result_of(run: Path) -> str:
    """Digest of the weights, the logits, the metrics and the losses of a run."""
    digest = hashlib.sha256((run / "model" / "model.safetensors").read_bytes())
    with np.load(run / "predictions.npz") as arrays:
        for name in sorted(arrays.files):
            digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    told = json.loads((run / "run.json").read_text(encoding="utf-8"))
    digest.update(json.dumps([told["metrics"], told["step_losses"]], sort_keys=True).encode())
    return digest.hexdigest()
