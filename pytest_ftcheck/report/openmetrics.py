"""The metrics of a session as OpenMetrics text, which GitLab compares between branches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ftcheck.gates.records import GateRecord, SeedGateRecord
    from pytest_ftcheck.report.document import Document

_METRIC = "ftcheck_metric"
_LIMIT = "ftcheck_limit"
_FAILED = "ftcheck_checks_failed"
_SPECIAL = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def openmetrics(document: Document) -> str:
    """Render a sample for each gate metric, with the labels task, engine, metric, slice and seed.

    It is for ``artifacts:reports:metrics``. A metric that a run does not report has the value NaN; the last line says
    that the text is complete.
    """
    gates: list[tuple[GateRecord | SeedGateRecord, str]] = [(gate, str(gate.seed)) for gate in document.gates]
    gates += [(mean, "mean") for mean in document.seed_gates]
    tasks = {case.task: 0 for case in document.checks} | dict.fromkeys(document.tasks, 0)
    for case in document.checks:
        tasks[case.task] += case.outcome == "failed"
    lines = [
        *_family(_METRIC, "Value of a metric of a fine-tuned model."),
        *(_sample(_METRIC, _labels(gate, seed), gate.value) for gate, seed in gates),
        *_family(_LIMIT, "Floor or ceiling of the metric with the same labels."),
        *(_sample(_LIMIT, _labels(gate, seed), gate.floor) for gate, seed in gates if gate.floor is not None),
        *_family(_FAILED, "Number of failed checks of a task."),
        *(_sample(_FAILED, {"task": task}, failed) for task, failed in tasks.items()),
        "# EOF",
    ]
    return "\n".join(lines) + "\n"


def _family(name: str, help_text: str) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    yield f"# HELP {name} {help_text}"


def _labels(gate: GateRecord | SeedGateRecord, seed: str) -> dict[str, str]:
    return {"task": gate.task, "engine": gate.engine, "metric": gate.metric, "slice": gate.slice, "seed": seed}


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    shown = ",".join(f'{label}="{text.translate(_SPECIAL)}"' for label, text in labels.items())
    return f"{name}{{{shown}}} {_number(value)}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return f"{'+' if value > 0 else '-'}Inf" if math.isinf(value) else repr(value)
