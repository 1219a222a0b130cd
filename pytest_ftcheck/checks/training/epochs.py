"""Checks of the training rows: each once an epoch, with its own label, and labels mixed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from scipy.stats import spearmanr

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.training.declared import arguments, own_sampler
from pytest_ftcheck.checks.training.sampling import classes_never_drawn, drawn, misplaced_weights
from pytest_ftcheck.columns import label_values
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.heads.traits import LABEL_PER_ROW, unmet
from pytest_ftcheck.pipeline.trainer_rows import plain_rows
from pytest_ftcheck.runs.rows_digest import rows_digest
from pytest_ftcheck.training.fingerprint import fingerprint_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.trace import Pass

_DRAWS = 200
_MOST_LABELS = 50
_CERTAIN = 8.0
"""Number of standard deviations that a random order does not reach by chance."""
_WINDOW = 8
"""Smallest number of rows in a window."""


def _epochs(evidence: Evidence) -> list[Pass]:
    passes = [seen for seen in evidence.trained_run.trace.passes if seen.kind == "train"]
    if not passes:
        msg = "the rows that reach the model are not known: its batches have no input_ids [B, T]"
        raise NotApplicable(msg)
    return passes


@check(
    "training.rows_once",
    cost="run",
    # Fraction of rows that may be unlike any in the data set before rows count as changed.
    # Distinct rows that a sampler of the user's own draws, as a fraction of those that drawing with replacement gives.
    thresholds={"changed": 0.05, "drawn": 0.1},
    false_alarms=1e-6,
    catches="rows lost or repeated by a sampler, a loader or a collator, labels that move to other rows",
    hint="look at the sampler, at drop_last, and at whether the collator keeps rows and labels together.",
)
def rows_once(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every row is trained on exactly once an epoch, with its own label.

    A last batch that the recipe drops may be missing. If a sampler of the user's own draws the rows, or rows are
    changed before they reach the model, the check is less strict.

    Assumes: an epoch contains every row once.

    Unusual but healthy: a sampler of the user's own may repeat and leave out rows, down to a tenth of the number that
    equal probabilities give; changed rows are only counted; a factory that makes other rows with another seed is
    skipped for that seed.

    False alarms: at most 1e-6: a sampler that covers the rows does not draw so few different ones by chance.
    """
    passes, rows = _epochs(evidence), evidence.pipeline.train_dataset
    expected = _expected(evidence)
    known = {fingerprint for fingerprint, _ in expected}
    seen = [fingerprint for epoch in passes for fingerprint in epoch.rows]
    changed = sum(fingerprint not in known for fingerprint in seen) / len(seen) > thresholds["changed"]
    own = own_sampler(evidence)
    if changed and own:
        msg = f"rows change before they reach the model, and a sampler of its own ({own}) draws them"
        raise NotApplicable(msg)
    found = _by_sampler(evidence, passes, own, thresholds) if own else _counted(evidence, passes, len(rows))
    if not changed and not found:
        compared = (_compare(epoch, expected, number, may_repeat=bool(own)) for number, epoch in enumerate(passes, 1))
        found = next(filter(None, compared), [])
    if found:
        _require_rows_of_any_seed(evidence)
    return found


def _require_rows_of_any_seed(evidence: Evidence) -> None:
    """Stop a check if the factory makes other train rows with this run's seed than with seed 0, the reference.

    Raises:
        NotApplicable: the rows differ, for example because the seed draws them from two sources.

    """
    pipeline, seed = evidence.pipeline, evidence.seed
    if not pipeline.source.spec or not seed:
        return
    made = pipeline.source.make_trainer(pipeline, seed=seed, device="cpu", output_dir=scratch_folder(), steps=None)
    rows, _ = plain_rows(cast("Any", made).train_dataset)
    if rows_digest(rows) != rows_digest(pipeline.train_dataset):
        spec = pipeline.source.spec
        msg = f"{spec} gives other train rows with seed {seed} than with seed 0, the reference"
        raise NotApplicable(msg)


def _by_sampler(evidence: Evidence, passes: list[Pass], sampler: str, thresholds: Thresholds) -> list[Finding]:
    found = drawn(passes, len(evidence.pipeline.train_dataset), sampler, thresholds["drawn"])
    return found or classes_never_drawn(evidence, passes) or misplaced_weights(evidence)


def _expected(evidence: Evidence) -> Counter[tuple[int, float]]:
    """Count the rows of the data set by fingerprint and label."""
    rows, columns = evidence.pipeline.train_dataset, evidence.pipeline.label_columns
    pad_id = evidence.pipeline.pad_id
    if "input_ids" not in rows.column_names or not set(columns) <= set(rows.column_names):
        msg = f"the training rows have no input_ids and {' and '.join(columns)}: they are made on the way"
        raise NotApplicable(msg)
    labels = rows[columns[0]] if len(columns) == 1 else label_values(rows)
    return Counter(zip(fingerprint_rows(rows["input_ids"], pad_id), map(_label, labels), strict=True))


def _label(value: Any) -> float:
    """Return a label as in batches, in single precision; -1 if there is none or it is not a number."""
    number = float(np.float32(value)) if isinstance(value, (int, float)) else np.nan
    return -1.0 if np.isnan(number) else number


def _counted(evidence: Evidence, passes: list[Pass], rows: int) -> list[Finding]:
    """Compare the number of rows of every whole epoch with that of the data set."""
    declared = arguments(evidence)
    least = rows - rows % declared.train_batch_size if declared.dataloader_drop_last else rows
    for number, epoch in enumerate(passes, 1):
        count = len(epoch.rows)
        # The last epoch may be incomplete, because of max_steps or early stopping.
        if count > rows or (count < least and number < len(passes)):
            return [finding(f"{least} rows in epoch {number}, each once", f"{count} rows")]
    return []


def _compare(epoch: Pass, expected: Counter[tuple[int, float]], number: int, *, may_repeat: bool) -> list[Finding]:
    """Compare the rows of an epoch and their labels with those of the data set."""
    labels = [-1.0 if np.isnan(label) else label for label in epoch.labels]
    has_labels = any(label >= 0 for label in labels)
    seen = Counter(zip(epoch.rows, labels, strict=True))
    by_row: Counter[int] = Counter()
    for (row, _), count in expected.items():
        by_row[row] += count
    if has_labels and (moved := [pair for pair in seen if pair not in expected and pair[0] in by_row]):
        right = sorted({label for fingerprint, label in expected if fingerprint == moved[0][0]})
        observed = f"{len(moved)} rows of epoch {number} have another one: {moved[0][1]:g} instead of {right[0]:g}"
        return [finding("every row with its own label", observed)]
    if may_repeat:
        return []
    times = Counter(epoch.rows)
    repeated = [row for row, count in times.items() if count > by_row[row] > 0]
    if not repeated:
        return []
    missing = (by_row - times).total()
    observed = f"in epoch {number}, {len(repeated)} rows come more than once and {missing} not at all"
    return [finding("every row once an epoch", observed)]


@check(
    "training.shuffled",
    cost="run",
    thresholds={"sorted": 0.5},  # 0: labels are mixed as by chance; 1: sorted by label
    false_alarms=1e-6,
    catches="training rows that are sorted by label and not shuffled; a sampler that draws one order for all epochs",
    hint="shuffle the rows (the Trainer does, except with a sampler of your own or "
    "train_sampling_strategy='sequential'): after batches of one label the model forgets the other labels.",
)
def shuffled(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Labels are mixed over the training batches, about as by chance, and every epoch has its own order.

    Assumes: rows are trained on in a random order.

    Unusual but healthy: batches by length are skipped; a curriculum or batches of one class on purpose fail. The
    order of the data set, or one that follows length, may repeat; one that follows a score of the user's own fails.

    False alarms: at most 1e-6 (8 standard deviations of 200 random orders, and 0.5 on the scale to sorted).
    """
    epoch, *later = _epochs(evidence)
    declared = arguments(evidence)
    repeated = _repeated(evidence, epoch, later)
    if found := repeated or _stream_order(evidence, declared.train_batch_size, thresholds["sorted"]):
        return found
    if str(getattr(declared.train_sampling_strategy, "value", declared.train_sampling_strategy)) == "group_by_length":
        msg = "batches are made of rows of equal length on purpose, and length may correlate with the label"
        raise NotApplicable(msg)
    if reason := unmet((LABEL_PER_ROW,), evidence.pipeline.card.head_rules.traits):
        msg = f"the order of the labels is not judged: {reason}"
        raise NotApplicable(msg)
    labels = np.asarray(epoch.labels)
    windows = windows_of(epoch.batch_sizes)
    if np.isnan(labels).any() or len(set(labels.tolist())) == 1 or windows.max() < _FEW_WINDOWS:
        msg = "too few rows, or no two different labels, to judge an order"
        raise NotApplicable(msg)
    share, deviations = sortedness(labels, windows)
    if share <= thresholds["sorted"] or deviations <= _CERTAIN:
        return []
    expected = f"labels mixed by at most {thresholds['sorted']:g} of the way from chance (0) to sorted by label (1)"
    first = ", ".join(f"{label:g}" for label in labels[:_WINDOW])
    return [finding(expected, f"{share:.2f} in the first epoch, which begins with labels {first}")]


def _stream_order(evidence: Evidence, size: int, most: float) -> list[Finding]:
    """Judge the order of the rows of a user's stream: a Trainer does not shuffle a stream."""
    if not evidence.pipeline.source.rows.is_streamed("train_dataset"):
        return []
    rows, column = evidence.pipeline.train_dataset, evidence.pipeline.label_column
    labels = np.asarray(rows[column], float) if column in rows.column_names else np.zeros(0)
    windows = windows_of((size,) * -(-len(labels) // size))[: len(labels)]
    if labels.ndim != 1 or len(set(labels.tolist())) < 2 or windows.max() < _FEW_WINDOWS:  # labels
        return []
    share, deviations = sortedness(labels, windows)
    if share <= most or deviations <= _CERTAIN:
        return []
    expected = f"a stream whose labels are mixed by at most {most:g} of the way from chance (0) to sorted by label (1)"
    hint = "shuffle the rows before they are streamed, or in a buffer larger than a class: shuffle(buffer_size=…)."
    return [finding(expected, f"{share:.2f}: a Trainer takes a stream in its order, without shuffling", hint=hint)]


_FEW_ROWS = 32
_FOLLOWS = 0.3
"""Limit of the rank correlation: 32 rows in a random order exceed it in one case of ten, and are then not judged."""


def _repeated(evidence: Evidence, first: Pass, later: list[Pass]) -> list[Finding]:
    """Find a random order that is repeated: one that follows neither the data set nor the length of its rows."""
    again = [epoch for epoch in later if len(epoch.rows) == len(first.rows)]
    if len(set(first.rows)) < _FEW_ROWS or not again or any(epoch.rows != first.rows for epoch in again):
        return []
    rows = evidence.pipeline.train_dataset
    if "input_ids" not in rows.column_names:
        return []
    tokens = rows["input_ids"]
    places = {row: place for place, row in enumerate(fingerprint_rows(tokens, evidence.pipeline.pad_id))}
    drawn_places = [places[row] for row in first.rows if row in places]
    if len(set(drawn_places)) < _FEW_ROWS:
        return []
    lengths = np.asarray([len(tokens[place]) for place in drawn_places])
    for meant in (np.asarray(drawn_places), lengths):
        if len(set(meant.tolist())) > 1 and abs(spearmanr(meant, np.arange(len(meant))).statistic) > _FOLLOWS:
            return []
    name = own_sampler(evidence)
    observed = f"the same shuffled order in all {1 + len(again)} epochs{f' ({name})' if name else ''}"
    hint = "draw a new order in every epoch: a generator that is made in __iter__ with one seed gives one order; a "
    hint += "sampler with set_epoch() needs the call."
    return [finding("another order of the rows in every epoch", observed, hint=hint)]


_FEW_WINDOWS = 3


def sortedness(labels: NDArray[np.float64], windows: NDArray[np.int64]) -> tuple[float, float]:
    """Return how strongly labels ``[N]`` in windows ``[N]`` are sorted.

    Returns:
        0 for a random order, 1 for sorted by label; and the distance from chance in standard deviations of a random
        order.

    """
    values = _indicators(labels)
    seen, most = _sameness(values, windows), _sameness(values[np.lexsort(values.T)], windows)
    generator = np.random.default_rng(0)
    draws = np.asarray([_sameness(generator.permutation(values), windows) for _ in range(_DRAWS)])
    chance, spread = float(draws.mean()), float(draws.std())
    share = (seen - chance) / (most - chance) if most > chance else 0.0
    return share, (seen - chance) / spread if spread else 0.0


def windows_of(batch_sizes: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the window number of each row, ``[N]``: windows are batches, small ones joined."""
    numbers, size, window = [], 0, 0
    for batch in batch_sizes:
        numbers += [window] * batch
        size += batch
        if size >= _WINDOW:
            window, size = window + 1, 0
    return np.asarray(numbers)


def _indicators(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return labels as columns ``[N, K]``: one for each class, or ranks if they are values."""
    kinds, places = np.unique(labels, return_inverse=True)
    if len(kinds) <= _MOST_LABELS:
        return np.asarray(places[:, None] == np.arange(len(kinds)), np.float64)
    return np.asarray(places - places.mean(), np.float64)[:, None]


def _sameness(values: NDArray[np.float64], windows: NDArray[np.int64]) -> float:
    """Measure the similarity of the labels of a window: the sum of squared window means, weighted by their rows."""
    counts = np.bincount(windows)
    sums = np.stack([np.bincount(windows, weights=column) for column in values.T])
    return float((sums**2 / counts).sum())
