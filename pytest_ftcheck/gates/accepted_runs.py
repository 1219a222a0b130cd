"""Converts a run to a candidate for the baseline, and an accepted run to the reference of comparisons."""

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
    from pytest_ftcheck.gates.compared_run import ComparedRun
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run


def candidate_of(now: Entry, pipeline: Pipeline, run: Run, compared: ComparedRun) -> Candidate:
    """Make a candidate for the baseline from a run.

    Args:
        now: result of `describe_origin`.
        pipeline: pipeline of the run.
        run: the run.
        compared: result of `ComparedRun.of_run`.

    """
    ids = row_ids(evaluated_rows(pipeline, run), identity_columns(pipeline, run))
    missing = {name: math.nan for name in pipeline.card.metric.greater_is_better if name not in compared.metrics}
    metrics = {**compared.metrics, **missing}
    try:
        content = pack(KeptRows(compared.rows, ids))
    except DataError:
        # This is a worse model, not misuse: the checks report it, and the empty candidate is refused at the end.
        metrics, content = {}, b""
    return Candidate(now, run.seed, metrics, content)


def kept_rows(folder: Path, entry: Entry, seed: int) -> KeptRows:
    """Read the predictions of an accepted run.

    Args:
        folder: folder of the baseline.
        entry: the accepted entry.
        seed: a seed of the entry.

    Raises:
        DataError: the predictions were edited, truncated or removed, or have another number of rows.

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
    """Return the spread over at least `FEWEST_SEEDS` accepted seeds, by metric; empty for fewer seeds."""
    found = {}
    if len(entry.runs) >= FEWEST_SEEDS:
        for metric in next(iter(entry.runs.values())).metrics:
            values = np.array([run.metrics.get(metric, math.nan) for run in entry.runs.values()])
            if np.isfinite(values).all():
                found[metric] = SeedStatistics(float(values.mean()), float(values.std(ddof=1)), len(values))
    return found


def before_and_after(accepted: AcceptedSeed, compared: ComparedRun, pipeline: Pipeline) -> dict[str, MetricChange]:
    """Return for every metric of the card the value before and after, and whether its drop is limited."""
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
