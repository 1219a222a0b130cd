"""A document that is written by hand: always the same, so that what is rendered from it can be compared as text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pytest_ftcheck.faults.check_answers import CheckAnswer
from pytest_ftcheck.faults.prove import FaultRecord
from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.paired import Drop
from pytest_ftcheck.gates.records import GateRecord, MetricChange
from pytest_ftcheck.gates.tolerance import SeedStatistics
from pytest_ftcheck.report.baseline import BaselineRecord, ComparisonRecord, FlipRecord, NoBaseline
from pytest_ftcheck.report.calibrate import CalibrationRecord
from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.records import CauseRecord, CheckRecord, FoundRecord, RedRecord, SourceRecord, red_record
from pytest_ftcheck.report.runs import RunRecord

MASK = FoundRecord(
    "collator.mask",
    "batch of lengths (3, 5)",
    "attention_mask 1 at every token and 0 at every pad",
    "[[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]] for input_ids [[2, 17, 3, 0, 0], [2, 21, 40, 8, 3]]",
    "the mask is inverted or made of other rows: return what tokenizer.pad returns.",
    evidence=("row 0: [CLS] he left [SEP]", "row 1: [CLS] the board met [SEP]"),
    nodeid="ftcheck/mrpc::test_collator[mask]",
)
PADDING = FoundRecord(
    "model.padding_invariance",
    "mrpc with tiny-bert on bundled",
    "equal logits with and without 4 columns of padding",
    "0.8712",
    "padding is attended to.",
    unit="largest difference",
    nodeid="ftcheck/mrpc::test_model[padding_invariance-trainer]",
)
FLOOR = FoundRecord(
    "metrics.floor",
    "accuracy of mrpc with tiny-bert on bundled (400 rows)",
    "at least 0.8906",
    "0.8125, 95% interval 0.7714 to 0.8477",
    "the model learned less than a healthy one.",
    nodeid="ftcheck/mrpc::test_metric_floor[accuracy-trainer]",
)
DROP = Drop("accuracy", 0.8975, 0.8125, 0.085, 0.01, 0.00003, None, 0.02, "fail")
CALIBRATED = Limits(limit=0.8906, calibrated=SeedStatistics(0.9, 0.004, 40), max_drop=0.01)


def gate(**changes: Any) -> GateRecord:
    """Make a gate of accuracy that passes."""
    values: dict[str, Any] = {
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "seconds": 4.3,
        "reused": False,
        "metric": "accuracy",
        "slice": "",
        "value": 0.8975,
        "missing": False,
        "interval": [0.8639, 0.9235],
        "interval_method": "Wilson",
        "floor": 0.8906,
        "margin": 0.0069,
        "limits": CALIBRATED,
        "smallest_drop": 0.01,
        "drop": None,
        "status": "pass",
        "informs": False,
        "failed": False,
        "rows": 400,
    }
    return GateRecord(**{**values, **changes})


def run() -> RunRecord:
    """Make a run on bundled data."""
    return RunRecord(
        task="mrpc",
        engine="trainer",
        seed=0,
        tier="tiny",
        checkpoint="tiny-bert",
        parameters=346_000,
        data="bundled",
        synthetic=True,
        evaluation_split="validation",
        train_rows=2000,
        rows=400,
        logits_shape=[400, 2],
        metrics={"accuracy": 0.8125},
        unjudged={},
        epochs=[{"epoch": 1.0, "step": 63.0, "loss": 0.61}],
        best_epoch=None,
        recipe={"learning_rate": "0.001"},
        timings={"train": 4.3},
        environment={"device": "cpu"},
        reused=False,
        folder="/runs/abc",
    )


def check(name: str, outcome: Any = "passed", reason: str | None = None, **changes: Any) -> CheckRecord:
    """Make a test of the suite."""
    family, _, short = name.partition(".")
    case = CheckRecord(
        nodeid=f"ftcheck/mrpc::test_{family}[{short}]",
        task="mrpc",
        check=name,
        cost="free",
        engine=None,
        seed=None,
        outcome=outcome,
        reason=reason,
        seconds=0.25,
    )
    return replace(case, **changes)


def flip(row: int, text: str, **changes: Any) -> FlipRecord:
    """Make a row that was right and is wrong now."""
    label = "equivalent"
    found = FlipRecord(row=row, id=row, text=[text], label=label, before=label, after="not_equivalent", worse=0.5)
    return replace(found, **changes)


def document(**changes: Any) -> Document:
    """Make the document of a healthy session."""
    values: dict[str, Any] = {
        "command": "pytest --ftcheck-task=mrpc",
        "versions": {"pytest-ftcheck": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "transformers": "5.23.0"},
        "started": 1_790_000_000.5,
        "seconds": 12.25,
        "tasks": ["mrpc"],
        "engines": ["trainer"],
        "seeds": [0],
        "exit_status": 0,
        "idle_tasks": [],
        "gates": [gate()],
        "seed_gates": [],
        "warnings": [],
        "runs": [run()],
        "figures": [],
        "checks": [
            check("collator.mask"),
            check("metrics.floor", engine="trainer", seed=0, metric="accuracy"),
            check("training.precision", "skipped", "the recipe does not use mixed precision"),
        ],
        "findings": [],
        "causes": [],
        "baseline": NoBaseline(),
        "calibration": [],
        "faults": [],
        "notes": [],
    }
    return Document(**{**values, **changes})


def red_document(**changes: Any) -> Document:
    """Make the document of a session with an inverted mask: a cause with two consequences, and an accepted run."""
    wrong = {"value": 0.8125, "interval": [0.7714, 0.8477], "margin": -0.0781, "status": "fail", "drop": DROP}
    comparison = ComparisonRecord(
        key="mrpc/tiny-bert",
        accepted_key="mrpc/tiny-bert",
        task="mrpc",
        engine="trainer",
        seed=0,
        accepted_seed=0,
        accepted="2026-11-02",
        why="release 1",
        differences=["transformers 5.22.0 → 5.23.0"],
        not_comparable="",
        metrics={"accuracy": MetricChange(before=0.8975, after=0.8125, worse=0.085, gated=True)},
        flips=[
            flip(12, "The board met on Monday. | On Monday the board met."),
            flip(31, "Sales rose by 4 percent. | Sales were up 4 percent."),
            flip(40, "He left.", before="not_equivalent", after="equivalent", worse=-0.3),
        ],
    )
    cause = CauseRecord(
        task="mrpc",
        finding=MASK,
        consequences=["model.padding_invariance", "metrics.floor"],
        command="pytest --ftcheck-task=mrpc --ftcheck-checks=collator.mask",
        source=SourceRecord(file="train.py", line=12, name="Inverted"),
    )
    findings: list[RedRecord] = [
        red_record(MASK, None),
        red_record(PADDING, "collator.mask"),
        red_record(FLOOR, "collator.mask"),
    ]
    values: dict[str, Any] = {
        "exit_status": 1,
        "gates": [gate(**wrong), gate(metric="f1", limits=Limits(), floor=None, margin=None, status="ungated")],
        "checks": [
            check("collator.mask", "failed"),
            check("model.padding_invariance", "failed", nodeid=str(PADDING.nodeid), engine="trainer", seed=0),
            check("metrics.floor", "failed", nodeid=str(FLOOR.nodeid), engine="trainer", seed=0, metric="accuracy"),
            check("data.labels_in_range"),
            check("training.precision", "skipped", "the recipe does not use mixed precision"),
        ],
        "findings": findings,
        "causes": [cause],
        "warnings": [
            FoundRecord(
                "data.duplicates", "train of mrpc", "at most 1%", "2.1% of 2000 rows", level="warn", share=0.021
            )
        ],
        "baseline": BaselineRecord(comparisons=[comparison], accepted=[], refused=[], unmatched=[]),
    }
    return document(**{**values, **changes})


def fault(name: str, outcome: Any, **changes: Any) -> FaultRecord:
    """Make the result of a planted fault."""
    values: dict[str, Any] = {
        "fault": name,
        "task": "mrpc",
        "engine": "trainer",
        "outcome": outcome,
        "listed": ["collator.mask"],
        "caught": ["collator.mask"] if outcome == "caught" else [],
        "also": [],
        "not_applicable": "",
        "seconds": 1.5,
        "verdicts": {"collator.mask": CheckAnswer("red" if outcome == "caught" else "green")},
    }
    return FaultRecord(**{**values, **changes})


NO_CHECKS: dict[str, Any] = {"gates": [], "checks": [], "findings": [], "causes": [], "runs": [], "figures": []}
"""Fields of the document of a session that plants faults or calibrates."""
FAULTS = [
    fault("mask_inverted", "caught", also=["model.padding_invariance"]),
    fault("wrong_pad_id", "survived"),
    fault("resumed_elsewhere", "n.a.", not_applicable="the recipe saves no checkpoint"),
]
CALIBRATION = CalibrationRecord(
    task="mrpc",
    tier="tiny",
    checkpoint="tiny-bert",
    limits={"accuracy": {"min": 0.89}},
    refused={"f1": "a trivial model reaches 0.84"},
    notes=["accuracy: min 0.89: mean 0.9 of 20 seeds", "f1: no limit: a trivial model reaches 0.84"],
)
