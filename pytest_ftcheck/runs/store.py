"""The run store: an entry is complete or absent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from pytest_ftcheck.errors import StoreError
from pytest_ftcheck.files import flush, what_to_do
from pytest_ftcheck.paths import kind_of
from pytest_ftcheck.pipeline.reads.states import file_digest
from pytest_ftcheck.runs.describer import SESSION
from pytest_ftcheck.runs.run import MODEL_FOLDER, PREDICTIONS, RECORD, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_ftcheck.runs.key import RunKey
    from pytest_ftcheck.runs.run_inputs import RunInputs

MANIFEST = "manifest.json"
SCHEMA = 4
"""Version of the manifest; entries with another version are ignored."""
SIDE = ".side"
LOCK = ".lock"
_PROBE = ".probe-"


def default_store() -> Path:
    """Return the folder for reused runs in the user's cache."""
    return user_cache_path("pytest-ftcheck") / "runs"


class RunStore:
    """Runs by key, in a folder that processes may share.

    An entry is written into a temporary folder, flushed to the disk and renamed. Its manifest is written last; it has
    the key, a hash of every file and a hash of itself. An entry without a valid manifest is trained again.

    Attributes:
        root: the folder.
        kept: True if later sessions reuse its runs; the key must then distinguish a run from all other runs.
        session: replaces the content of objects without a stable description in keys; such runs go to ``aside``.
        notes: messages about entries that were ignored or trained again.

    """

    def __init__(self, root: Path, *, kept: bool = False, session: str = SESSION, aside: Path | None = None) -> None:
        self.root = root
        self.kept = kept
        self.session = session
        self._aside = aside or root
        self.notes: list[str] = []
        self._read_only = False
        _make_writable(self._aside)
        try:
            _make_writable(root)
        except StoreError:
            if kind_of(root) != "folder" or aside is None:
                raise
            self._read_only = True
            self.notes.append(f"the run store {root} is read-only: its runs are reused, but new runs are not stored")
        else:
            remove_sides(root)

    def get_or_train(self, key: RunKey, train: Callable[[Path], Run], inputs: RunInputs | None = None) -> Run:
        """Return the run of this key; make it with ``train`` if it is absent.

        Processes that request the same key wait for the one that trains.

        Args:
            key: key of the run.
            train: makes the run and writes all its files into the given empty folder.
            inputs: inputs of a kept run, which must be unchanged since the run was made.

        Raises:
            StoreError: the store cannot be written.

        """
        if self._read_only and not key.unstable:
            kept = self._load(self.root / key.digest, key, inputs)
            if kept is not None:
                return kept
        root = self._aside if key.unstable or self._read_only else self.root
        entry = root / key.digest
        with _locked(root, key.digest):
            run = self._load(entry, key, inputs)
            if run is not None:
                _touch(entry)
                return run
            side = root / f"{key.digest}{SIDE}"
            shutil.rmtree(side, ignore_errors=True)
            try:
                side.mkdir()
                run = train(side)
                _write_manifest(side, key, {} if inputs is None else inputs.record())
                shutil.rmtree(entry, ignore_errors=True)
                side.rename(entry)
                flush(root)
            except OSError as error:
                raise StoreError(_cannot_write(root, error)) from error
            finally:
                shutil.rmtree(side, ignore_errors=True)
            return replace(run, folder=entry)

    def _load(self, entry: Path, key: RunKey, inputs: RunInputs | None) -> Run | None:
        if not entry.exists():
            return None
        try:
            wrong = _disagreement(entry, key)
            if not wrong and inputs is not None:
                changed = inputs.changed(_read_manifest(entry)["inputs"])
                if changed:
                    self.notes.append(f"the stored run was made with a different {', '.join(changed)}: trained again")
                    return None
            if not wrong:
                return Run.read(entry, reused=True)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            wrong = f"{type(error).__name__}: {error}"
        self.notes.append(f"run store entry {entry.name} is invalid ({wrong}): ignored, trained again")
        return None


def remove_sides(root: Path) -> None:
    """Remove the leftovers of killed processes; folders that another process is writing stay."""
    for probe in root.glob(f"{_PROBE}*"):
        with suppress(OSError):
            probe.unlink()
    for side in root.glob(f"*{SIDE}"):
        try:
            with FileLock(side.with_suffix(LOCK)).acquire(timeout=0):
                shutil.rmtree(side, ignore_errors=True)
        except (Timeout, OSError):
            continue


@contextmanager
def _locked(root: Path, digest: str) -> Iterator[None]:
    lock = FileLock(root / f"{digest}{LOCK}")
    try:
        lock.acquire()
    except OSError as error:
        raise StoreError(_cannot_write(root, error)) from error
    try:
        yield
    finally:
        lock.release()


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"{_PROBE}{os.getpid()}"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may remove it as a leftover
    except OSError as error:
        raise StoreError(_cannot_write(folder, error)) from error


def _cannot_write(root: Path, error: OSError) -> str:
    todo = what_to_do(error, "Make it writable")
    return f"cannot write to the run store {root}: {error.strerror or error}. {todo}, or give another --ftcheck-store."


def _touch(entry: Path) -> None:
    """Set the time of last use, which `prune` reads."""
    with suppress(OSError):
        os.utime(entry)


def _write_manifest(folder: Path, key: RunKey, inputs: dict[str, Any]) -> None:
    files = _files(folder)
    for path in files.values():
        flush(path)
    digests = {name: file_digest(path) for name, path in files.items()}
    manifest = {"schema": SCHEMA, "key": key.record(), "files": digests, "inputs": inputs}
    target = folder / MANIFEST
    target.write_text(json.dumps({**manifest, "digest": _self_digest(manifest)}, indent=1), encoding="utf-8")
    flush(target)
    flush(folder)


def _files(folder: Path) -> dict[str, Path]:
    """Return all files of an entry except its manifest, by their path in the entry."""
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in found.items() if name != MANIFEST}


def _self_digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _read_manifest(entry: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def _disagreement(entry: Path, key: RunKey) -> str:
    """Return what is wrong with an entry; an empty string if it is complete and has this key."""
    if not (entry / MANIFEST).is_file():
        return "there is no manifest: writing was interrupted"
    manifest = _read_manifest(entry)
    if manifest.get("schema") != SCHEMA:
        return f"the manifest has schema {manifest.get('schema')}, not {SCHEMA}"
    if manifest.pop("digest", None) != _self_digest(manifest):
        return "the manifest was changed"
    if manifest["key"] != key.record():
        return "the manifest has the key of another run"
    return _disagreement_of_files(entry, manifest["files"])


def _disagreement_of_files(entry: Path, digests: dict[str, str]) -> str:
    there = _files(entry)
    models = [name for name in digests if name.startswith(f"{MODEL_FOLDER}/")]
    lacking = [name for name in (RECORD, PREDICTIONS) if name not in digests] + ([] if models else [f"{MODEL_FOLDER}/"])
    if lacking:
        return f"the manifest does not name {lacking[0]}"
    for name, digest in digests.items():
        if name not in there:
            return f"{name} is missing"
        if file_digest(there[name]) != digest:
            return f"{name} was changed"
    added = sorted(there.keys() - digests.keys())
    return f"{added[0]} was added" if added else ""
