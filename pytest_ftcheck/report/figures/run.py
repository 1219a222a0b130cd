"""Makes the figures of a run; a figure that cannot be made has its reason in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.gates.provenance import evaluated_rows
from pytest_ftcheck.heads.confidence import row_losses
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.printable import printable, text_of
from pytest_ftcheck.report.figures import predictions
from pytest_ftcheck.report.figures.lengths import lengths
from pytest_ftcheck.report.figures.records import CurveRecord, RunFigures, WorstRecord
from pytest_ftcheck.report.rows import RowNames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

_MOST_POINTS = 200
_MOST_RATES = 4
_MOST_ROWS = 250
_MOST_CHARACTERS = 600


def figures_of(run: Run, pipeline: Pipeline, *, with_rows: bool) -> RunFigures:
    """Make the figures of a run.

    Args:
        run: the run.
        pipeline: its parts.
        with_rows: also record rows of the data, with their texts.

    """
    names = run.label_names or pipeline.card.label_names
    made: dict[str, Any] = {}
    missing: dict[str, str] = {}

    def make(name: str, figure: Callable[[], Any]) -> None:
        try:
            made[name] = figure()
        except Exception as error:  # noqa: BLE001 - data and outputs of a broken run may have any shape; checks report it
            missing[name] = printable(f"{type(error).__name__}: {text_of(error)}")

    def rows() -> EvaluatedRows:
        return EvaluatedRows.of_run(run)

    make("classes", lambda: predictions.confusion(rows(), names))
    make("values", lambda: predictions.scatter(rows()))
    make("labels", lambda: predictions.per_label(rows(), names))
    make("answers", lambda: predictions.answers(rows()))
    make("calibration", lambda: predictions.calibration(rows()))
    make("lengths", lambda: lengths(pipeline))
    if with_rows:
        make("worst", lambda: worst_rows(run, pipeline))
    return RunFigures(
        task=run.task,
        engine=run.engine,
        seed=run.seed,
        folder=str(run.folder),
        losses=curve(run.step_losses),
        learning_rates=_rates(run),
        steps=len(run.step_losses),
        missing=missing,
        **made,
    )


def curve(values: Sequence[float]) -> CurveRecord:
    """Average a value of each step over equally many steps, for at most 200 points."""
    windows = np.array_split(np.asarray(values, dtype=np.float64), min(len(values), _MOST_POINTS) or 1)
    ends = np.cumsum([len(window) for window in windows])
    kept = [(int(end), float(f"{window.mean():.6g}")) for end, window in zip(ends, windows, strict=True) if len(window)]
    return CurveRecord(steps=[step for step, _ in kept], values=[value for _, value in kept])


def _rates(run: Run) -> list[CurveRecord]:
    """Return the different curves of learning rates; none where the optimizer chooses its own."""
    rates = np.array(run.trace.learning_rates, dtype=np.float64)
    if rates.ndim != 2 or not np.isfinite(rates).all():  # steps and parameter groups
        return []
    return [curve(rates[:, group].tolist()) for group in _different(rates)[:_MOST_RATES]]


def _different(rates: Any) -> list[int]:
    _, first = np.unique(rates, axis=1, return_index=True)
    return sorted(first.tolist())


def worst_rows(run: Run, pipeline: Pipeline) -> list[WorstRecord]:
    """Describe the rows with the highest losses, the highest first.

    Raises:
        DataError: there are no logits for the losses.

    """
    rows = EvaluatedRows.of_run(run)
    losses = row_losses(rows)
    names = RowNames(pipeline, evaluated_rows(pipeline, run))
    order = np.argsort(-np.nan_to_num(losses, nan=np.inf), kind="stable")[:_MOST_ROWS].tolist()
    found = []
    for row, raw in zip(order, names.raw(order), strict=True):
        label, prediction = rows.label_ids[row].tolist(), rows.predictions[row].tolist()
        changes = names.entities(raw, label, label, prediction) if names.has_tags else None
        found.append(
            WorstRecord(
                row=row,
                id=names.id(row, raw),
                text=[text[:_MOST_CHARACTERS] for text in names.texts(raw)],
                label=[] if names.has_tags else names.label(label),
                prediction=[] if names.has_tags else names.prediction(prediction),
                loss=float(losses[row]),
                entities=changes and {kind: changes[kind] for kind in ("lost", "wrong")},
            )
        )
    return found
