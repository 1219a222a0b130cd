"""A run as the baseline keeps it, and an accepted run as later ones are compared with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.baseline_file import FILE, Candidate, Entry, predictions_path
from pytest_ftcheck.gates.predictions_file import ACCEPT, KeptRows, pack, read_kept
from pytest_ftcheck.gates.provenance import evaluated_rows, identity_columns, row_ids
from pytest_ftcheck.gates.records import MetricChange
from pytest_ftcheck.gates.tolerance import FEWEST_SEEDS, SeedStatistics

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.gates.baseline_file import AcceptedSeed
    from pytest_ftcheck.gates.paired import ComparedRun
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


def candidate_of(now: Entry, pipeline: Pipeline, run: Run, compared: ComparedRun) -> Candidate:
    """Return a run as it may be accepted.

    Args:
        now: of `describe_origin`.
        pipeline: that was trained.
        run: that came out.
        compared: what `ComparedRun.of_run` took of it.

    """
    ids = row_ids(evaluated_rows(pipeline, run), identity_columns(pipeline, run))
    missing = {name: math.nan for name in pipeline.card.metric.greater_is_better if name not in compared.metrics}
    metrics = {**compared.metrics, **missing}
    try:
        content = pack(KeptRows(compared.rows, ids))
    except DataError:
        # A worse model, not misuse: the checks say so, and what is empty here is refused at the end.
        metrics, content = {}, b""
    return Candidate(now, run.seed, metrics, content)


def kept_rows(folder: Path, entry: Entry, seed: int) -> KeptRows:
    """Read the predictions of an accepted run.

    Args:
        folder: of the baseline.
        entry: that was accepted.
        seed: one of its own.

    Raises:
        DataError: they were edited, truncated or removed, or are of another number of rows.

    """
    path = predictions_path(folder, entry.runs[seed])
    kept = read_kept(path, entry.runs[seed].sha256, entry.head, entry.labels)
    if len(kept.ids) != entry.data["rows"] or len(kept.rows) != len(kept.ids):
        msg = (
            f"{folder / FILE}: entry {entry.key!r} has {entry.data['rows']} evaluated rows, and {path.name} "
            f"{len(kept.rows)}. {ACCEPT}"
        )
        raise DataError(msg)
    return kept


def seed_spreads(entry: Entry) -> dict[str, SeedStatistics]:
    """Take the spread over seeds from several accepted ones; of fewer, only a calibration knows it."""
    found = {}
    if len(entry.runs) >= FEWEST_SEEDS:
        for metric in next(iter(entry.runs.values())).metrics:
            values = np.array([run.metrics.get(metric, math.nan) for run in entry.runs.values()])
            if np.isfinite(values).all():
                found[metric] = SeedStatistics(float(values.mean()), float(values.std(ddof=1)), len(values))
    return found


def before_and_after(accepted: AcceptedSeed, compared: ComparedRun, pipeline: Pipeline) -> dict[str, MetricChange]:
    """Return the value before and after of every metric that the card gates, and whether its drop is limited."""
    card = pipeline.card
    gates = card.gates(pipeline.tier, pipeline.checkpoint.name)
    names = [*card.metric.greater_is_better, *gates]
    return {
        name: MetricChange(
            before=accepted.metrics.get(name, math.nan),
            after=compared.metrics.get(name, math.nan),
            worse=(1 if card.greater_is_better(name) else -1)
            * (accepted.metrics.get(name, math.nan) - compared.metrics.get(name, math.nan)),
            gated=name in gates and gates[name].max_drop is not None,
        )
        for name in dict.fromkeys(names)
    }
