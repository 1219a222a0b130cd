"""Checks of the rows behind the metrics: each row of the evaluation data set, once, in order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.collator.moved_rows import require_rows_in_place
from pytest_ftcheck.heads.arrays import without_padding
from pytest_ftcheck.training.fingerprint import fingerprint_rows, fingerprints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_CHUNK = 64
"""Number of rows that are collated together, if their tokens are known only after collating."""


@check(
    "metrics.evaluated_rows",
    cost="run",
    catches="an evaluation of the train split or of other rows, a last batch that is dropped, rows in another order",
    hint="look for dataloader_drop_last, a sampler or collator that reorders, drops or repeats rows in evaluation, and "
    "for the data set that the evaluation is given.",
)
def evaluated_rows(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Metrics cover each row of the evaluation data set, once, in order, with its own label.

    Assumes: the evaluation is the whole data set, in order.

    Unusual but healthy: a collator that renames labels one to one passes; a subset on purpose fails: pass the subset as
    the data set.

    False alarms: none by chance.
    """
    del thresholds
    run, total = evidence.run, len(evidence.pipeline.eval_dataset)
    counts = (len(run.logits), len(run.label_ids))
    if counts != (total, total):
        observed = f"{counts[0]} rows of logits and {counts[1]} of label ids"
        return [finding(f"logits and label ids of the {total} rows of the evaluation data set", observed)]
    by_label, by_tokens = _labels(evidence), _passes(evidence)
    if by_label is None and by_tokens is None:
        msg = "neither labels nor tokens of the evaluated rows can be compared with those of the data set"
        raise NotApplicable(msg)
    if by_label and _are_moved(evidence):
        require_rows_in_place(evidence)
    return [*(by_label or ()), *(by_tokens or ())]


def _are_moved(evidence: Evidence) -> bool:
    """Return whether the label ids are those of the data set in another order."""
    expected, seen = evidence.label_array(evidence.pipeline.eval_dataset), evidence.run.label_ids
    return np.array_equal(np.sort(seen, axis=None), np.sort(expected.astype(seen.dtype), axis=None))


def _labels(evidence: Evidence) -> list[Finding] | None:
    """Compare label ids with the data set's labels; None if those are not numbers."""
    expected = evidence.label_array(evidence.pipeline.eval_dataset)
    seen = np.asarray(evidence.run.label_ids)
    if expected.ndim > 1:
        seen = without_padding(seen, expected.shape[1])
    if seen.size == expected.size:
        seen = seen.reshape(expected.shape)
    if expected.dtype.kind not in "biuf" or seen.shape != expected.shape:
        return None
    findings = []
    without = np.flatnonzero(~_has_label(evidence, seen)) if seen.ndim == 1 else np.empty(0)
    if without.size:
        observed = f"{without.size} of {seen.size} have none, the first is row {without[0]}: {seen[without[0]]}"
        hint = "metrics count such rows as wrong, and the loss leaves out -100: evaluate on rows that have labels."
        findings.append(finding("every evaluated row has a label that the head knows", observed, hint=hint))
    # In half precision, scores such as 3.8 are no longer exact.
    rtol = 1e-5 if evidence.precision == "float32" else 1e-2
    same = np.isclose(seen.astype(float), expected.astype(float), rtol=rtol, equal_nan=True)
    wrong = np.flatnonzero(~same.reshape(len(same), -1).all(axis=1))
    if wrong.size and not (seen.ndim == 1 and _renamed(expected, seen)):
        row = int(wrong[0])
        moved = np.array_equal(np.sort(seen, axis=None), np.sort(expected.astype(seen.dtype), axis=None))
        what = "the same labels in another order: " if moved else ""
        observed = f"{what}{wrong.size} rows differ, the first is row {row}: {seen[row]} instead of {expected[row]}"
        findings.append(finding(f"the {expected.size} labels of the evaluation data set, in order", observed))
    return findings


def _has_label(evidence: Evidence, seen: NDArray[Any]) -> NDArray[np.bool_]:
    if evidence.pipeline.card.head_rules.values:
        return np.asarray(np.isfinite(seen))
    return np.asarray((seen >= 0) & (seen < max(evidence.pipeline.card.num_labels, 2)))


def _renamed(expected: NDArray[Any], seen: NDArray[Any]) -> bool:
    """Return whether a collator consistently gives another name or scale to every label: the rows are then in order."""
    pairs = set(zip(expected.tolist(), seen.tolist(), strict=True))
    one_to_one = len(pairs) == len({left for left, _ in pairs}) == len({right for _, right in pairs})
    # If all labels differ, any order would look like renaming.
    if len(pairs) <= len(seen) / 2:
        return one_to_one
    left, right = expected.astype(np.float64), seen.astype(np.float64)
    if not (np.isfinite(left).all() and np.isfinite(right).all()) or np.ptp(left) == 0:
        return False
    slope = float(np.ptp(right) / np.ptp(left))
    line = right.min() + slope * (left - left.min())
    return bool(np.allclose(line, right, atol=1e-4 * max(float(np.ptp(right)), 1e-9)))


def _passes(evidence: Evidence) -> list[Finding] | None:
    """Compare the rows that every evaluation saw with those of the data set; None if they are unknown."""
    passes = [list(entry.rows) for entry in evidence.run.trace.passes if entry.kind == "eval"]
    if not passes:
        return None
    expected = _expected(evidence, passes[-1])
    if expected is None:
        return None
    judged = passes[-1]
    if not evidence.pipeline.source.evaluation.ends_with_judged_rows and expected in passes:
        judged = expected
    findings = [] if judged == expected else [_other_rows(evidence, expected, judged, "the evaluation")]
    others = list(passes)
    others.remove(judged)
    # Some evaluations may use other rows on purpose, but those that compare epochs should use these.
    if not findings and others and all(Counter(seen) != Counter(expected) for seen in others):
        findings.append(_other_rows(evidence, expected, others[-1], "an evaluation during training"))
    return findings


def _expected(evidence: Evidence, seen: Sequence[int]) -> list[int] | None:
    """Fingerprints of the evaluation rows, as the data set has them, else as the collator makes them.

    A collator that tokenizes, or pads with another id, makes rows that neither split has; None if both match few rows.
    """
    pad_id = evidence.pipeline.pad_id
    pipeline = evidence.pipeline
    train = set(_stored(pipeline.train_dataset, pad_id) or ())
    for collated in (False, True):
        expected = _collated(evidence, pad_id) if collated else _stored(pipeline.eval_dataset, pad_id)
        if expected is not None:
            known = train | set(expected)
            if sum(row in known for row in seen) > len(seen) / 2:
                return expected
    return None


def _stored(rows: Dataset, pad_id: int | None) -> list[int] | None:
    if "input_ids" not in rows.column_names:
        return None
    return fingerprint_rows(rows["input_ids"], pad_id)


def _collated(evidence: Evidence, pad_id: int | None) -> list[int] | None:
    """Fingerprint the evaluation rows as the collator makes them; None if it gives no tokens ``[B, T]``."""
    rows = evidence.pipeline.eval_dataset
    found: list[int] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = list(range(start, min(start + _CHUNK, len(rows))))
        try:
            ids = evidence.collate(evidence.features(rows, chunk))["input_ids"]
            found += fingerprints(ids, pad_id).tolist()
        except Exception:  # noqa: BLE001 - a collator that refuses its rows is the collator family's to report
            return None
    return found


def _other_rows(evidence: Evidence, expected: Sequence[int], seen: Sequence[int], what: str) -> Finding:
    """Describe how the rows that were seen differ from those of the data set."""
    wanted, got = Counter(expected), Counter(seen)
    missing, extra = (wanted - got).total(), got - wanted
    words = [f"{len(seen)} rows"]
    if missing:
        words.append(f"{missing} rows of the data set were left out")
    repeated = sum(count for row, count in extra.items() if row in wanted)
    if repeated:
        words.append(f"{repeated} were seen again")
    foreign = {row: count for row, count in extra.items() if row not in wanted}
    if foreign:
        pad_id = evidence.pipeline.pad_id
        train = set(_stored(evidence.pipeline.train_dataset, pad_id) or ())
        of_train = sum(count for row, count in foreign.items() if row in train)
        words.append(f"{sum(foreign.values())} are not in the data set, {of_train} of them are rows of the train split")
    if not missing and not extra:
        first = next(row for row, pair in enumerate(zip(expected, seen, strict=True)) if pair[0] != pair[1])
        words.append(f"in another order, from row {first} on")
    return finding(
        f"{what} sees the {len(expected)} rows of the evaluation data set, each once and in order",
        "; ".join(words),
    )
