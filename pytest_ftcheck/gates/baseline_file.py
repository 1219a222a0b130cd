"""The accepted runs: ``ftcheck-baseline/baseline.json``, which a reviewer can read, and predictions beside it.

What is written is whole or not there: predictions first, under names that hold their digest, so that the old ones
stay; then the JSON, in one rename; then what no entry names any more is removed. Whatever interrupts this, the JSON
and the files that it names fit together.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.files import lock_path, what_to_do, write_whole
from pytest_ftcheck.gates.predictions_file import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = "ftcheck-baseline"
FILE = "baseline.json"
PREDICTIONS = "predictions"
SCHEMA = 2
_SUFFIX = ".safetensors"
_FREE = ("why", "digest")
"""What a reviewer may edit, and the digest itself."""


@dataclass(frozen=True)
class AcceptedSeed:
    """One accepted run."""

    metrics: Mapping[str, float]
    predictions: str
    """Name of its file."""
    sha256: str
    """Of that file."""


@dataclass(frozen=True)
class Entry:
    """What was accepted for one task, checkpoint, engine, data set and recipe."""

    task: str
    checkpoint: str
    engine: str
    head: str
    recipe: Mapping[str, Any]
    data: Mapping[str, Any]
    """``source`` as `source_name` names it, ``split``, ``columns``, ``rows`` and ``train_rows``; ``evaluation`` and
    ``train``: their digests."""
    weights: str
    """SHA-256 of the checkpoint's files; empty where it is not known, or where the checkpoint itself is judged."""
    environment: Mapping[str, str]
    """Versions, device, dtype, threads."""
    labels: tuple[str, ...] = ()
    """Names of the classes; empty for regression, and in entries that know none."""
    date: str = ""
    why: str = ""
    runs: Mapping[int, AcceptedSeed] = field(default_factory=dict)
    """By seed."""

    @property
    def key(self) -> str:
        """Name in the file: ``mrpc/tiny-bert/trainer/bundled/recipe-1a2b3c4d``."""
        return "/".join([*self.place, f"recipe-{_digest(self.recipe)[:8]}"])

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Task, checkpoint, engine and data set."""
        return self.task, self.checkpoint, self.engine, self.source

    @property
    def source(self) -> str:
        """Name of the data set."""
        return str(self.data["source"])

    def to_record(self) -> dict[str, Any]:
        """Return plain values, with their digest."""
        record = asdict(self)
        record["runs"] = {str(seed): asdict(run) for seed, run in sorted(self.runs.items())}
        return {**record, "digest": _digest(record)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Entry:
        """Take what `to_record` gave.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is something else.

        """
        values = {name: value for name, value in record.items() if name != "digest"}
        runs = {int(seed): AcceptedSeed(**run) for seed, run in values.pop("runs").items()}
        return cls(**{**values, "labels": tuple(values.get("labels", ()))}, runs=runs)


@dataclass(frozen=True)
class Candidate:
    """A run that may become the baseline: what a process tells of it."""

    entry: Entry
    """Without runs."""
    seed: int
    metrics: Mapping[str, float]
    predictions: bytes
    """Of `pack`."""


@dataclass(frozen=True)
class Change:
    """What an update did to one entry."""

    after: Entry
    before: Entry | None
    """None where it is new."""


def read_baseline(folder: Path) -> dict[str, Entry]:
    """Read all entries by key; none where there is no file.

    Raises:
        DataError: the file was edited, or is not whole.

    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: the baseline cannot be read: {error}. Restore it from version control."
        raise DataError(msg) from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"{path}: the baseline is not valid JSON: {error}. Restore it from version control."
        raise DataError(msg) from error
    document = document if isinstance(document, dict) else {}
    entries, schema = document.get("entries"), document.get("schema")
    if not isinstance(entries, dict) or schema != SCHEMA:
        raise DataError(_wrong_schema(path, schema))
    return {key: _entry(path, key, record) for key, record in entries.items()}


def _wrong_schema(path: Path, schema: object) -> str:
    """Say why a document is no baseline of ours, and what to do."""
    anew = f"remove the folder {FOLDER} and accept healthy runs anew: --ftcheck-update-baseline --ftcheck-reason='why'."
    if not isinstance(schema, int) or schema == SCHEMA:
        return f"{path}: not a baseline of schema {SCHEMA}. Restore it from version control, or {anew}"
    if schema > SCHEMA:
        return f"{path}: written by a later version (schema {schema}, this one reads {SCHEMA}). Update pytest-ftcheck."
    return (
        f"{path}: written by an earlier version (schema {schema}, this one reads {SCHEMA}, whose entries name their "
        f"data set). Version control keeps it: {anew}"
    )


def _entry(path: Path, key: str, record: Any) -> Entry:
    todo = (
        "Entries are not edited by hand, but for their why: restore it from version control, or remove the entry and "
        "accept a new run with --ftcheck-update-baseline."
    )
    try:
        entry = Entry.from_record(record)
        whole = entry.key == key and bool(entry.runs) and _digest(record) == record["digest"]
        finite = all(math.isfinite(value) for run in entry.runs.values() for value in run.metrics.values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"{path}: entry {key!r} cannot be understood ({type(error).__name__}: {error}). {todo}"
        raise DataError(msg) from error
    if not whole or not finite:
        what = "was edited: its digest is not that of its content" if finite else "has a metric that is not finite"
        msg = f"{path}: entry {key!r} {what}. {todo}"
        raise DataError(msg)
    return entry


def predictions_path(folder: Path, run: AcceptedSeed) -> Path:
    """Where the predictions of an accepted run lie."""
    return folder / PREDICTIONS / Path(run.predictions).name


def update_baseline(
    folder: Path, candidates: Iterable[Candidate], *, date: str, why: str, only_missing: bool = False
) -> list[Change]:
    """Accept runs: all seeds of one task, checkpoint, engine, data set and recipe become one entry. Others stay.

    Args:
        folder: of the baseline; made where it is absent.
        candidates: what ran.
        date: of today.
        why: of the user.
        only_missing: leave entries alone that are there.

    Raises:
        DataError: a run that nothing can be compared with, or a file that is not whole or cannot be written.

    """
    candidates = list(candidates)
    for candidate in candidates:
        check_candidate(candidate)
    try:
        with FileLock(lock_path("baseline", str(folder.resolve()))):
            before = read_baseline(folder)
            groups: dict[str, list[Candidate]] = {}
            for candidate in candidates:
                if not (only_missing and candidate.entry.key in before):
                    groups.setdefault(candidate.entry.key, []).append(candidate)
            accepted = {key: _accepted(group, date, why) for key, group in groups.items()}
            if accepted:
                _write(folder, before, accepted, [candidate for group in groups.values() for candidate in group])
    except OSError as error:
        todo = what_to_do(error, "Make it writable")
        msg = f"{folder}: the baseline cannot be written, and stays as it was: {error}. {todo}, and accept again."
        raise DataError(msg) from error
    return [Change(entry, before.get(key)) for key, entry in sorted(accepted.items())]


def check_candidate(candidate: Candidate) -> None:
    """Refuse a run that nothing can be compared with.

    Raises:
        DataError: a metric that is not a finite number, or none.

    """
    bad = {name: value for name, value in candidate.metrics.items() if not math.isfinite(value)}
    if bad or not candidate.metrics:
        named = ", ".join(f"{name} = {value}" for name, value in bad.items()) or "no metric"
        msg = f"{candidate.entry.key}, seed {candidate.seed}: {named}: such a run cannot become a baseline."
        raise DataError(msg)


def _accepted(group: list[Candidate], date: str, why: str) -> Entry:
    runs = {
        candidate.seed: AcceptedSeed(
            metrics=dict(candidate.metrics),
            predictions=_file_name(candidate),
            sha256=digest_of(candidate.predictions),
        )
        for candidate in group
    }
    return replace(group[0].entry, date=date, why=why, runs=runs)


def _file_name(candidate: Candidate) -> str:
    name = ".".join([*candidate.entry.place, f"seed{candidate.seed}", digest_of(candidate.predictions)[:12]])
    return re.sub(r"[^\w.-]+", "-", name) + _SUFFIX


def _write(
    folder: Path, before: Mapping[str, Entry], accepted: Mapping[str, Entry], candidates: Iterable[Candidate]
) -> None:
    entries = before
    try:
        (folder / PREDICTIONS).mkdir(parents=True, exist_ok=True)
        for candidate in candidates:
            write_whole(folder / PREDICTIONS / _file_name(candidate), candidate.predictions)
        after = {**before, **accepted}
        document = {"schema": SCHEMA, "entries": {key: after[key].to_record() for key in sorted(after)}}
        text = json.dumps(document, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
        write_whole(folder / FILE, f"{text}\n".encode())
        entries = after
    finally:
        _remove_unnamed(folder, entries)


def _remove_unnamed(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Remove predictions that no entry names, and folders that are empty."""
    named = {run.predictions for entry in entries.values() for run in entry.runs.values()}
    with suppress(OSError):  # the JSON, which was written or not, is what counts
        for path in (folder / PREDICTIONS).glob(f"*{_SUFFIX}"):
            if path.name not in named:
                path.unlink(missing_ok=True)
        for empty in (folder / PREDICTIONS, folder):
            empty.rmdir()


def _digest(record: Any) -> str:
    if isinstance(record, dict):
        record = {name: value for name, value in record.items() if name not in _FREE}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
