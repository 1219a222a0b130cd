"""The plots of a task: training, and what each of its runs predicted."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_ftcheck.report.html.plots import Line, Plot, bar_plot, can_plot, line_plot, square_plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.figures.records import ClassesRecord, LabelRecord, LengthsRecord, RunFigures
    from pytest_ftcheck.report.runs import RunRecord

_MOST_RUNS = 8
"""Runs in one plot."""
_MOST_METRICS = 4
_NO_METRICS = frozenset({"epoch", "step", "loss"})


@dataclass(frozen=True)
class RunPlots:
    """Figures of the predictions of a run."""

    title: str
    key: str
    figures: RunFigures
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class ConfusionCell:
    """A cell of a confusion matrix."""

    count: int
    share: int
    """Percent of the rows with this label, 0 to 100, in steps of 10: the shade of the cell."""
    right: bool


def name_of(run: RunFigures | RunRecord) -> str:
    """Return engine and seed of a run."""
    return f"{run.engine}, seed {run.seed}"


def training_plots(document: Document, task: str, key: str) -> list[Plot]:
    """Draw losses, learning rates and metrics of the runs of a task; empty without matplotlib, or without a run."""
    figures = [entry for entry in document.figures if entry.task == task][:_MOST_RUNS]
    runs = {entry.folder: entry for entry in document.runs if entry.task == task}
    if not can_plot() or not figures:
        return []
    losses = [line for place, entry in enumerate(figures) for line in _losses(entry, runs.get(entry.folder), place)]
    if len(figures) == 1:  # with one run, a colour can tell training and evaluation apart
        losses = [replace(line, colour=place) for place, line in enumerate(losses)]
    rates = [
        Line(name_of(entry), curve.steps, curve.values, place)
        for place, entry in enumerate(figures)
        for curve in entry.learning_rates
        if curve.steps
    ]
    plots = [line_plot(f"{key}-loss", "Loss", losses, x="optimizer step", y="loss")] if losses else []
    if rates:
        plots.append(line_plot(f"{key}-rate", "Learning rate", rates, x="optimizer step", y="learning rate"))
    shown = [(place, entry.folder) for place, entry in enumerate(figures) if entry.folder in runs]
    metrics = _metrics([runs[folder] for _, folder in shown])[:_MOST_METRICS]
    if len(shown) == 1:  # the metrics of one run fit into one plot
        ((_, folder),) = shown
        lines = [
            Line(metric, *_of_epochs(runs[folder], metric), colour, points=True)
            for colour, metric in enumerate(metrics)
            if _of_epochs(runs[folder], metric)[0]
        ]
        title = "Metrics after each epoch"
        return [*plots, *([line_plot(f"{key}-metrics", title, lines, x="epoch", y="metric")] if lines else [])]
    for number, metric in enumerate(metrics):
        lines = [
            Line(name_of(runs[folder]), *_of_epochs(runs[folder], metric), place, points=True)
            for place, folder in shown
            if _of_epochs(runs[folder], metric)[0]
        ]
        if lines:
            title = f"{metric} after each epoch"
            plots.append(line_plot(f"{key}-metric-{number}", title, lines, x="epoch", y=metric))
    return plots


def _losses(figures: RunFigures, run: RunRecord | None, place: int) -> list[Line]:
    name = name_of(figures)
    curve = figures.losses
    lines = [Line(f"training, {name}", curve.steps, curve.values, place)] if _drawable(curve.values) else []
    if run is not None:
        steps = [epoch.get("step", math.nan) for epoch in run.epochs]
        values = [epoch.get("loss", math.nan) for epoch in run.epochs]
        if _drawable(values) and _drawable(steps):
            lines.append(Line(f"evaluation, {name}", steps, values, place, points=True))
    return lines


def _drawable(values: Sequence[float]) -> bool:
    return bool(values) and all(map(math.isfinite, values))


def _metrics(runs: Sequence[RunRecord]) -> list[str]:
    found = dict.fromkeys(name for run in runs for epoch in run.epochs for name in epoch)
    return [name for name in found if name not in _NO_METRICS]


def _of_epochs(run: RunRecord, metric: str) -> tuple[list[float], list[float]]:
    known = [
        (epoch.get("epoch", place + 1.0), epoch[metric])
        for place, epoch in enumerate(run.epochs)
        if metric in epoch and math.isfinite(epoch[metric])
    ]
    return [epoch for epoch, _ in known], [value for _, value in known]


def prediction_plots(document: Document, task: str, key: str) -> list[RunPlots]:
    """Draw the predictions of each run of a task."""
    figures = [entry for entry in document.figures if entry.task == task]
    return [
        RunPlots(
            name_of(entry), f"{key}-run-{place}", entry, tuple(_of_run(entry, f"{key}-{place}")) if can_plot() else ()
        )
        for place, entry in enumerate(figures)
    ]


def _of_run(figures: RunFigures, key: str) -> list[Plot]:
    plots = []
    if figures.values is not None and figures.values.labels:
        points = figures.values.labels, figures.values.predictions
        description = f"Predictions over labels of {len(points[0])} rows; on the dotted line, both are equal."
        plots.append(
            square_plot(f"{key}-values", "Labels and predictions", description, points, x="label", y="prediction")
        )
    if figures.answers is not None:
        counts = figures.answers.f1
        ends = [place / len(counts) for place in range(len(counts) + 1)]
        exact, questions = figures.answers.exact, figures.answers.questions
        description = f"{exact} of {questions} answers are exact; {counts[0]} have an F1 below 0.1."
        plots.append(
            bar_plot(f"{key}-f1", "F1 of the answers", description, [("answers", ends, counts)], x="F1", y="answers")
        )
    if figures.calibration:
        bins = figures.calibration
        points = [entry.confidence for entry in bins], [entry.right for entry in bins]
        description = (
            f"Fraction of right predictions over their mean confidence, in {len(bins)} bins; a larger point has more "
            f"rows; on the dotted line, both are equal. Expected calibration error {calibration_error(figures):.4f}."
        )
        plots.append(
            square_plot(
                f"{key}-reliability",
                "Reliability",
                description,
                points,
                x="confidence",
                y="fraction right",
                weights=[entry.rows for entry in bins],
            )
        )
    return plots


def calibration_error(figures: RunFigures) -> float:
    """Return the mean distance between confidence and correctness, weighted by the predictions of each bin."""
    total = sum(entry.rows for entry in figures.calibration)
    return sum(entry.rows * abs(entry.confidence - entry.right) for entry in figures.calibration) / total


def length_plot(lengths: Sequence[LengthsRecord], key: str) -> Plot | None:
    """Draw the numbers of tokens of the rows of each split."""
    if not lengths or not can_plot():
        return None
    bars = [(entry.split, entry.bounds, [count / entry.rows for count in entry.counts]) for entry in lengths]
    description = "Fraction of the rows by their number of tokens. " + " ".join(length_lines(lengths))
    return bar_plot(f"{key}-lengths", "Tokens of the rows", description, bars, x="tokens", y="fraction of the rows")


def length_lines(lengths: Sequence[LengthsRecord]) -> list[str]:
    """Say for each split how long its rows are, how many fill the limit, and how much of its batches is padding."""
    return [
        f"{entry.split}: the longest of {entry.rows} rows has {entry.longest} tokens"
        + ("" if entry.limit is None else f"; {entry.at_limit} rows have the largest number of tokens, {entry.limit}")
        + f"; {entry.padding:.1%} of the tokens are padding, in batches of {entry.batch_size}."
        for entry in lengths
    ]


def confusion_cells(classes: ClassesRecord) -> list[list[ConfusionCell]]:
    """Shade each row of a confusion matrix by the predictions for its label."""
    return [
        [
            ConfusionCell(count, round(10 * count / max(sum(counts), 1)) * 10, label == place)
            for place, count in enumerate(counts)
        ]
        for label, counts in enumerate(classes.counts)
    ]


def label_scores(label: LabelRecord) -> tuple[str, str, str]:
    """Return precision, recall and F1, each with three decimals; a hyphen where there is nothing to divide by."""
    precision, recall, f1 = (
        (label.right, label.predicted),
        (label.right, label.labelled),
        (2 * label.right, label.predicted + label.labelled),
    )
    first, second, third = (f"{over / below:.3f}" if below else "-" for over, below in (precision, recall, f1))
    return first, second, third
