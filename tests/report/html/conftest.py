"""Documents as sessions write them, made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.gates.paired import Drop
from pytest_ftcheck.gates.records import GateRecord
from pytest_ftcheck.report.baseline import BaselineRecord, ComparisonRecord, FlipRecord, NoBaseline
from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.figures.records import (
    AnswersRecord,
    BinRecord,
    ClassesRecord,
    CurveRecord,
    LabelRecord,
    LengthsRecord,
    RunFigures,
    ValuesRecord,
    WorstRecord,
)
from pytest_ftcheck.report.records import CauseRecord, CheckRecord, FoundRecord, RedRecord
from pytest_ftcheck.report.runs import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable

NODE = "ftcheck/mrpc::test_collator[mask]"
FLOOR = "ftcheck/mrpc::test_metric_floor[accuracy-trainer]"


def gate(**changes: Any) -> GateRecord:
    values: dict[str, Any] = {
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "metric": "accuracy",
        "slice": "",
        "value": 0.71,
        "missing": False,
        "interval": [0.66, 0.75],
        "interval_method": "Wilson",
        "floor": 0.8,
        "margin": -0.09,
        "limits": Limits(limit=0.8),
        "smallest_drop": 0.05,
        "drop": Drop("accuracy", 0.83, 0.71, 0.12, 0.01, 0.001, None, 0.05, "fail"),
        "status": "fail",
        "informs": False,
        "failed": False,
        "rows": 400,
    }
    return GateRecord(**{**values, **changes})


def figures(**changes: Any) -> RunFigures:
    values: dict[str, Any] = {
        "task": "mrpc",
        "engine": "trainer",
        "seed": 0,
        "folder": "runs/a",
        "losses": CurveRecord(steps=[1, 2, 3], values=[0.7, 0.6, 0.5]),
        "learning_rates": [CurveRecord(steps=[1, 2, 3], values=[1e-5, 2e-5, 1e-5])],
        "steps": 3,
        "classes": ClassesRecord(names=["no", "yes"], counts=[[150, 50], [66, 134]], undefined=0),
        "values": ValuesRecord(labels=[0.0, 2.5, 5.0], predictions=[0.5, 2.0, 4.0]),
        "labels": [LabelRecord(name="yes", right=134, predicted=184, labelled=200)],
        "answers": AnswersRecord(
            questions=4, exact=2, f1=[1, 0, 0, 0, 0, 1, 0, 0, 0, 2], without_answer=1, unanswered=1
        ),
        "calibration": [BinRecord(low=0.6, high=0.667, rows=300, confidence=0.63, right=0.7)],
        "lengths": [
            LengthsRecord(
                split="train",
                rows=40,
                bounds=[4, 8, 12],
                counts=[30, 10],
                longest=11,
                limit=64,
                at_limit=0,
                batch_size=8,
                padding=0.2,
            )
        ],
        "worst": [WorstRecord(row=7, id=7, text=["first", "second"], label="no", prediction="yes", loss=4.2)],
    }
    return RunFigures(**{**values, **changes})


def flip(row: int, *texts: str) -> FlipRecord:
    return FlipRecord(row=row, id=row, text=list(texts), label="no", before="no", after="yes", worse=0.5)


def compared(flips: list[FlipRecord]) -> BaselineRecord:
    note = ComparisonRecord(
        key="mrpc/tiny",
        accepted_key="mrpc/tiny",
        task="mrpc",
        engine="trainer",
        seed=0,
        accepted_seed=0,
        accepted="2026-01-01",
        why="release",
        differences=[],
        not_comparable="",
        flips=flips,
    )
    return BaselineRecord(comparisons=[note], accepted=[], refused=[], unmatched=[])


@pytest.fixture
def make_document() -> Callable[..., Document]:
    """Return a function that makes the document of a session with one cause and one consequence."""

    def make(*, text: str = "plain", row_text: str = "", flips: int = 2, worst: int = 1, **changes: Any) -> Document:
        found = FoundRecord(
            "collator.mask",
            f"subject {text}",
            f"expected {text}",
            f"observed {text}",
            f"hint {text}",
            nodeid=NODE,
            evidence=(f"first {text}", f"second {text}"),
        )
        red = RedRecord(**vars(found), because_of=None)
        later = RedRecord("metrics.floor", text, "at least 0.8", "0.71", nodeid=FLOOR, because_of="collator.mask")
        check: dict[str, Any] = {"task": "mrpc", "engine": None, "seed": None, "reason": None, "seconds": 0.5}
        run = RunRecord(
            task="mrpc",
            engine="trainer",
            seed=0,
            tier="tiny",
            checkpoint=text,
            parameters=346_000,
            data=text,
            synthetic=False,
            evaluation_split="validation",
            train_rows=40,
            rows=400,
            logits_shape=[400, 2],
            metrics={"accuracy": 0.71},
            unjudged={},
            epochs=[
                {"epoch": 1.0, "step": 2.0, "loss": 0.6, "accuracy": 0.7},
                {"epoch": 2.0, "step": 3.0, "loss": 0.5},
            ],
            best_epoch=None,
            recipe={"learning_rate": text},
            timings={"train": 1.5, "predict": 0.5},
            environment={"device": text},
            reused=False,
            folder="runs/a",
        )
        worse = [
            WorstRecord(row=row, id=text, text=[row_text or text] * 2, label=text, prediction=text, loss=4.0)
            for row in range(worst)
        ]
        values: dict[str, Any] = {
            "started": 1_790_000_000.5,
            "seconds": 12.25,
            "command": f"pytest --ftcheck-task=mrpc {text}",
            "versions": {"python": text},
            "tasks": ["mrpc"],
            "engines": ["trainer"],
            "seeds": [0],
            "exit_status": 1,
            "idle_tasks": [],
            "gates": [gate(), gate(metric="f1", slice=f"length={text}", floor=None, status="ungated", drop=None)],
            "seed_gates": [],
            "warnings": [],
            "runs": [run],
            "figures": [figures(worst=worse, missing={"values": text})],
            "checks": [
                CheckRecord(nodeid=NODE, check="collator.mask", cost="free", outcome="failed", **check),
                CheckRecord(
                    nodeid=FLOOR, check="metrics.floor", cost="run", outcome="failed", metric="accuracy", **check
                ),
                CheckRecord(nodeid="n", check="data.labels", cost="free", outcome="passed", **check),
            ],
            "findings": [red, later],
            "causes": [CauseRecord(task="mrpc", finding=found, consequences=["metrics.floor"])],
            "baseline": compared([flip(row, row_text or text, text) for row in range(flips)])
            if flips
            else NoBaseline(),
            "calibration": [],
            "faults": [],
            "notes": [text],
        }
        return Document(**{**values, **changes})

    return make


HOSTILE = (
    "<script>window.hacked=1</script>\"'><img src=x onerror=window.hacked=1>]]>--><style>*{display:none}</style>"
    "{{ 7*7 }}{% raw %}\u202eevil\u202c\x1b[31m\x00&lt;</td></table></details>javascript:alert(1)"
)


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render pages as if matplotlib were absent, which draws about a second for each page."""
    for module in ("drawn", "history", "page"):
        monkeypatch.setattr(f"pytest_ftcheck.report.html.{module}.can_plot", lambda: False)


@pytest.fixture
def hostile() -> str:
    """Return a text that would break out of a page which does not escape it."""
    return HOSTILE
