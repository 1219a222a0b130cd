"""The predictions of a baseline: one small file for each accepted run, as safetensors, which cannot contain code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ACCEPT = "Restore it from version control, or accept a new run with --ftcheck-update-baseline."


@dataclass(frozen=True)
class KeptRows:
    """The stored data of every evaluated row."""

    rows: EvaluatedRows
    ids: NDArray[np.uint64]
    """``[N]``, digests of texts and labels of the raw rows."""


def pack(kept: KeptRows) -> bytes:
    """Make the content of a file; equal rows give equal bytes.

    Raises:
        DataError: there are no logits or no rows, or a value is not finite.

    """
    rows = kept.rows
    has_answers = rows.head_rules.answers is not None
    if not (has_answers or rows.logits is not None) or not len(rows) or not rows.finite:
        what = "no evaluated rows" if not len(rows) else "logits or labels that are not finite numbers"
        msg = f"a run with {what} cannot become a baseline."
        raise DataError(msg)
    if len(kept.ids) != len(rows):
        msg = (
            f"a run that evaluated {len(rows)} of {len(kept.ids)} rows cannot become a baseline. Evaluate every row "
            "once."
        )
        raise DataError(msg)
    arrays = {"ids": kept.ids}
    if rows.logits is not None:
        arrays["logits"] = rows.logits.astype(np.float32)
    if has_answers:
        return save(arrays | {"label_ids": _codes(rows.label_ids), "predictions": _codes(rows.predictions)})
    return save(arrays | {"label_ids": rows.label_ids.astype(rows.head_rules.labels.kept_dtype())})


def _codes(texts: NDArray[Any]) -> NDArray[np.uint32]:
    """Return strings ``[N]`` as code points, ``[N, longest]``, because safetensors cannot store strings."""
    return np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), -1)


def _texts(codes: NDArray[np.uint32]) -> NDArray[Any]:
    """Return the strings from the result of `_codes`."""
    return np.ascontiguousarray(codes).view(f"<U{codes.shape[1]}").reshape(-1)


def digest_of(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_kept(path: Path, sha256: str, head: str, label_names: Sequence[str] = ()) -> KeptRows:
    """Read the predictions of an accepted run.

    Args:
        path: path of the file.
        sha256: expected SHA-256 of the file.
        head: head of the task.
        label_names: label names of the task.

    Raises:
        DataError: the file is absent, truncated or edited.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"{path}: the baseline's predictions cannot be read: {error.strerror}. {ACCEPT}"
        raise DataError(msg) from error
    if digest_of(content) != sha256:
        msg = f"{path}: the baseline's predictions were truncated or edited. {ACCEPT}"
        raise DataError(msg)
    try:
        arrays = load(content)
        if head_named(head).answers is not None:
            right, given = (_texts(arrays[name]) for name in ("label_ids", "predictions"))
            return KeptRows(EvaluatedRows(right, given, arrays.get("logits"), head_named(head)), arrays["ids"])
        labels = arrays["label_ids"]
        labels = labels if labels.dtype.kind == "f" else labels.astype(np.int64)
        return KeptRows(EvaluatedRows.of_logits(arrays["logits"], labels, head, label_names), arrays["ids"])
    except (SafetensorError, KeyError) as error:
        msg = f"{path}: the baseline's predictions have another form: {error}. {ACCEPT}"
        raise DataError(msg) from error
