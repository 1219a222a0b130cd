"""The run store: a run is whole or it is not there."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_cache_path

from pytest_ftcheck.errors import StoreError
from pytest_ftcheck.runs.key import file_digest
from pytest_ftcheck.runs.run import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.runs.key import RunKey

MANIFEST = "manifest.json"
_SIDE = ".side"


def default_store() -> Path:
    """Folder of the user's cache in which reused runs are kept."""
    return user_cache_path("pytest-ftcheck") / "runs"


class RunStore:
    """Runs by key, in a folder that processes may share.

    An entry is written into a side folder, flushed to the disk and renamed; its manifest, with a hash of
    every file, is written last. Whatever has no manifest, or does not agree with it, is ignored and made anew.

    Attributes:
        notes: what was found broken and made anew, in words.

    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.notes: list[str] = []
        try:
            root.mkdir(parents=True, exist_ok=True)
            probe = root / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            msg = f"cannot write to the run store {root}: {error.strerror}. Give another folder with --ftcheck-store."
            raise StoreError(msg) from error

    def get_or_train(self, key: RunKey, train: Callable[[Path], Run]) -> Run:
        """Return the run of this key; make it with ``train`` where it is not there yet.

        Processes that ask for the same key wait for the one that trains.

        Args:
            key: of the run.
            train: makes the run in the empty folder that it is given, with everything written there.

        Raises:
            StoreError: the store cannot be written.

        """
        entry = self.root / key.digest
        with FileLock(self.root / f"{key.digest}.lock"):
            run = self._load(entry)
            if run is not None:
                return run
            side = self.root / f"{key.digest}{_SIDE}"
            shutil.rmtree(side, ignore_errors=True)
            try:
                side.mkdir()
                run = train(side)
                _write_manifest(side, key)
                shutil.rmtree(entry, ignore_errors=True)
                side.rename(entry)
                _flush(self.root)
            except OSError as error:
                msg = f"cannot write a run to {self.root}: {error}. Free some space, or give --ftcheck-store."
                raise StoreError(msg) from error
            finally:
                shutil.rmtree(side, ignore_errors=True)
            return replace(run, folder=entry)

    def _load(self, entry: Path) -> Run | None:
        if not entry.exists():
            return None
        try:
            wrong = _disagreement(entry)
            if not wrong:
                return Run.read(entry, reused=True)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            wrong = f"{type(error).__name__}: {error}"
        self.notes.append(f"run store entry {entry.name} is not whole ({wrong}): ignored, trained again")
        return None


def _write_manifest(folder: Path, key: RunKey) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        _flush(path)
    manifest = {"key": asdict(key), "files": {str(path.relative_to(folder)): file_digest(path) for path in files}}
    target = folder / MANIFEST
    target.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _flush(target)
    _flush(folder)


def _flush(path: Path) -> None:
    """Make sure that a file or a folder is on the disk, as far as the system tells."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _disagreement(entry: Path) -> str:
    """Say what is wrong with an entry; an empty text means that it is whole."""
    manifest = entry / MANIFEST
    if not manifest.is_file():
        return "no manifest: its writing was interrupted"
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    for name, digest in files.items():
        path = entry / name
        if not path.is_file():
            return f"{name} is missing"
        if file_digest(path) != digest:
            return f"{name} is not what was written"
    return ""
