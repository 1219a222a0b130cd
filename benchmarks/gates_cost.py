"""What it costs to judge every metric of one run: 5463 rows, intervals, and a baseline."""

from __future__ import annotations

import statistics
import time

import numpy as np

from pytest_ftcheck.gates import resampling
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.row_metrics import row_metric
from pytest_ftcheck.gates.tolerance import SeedStatistics
from pytest_ftcheck.gates.verdicts import judge
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows

ROWS = 5463
METRICS = {
    "sequence-classification": (
        "accuracy",
        "f1",
        "matthews_correlation",
        "loss",
        "expected_calibration_error",
        "brier_score",
    ),
    "regression": ("pearson", "spearmanr", "mse"),
}
REPEATS = 5


def example(head: str, rows: int, seed: int) -> ComparedRun:
    """Make a run whose logits follow the labels, more or less; seeds share the labels."""
    generator = np.random.default_rng(0)
    labels = generator.uniform(0, 5, rows) if head == "regression" else generator.integers(0, 2, rows)
    scores = labels + np.random.default_rng(1 + seed).normal(size=rows)
    logits = scores[:, None] if head == "regression" else np.stack([1 - scores, scores], axis=1)
    label_ids = labels.astype(np.float32) if head == "regression" else labels
    evaluated = EvaluatedRows.of_logits(logits.astype(np.float32), label_ids, head)
    found = {name: row_metric(name, evaluated) for name in METRICS[head]}
    metrics = {name: metric_value(metric) for name, metric in found.items() if metric is not None}
    return ComparedRun(metrics, evaluated, {name: SeedStatistics(0.9, 0.01, 10) for name in metrics})


def seconds(head: str, *, with_baseline: bool) -> float:
    """Return the median CPU time to judge all metrics of one run, with rows drawn anew."""
    run, baseline = example(head, ROWS, seed=1), example(head, ROWS, seed=0) if with_baseline else None
    times = []
    for _ in range(REPEATS):
        resampling.forget()
        start = time.process_time()
        for metric in METRICS[head]:
            judge(run, metric, Limits(limit=0.5, max_drop=0.01), subject="example", baseline=baseline)
        times.append(time.process_time() - start)
    return statistics.median(times)


def measure() -> dict[str, float]:
    """Return CPU seconds by what was judged."""
    found = {}
    for head, metrics in METRICS.items():
        for with_baseline in (False, True):
            name = f"{', '.join(metrics)}{'; with a baseline' if with_baseline else ''}"
            found[name] = seconds(head, with_baseline=with_baseline)
    return found


if __name__ == "__main__":
    print(measure())
