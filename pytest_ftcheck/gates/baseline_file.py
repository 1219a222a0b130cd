"""The file of accepted runs: ``ftcheck-baseline/baseline.json``, readable in a review, and files with predictions.

Files are written completely or not at all. Predictions are written first, under names with their digest, so that the
old files stay; then the JSON, in one rename; then files that no entry names are removed. The JSON and the files that it
names are therefore consistent after any interruption.
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
"""Fields without effect on the digest: the reason, which may be edited, and the digest itself."""


@dataclass(frozen=True)
class AcceptedSeed:
    """One accepted run."""

    metrics: Mapping[str, float]
    predictions: str
    """Name of the file with its predictions."""
    sha256: str
    """SHA-256 of that file."""


@dataclass(frozen=True)
class Entry:
    """The accepted runs of one task, checkpoint, engine, data set and recipe."""

    task: str
    checkpoint: str
    engine: str
    head: str
    recipe: Mapping[str, Any]
    data: Mapping[str, Any]
    """``source`` (from `source_name`), ``split``, ``columns``, ``rows`` and ``train_rows``; digests of the rows in
    ``evaluation`` and ``train``."""
    weights: str
    """SHA-256 of the checkpoint's files; empty where it is unknown, or where the checkpoint itself is judged."""
    environment: Mapping[str, str]
    """Versions, device, dtype, threads."""
    labels: tuple[str, ...] = ()
    """Names of the classes; empty for regression, and where they are unknown."""
    date: str = ""
    why: str = ""
    runs: Mapping[int, AcceptedSeed] = field(default_factory=dict)
    """Accepted runs by seed."""

    @property
    def key(self) -> str:
        """Key in the file: ``mrpc/tiny-bert/trainer/bundled/recipe-1a2b3c4d``."""
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
        """Make an entry from the result of `to_record`.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: the record has another form.

        """
        values = {name: value for name, value in record.items() if name != "digest"}
        runs = {int(seed): AcceptedSeed(**run) for seed, run in values.pop("runs").items()}
        return cls(**{**values, "labels": tuple(values.get("labels", ()))}, runs=runs)


@dataclass(frozen=True)
class Candidate:
    """A run that may become the baseline."""

    entry: Entry
    """Description of the run, without accepted runs."""
    seed: int
    metrics: Mapping[str, float]
    predictions: bytes
    """Result of `pack`."""


@dataclass(frozen=True)
class Change:
    """The change of one entry by an update."""

    after: Entry
    before: Entry | None
    """The replaced entry; None where the entry is new."""


def read_baseline(folder: Path) -> dict[str, Entry]:
    """Read all entries by key; empty where there is no file.

    Raises:
        DataError: the file was edited, or is incomplete.

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
    """Return the message about a document that is not a baseline of this schema."""
    anew = (
        f"remove the folder {FOLDER} and accept healthy runs again: --ftcheck-update-baseline --ftcheck-reason='why'."
    )
    if not isinstance(schema, int) or schema == SCHEMA:
        return f"{path}: not a baseline of schema {SCHEMA}. Restore it from version control, or {anew}"
    if schema > SCHEMA:
        return f"{path}: written by a later version (schema {schema}, this one reads {SCHEMA}). Update pytest-ftcheck."
    return (
        f"{path}: written by an earlier version (schema {schema}, this one reads {SCHEMA}, where entries name their "
        f"data set). The old file stays in version control: {anew}"
    )


def _entry(path: Path, key: str, record: Any) -> Entry:
    todo = (
        "Only the field why may be edited by hand: restore the entry from version control, or remove it and accept a "
        "new run with --ftcheck-update-baseline."
    )
    try:
        entry = Entry.from_record(record)
        whole = entry.key == key and bool(entry.runs) and _digest(record) == record["digest"]
        finite = all(math.isfinite(value) for run in entry.runs.values() for value in run.metrics.values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"{path}: entry {key!r} has another form ({type(error).__name__}: {error}). {todo}"
        raise DataError(msg) from error
    if not whole or not finite:
        what = "was edited: its digest is not that of its content" if finite else "has a metric that is not finite"
        msg = f"{path}: entry {key!r} {what}. {todo}"
        raise DataError(msg)
    return entry


def predictions_path(folder: Path, run: AcceptedSeed) -> Path:
    """Return the path of the predictions of an accepted run."""
    return folder / PREDICTIONS / Path(run.predictions).name


def update_baseline(
    folder: Path, candidates: Iterable[Candidate], *, date: str, why: str, only_missing: bool = False
) -> list[Change]:
    """Accept runs: all seeds of one task, checkpoint, engine, data set and recipe become one entry; other entries stay.

    Args:
        folder: folder of the baseline, which is made if it is absent.
        candidates: the runs to accept.
        date: date of the acceptance.
        why: reason of the user.
        only_missing: True: do not change existing entries.

    Raises:
        DataError: a run cannot be a reference, or a file is incomplete or cannot be written.

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
        msg = f"{folder}: the baseline cannot be written and stays unchanged: {error}. {todo}, and accept again."
        raise DataError(msg) from error
    return [Change(entry, before.get(key)) for key, entry in sorted(accepted.items())]


def check_candidate(candidate: Candidate) -> None:
    """Refuse a run that cannot be a reference of comparisons.

    Raises:
        DataError: a metric is not a finite number, or there are no metrics.

    """
    bad = {name: value for name, value in candidate.metrics.items() if not math.isfinite(value)}
    if bad or not candidate.metrics:
        named = ", ".join(f"{name} = {value}" for name, value in bad.items()) or "no metric"
        msg = f"{candidate.entry.key}, seed {candidate.seed}: {named}: this run cannot become a baseline."
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
    """Remove predictions that no entry names, and empty folders."""
    named = {run.predictions for entry in entries.values() for run in entry.runs.values()}
    with suppress(OSError):  # leftover files do no harm: only the JSON counts
        for path in (folder / PREDICTIONS).glob(f"*{_SUFFIX}"):
            if path.name not in named:
                path.unlink(missing_ok=True)
        for empty in (folder / PREDICTIONS, folder):
            empty.rmdir()


def _digest(record: Any) -> str:
    if isinstance(record, dict):
        record = {name: value for name, value in record.items() if name not in _FREE}
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
