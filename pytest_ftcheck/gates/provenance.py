"""Describes the origin of a run, and decides whether another run can be compared with it.

A comparison needs the same evaluation rows and the same first weights. A change of anything else (training rows,
recipe, versions, device) is judged by the baseline: the report names the change, but it does not excuse a drop.
"""

from __future__ import annotations

import hashlib
import json
import os
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.columns import walk
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.gates.baseline_file import FILE, FOLDER, Entry
from pytest_ftcheck.pipeline.reads.states import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.gates.predictions_file import KeptRows
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

_ACCEPT = "--ftcheck-update-baseline --ftcheck-reason='why'"
_FEW = 8
"""Maximum number of changes in a message."""
_NO_PATHS = ("bundled", "memory")
"""Sources that are not paths, also if a folder has the same name."""
_NAMES_OUTSIDE = 2
"""Number of names of a path outside of the project: enough to distinguish ``glue/mrpc`` from ``adversarial/mrpc``,
without a user's folders."""


def describe_origin(pipeline: Pipeline, run: Run, rootdir: Path) -> Entry:
    """Return an entry without runs that describes the origin of a run.

    Args:
        pipeline: pipeline of the run.
        run: the run.
        rootdir: root folder of the project; see `source_name`.

    """
    card, checkpoint = pipeline.card, pipeline.checkpoint
    rows, columns = evaluated_rows(pipeline, run), identity_columns(pipeline, run)
    train = [] if not pipeline.trains else _shared(pipeline.data.train, columns)
    max_length = card.recipe(pipeline.tier, checkpoint.name).get("max_length")
    recipe = {**({} if max_length is None else {"max_length": max_length}), **pipeline.args}
    return Entry(
        task=card.name,
        checkpoint=checkpoint.name,
        engine=run.engine,
        head=card.head,
        recipe=_plain(recipe if pipeline.trains else {"trains": False}),
        data={
            "source": source_name(pipeline.data.source, rootdir),
            "split": pipeline.data.evaluation_split,
            "columns": columns,
            "rows": len(rows),
            "evaluation": _digest(row_ids(rows, columns)),
            "train_rows": len(pipeline.data.train),
            "train": _digest(row_ids(pipeline.data.train, train)) if train else "",
        },
        # Without training, the weights are what the comparison judges: they differ each time.
        weights=weights_digest(checkpoint.folder) if pipeline.trains and checkpoint.folder else "",
        environment=dict(run.environment),
        labels=tuple(card.label_names),
    )


def evaluated_rows(pipeline: Pipeline, run: Run) -> Dataset:
    """Return the raw rows of a run, or the tokenized rows if a user's fixture has changed them."""
    if pipeline.card.head_rules.answers is not None:
        return pipeline.raw_evaluation
    raw, tokenized = pipeline.data.evaluation, pipeline.eval_dataset
    return tokenized if len(raw) != len(run.label_ids) == len(tokenized) else raw


def identity_columns(pipeline: Pipeline, run: Run) -> list[str]:
    """Return the columns that identify a row: texts and label if they are known, else all columns."""
    rows = evaluated_rows(pipeline, run)
    known = _shared(rows, pipeline.card.text_columns)
    label = _shared(rows, [pipeline.card.label_column])
    return [*known, *label] if known else sorted(rows.column_names)


def _shared(rows: Dataset, columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name in rows.column_names]


def row_ids(rows: Dataset, columns: Sequence[str]) -> NDArray[np.uint64]:
    """Return a digest of each row in some columns, ``[N]``."""
    encode = json.JSONEncoder(default=repr).encode
    digests = [hashlib.sha256(encode(row).encode()).digest()[:8] for row in walk(rows, columns)]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _digest(ids: NDArray[np.uint64]) -> str:
    return hashlib.sha256(ids.astype("<u8").tobytes()).hexdigest()


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of weights and configuration of a checkpoint."""
    files = sorted([*folder.glob("*.safetensors"), folder / "config.json"])
    return hashlib.sha256("".join(file_digest(path) for path in files if path.is_file()).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Convert a value to JSON values; other types, such as enumerations of `TrainingArguments`, become strings."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def source_name(source: str, rootdir: Path) -> str:
    """Return a name of a data set that is the same in every checkout, current folder and form of the path.

    A file or folder of the project is named by its path in the project: ``data/a``. Any other path is named by its
    part below the common parent folder, at most two names: ``shared/mrpc``. Other sources stay unchanged.

    Args:
        source: source of `TaskData`.
        rootdir: root folder of the project.

    """
    given = Path(source).expanduser()
    if source in _NO_PATHS or not (given.is_absolute() or given.exists()):
        return source
    path, root = (Path(os.path.normpath(each.absolute())).parts for each in (given, rootdir))
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(path, root, strict=False)))
    own = path[shared:]
    return "/".join(own if shared == len(root) else own[-_NAMES_OUTSIDE:]) or "."


def nearest_entry(entries: Iterable[Entry], now: Entry, *, any_checkpoint: bool) -> Entry | None:
    """Find the last accepted entry with other hyperparameters, so that a changed recipe is still compared.

    This also finds the same evaluation rows under another name; other data needs its own baseline.

    Args:
        entries: the accepted entries.
        now: result of `describe_origin` for a run without an entry.
        any_checkpoint: True: also find entries of another checkpoint, which are reported as not comparable.

    """
    others = [
        entry
        for entry in entries
        if (entry.task, entry.engine) == (now.task, now.engine)
        and (entry.checkpoint == now.checkpoint or any_checkpoint)
        and any(entry.data[key] == now.data[key] for key in ("source", "evaluation"))
    ]
    return max(others, key=lambda entry: (entry.place == now.place, entry.date, entry.key), default=None)


def not_comparable(entry: Entry, now: Entry, before: KeptRows, rows: Dataset) -> str:
    """Return why a run cannot be compared with an accepted one; an empty string if it can.

    Args:
        entry: the accepted entry.
        now: result of `describe_origin`.
        before: rows of the accepted run.
        rows: rows of this run.

    """
    if entry.head != now.head:
        return f"the head was {entry.head}, and is {now.head}"
    if other := _other_labels(entry, now):
        return other
    if entry.checkpoint != now.checkpoint:
        return f"the checkpoint was {entry.checkpoint}, and is {now.checkpoint}"
    if entry.weights and now.weights and entry.weights != now.weights:
        return (
            f"checkpoint {now.checkpoint} has other weights or another configuration "
            f"(SHA-256 {entry.weights[:12]}… before, {now.weights[:12]}… now)"
        )
    return _other_rows([str(name) for name in entry.data["columns"]], before, rows)


def _other_labels(entry: Entry, now: Entry) -> str:
    if not entry.labels or entry.labels == now.labels:
        return ""
    return f"the classes were {_few(entry.labels)}, and are {_few(now.labels)}"


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_FEW])
    return shown if len(names) <= _FEW else f"{shown}, … ({len(names)} in all)"


def another_subject(entry: Entry, now: Entry) -> str:
    """Return why a run and the entry that it would replace have different subjects; an empty string if they do not."""
    if entry.head != now.head:
        return f"the head was {entry.head}, and is {now.head}"
    if other := _other_labels(entry, now):
        return other
    if entry.data["evaluation"] != now.data["evaluation"]:
        rows = f"{entry.data['rows']} before, {now.data['rows']} now"
        return f"the evaluated rows have changed ({rows})"
    return ""


def _other_rows(columns: Sequence[str], before: KeptRows, rows: Dataset) -> str:
    if missing := [name for name in columns if name not in rows.column_names]:
        return f"the evaluation rows no longer have the column {', '.join(missing)}"
    if len(before.ids) != len(rows):
        return f"the baseline has {len(before.ids)} evaluated rows, the run {len(rows)}"
    ids = row_ids(rows, columns)
    other = np.flatnonzero(ids != before.ids)
    if not other.size:
        return ""
    if np.array_equal(np.sort(ids), np.sort(before.ids)):
        return f"the evaluation rows are the same, but {other.size} of {len(ids)} have another position"
    return f"{other.size} of {len(ids)} evaluation rows differ in {', '.join(columns)}, first row {other[0]}"


def differences(entry: Entry, now: Entry) -> list[str]:
    """List the changes since a run was accepted, without those that prevent a comparison."""
    found = [
        *_changes("", entry.recipe, now.recipe),
        *_changes("", {"data": entry.source}, {"data": now.source}),
        *([f"training rows ({entry.data['train_rows']} before, {now.data['train_rows']} now)"] * _trained(entry, now)),
        *_changes("", entry.environment, now.environment),
    ]
    more = len(found) - _FEW
    return [*found[:_FEW], *([f"and {more} more"] if more > 0 else [])]


def _trained(entry: Entry, now: Entry) -> bool:
    return bool(entry.data["train"] != now.data["train"])


def _changes(prefix: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        was, is_ = before.get(name), now.get(name)
        if isinstance(was, dict) and isinstance(is_, dict):
            yield from _changes(f"{prefix}{name}.", was, is_)
        elif was != is_:
            yield f"{prefix}{name} {_shown(was)} → {_shown(is_)}"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def incomparable_finding(entry: Entry, now: Entry, why: str, subject: str) -> Finding:
    """Return the finding for a run that cannot be compared with an accepted one; it fails: a drop is unknown."""
    return Finding(
        check="metrics.baseline",
        subject=f"{subject}, engine {now.engine}",
        expected=f"the evaluation rows and the checkpoint of {entry.key}, accepted on {entry.date}",
        observed=why if why.startswith("not comparable") else f"not comparable: {why}",
        hint="on other rows, or from other first weights, a drop does not show a worse model. If the change is "
        "intended, accept this run: --ftcheck-update-baseline=force --ftcheck-reason='why'.",
    )


def missing_finding(now: Entry, nearest: Entry | None, subject: str) -> Finding:
    """Return the finding for a run without an accepted run, where one is required."""
    near = "" if nearest is None else f"; the nearest is {nearest.key}: {', '.join(differences(nearest, now))}"
    return Finding(
        check="metrics.baseline",
        subject=f"{subject}, engine {now.engine}",
        expected=f"an accepted run in {FOLDER}/{FILE}, because of --ftcheck-require-baseline",
        observed=f"no entry {now.key}{near}",
        hint=f"accept a healthy run: {_ACCEPT}.",
    )
