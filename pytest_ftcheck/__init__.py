"""Regression checks for fine-tuned models: a pytest plugin and a library.

Public names are imported at their first use: ``import pytest_ftcheck`` imports neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ftcheck.configuration import make_settings
    from pytest_ftcheck.errors import CheckFailure, FtcheckError
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.judging.judge import judge
    from pytest_ftcheck.judging.report import Report
    from pytest_ftcheck.pipeline.from_card import build_pipeline
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.tasks.card import TaskCard, load_card
    from pytest_ftcheck.tasks.datasets import load_data
    from pytest_ftcheck.tasks.metrics import load_metric
    from pytest_ftcheck.training.train_or_load import train_or_load

__version__ = "0.1.0"

_HOMES = {
    "CheckFailure": "errors",
    "Finding": "findings",
    "FtcheckError": "errors",
    "Pipeline": "pipeline.parts",
    "Report": "judging.report",
    "Run": "runs.run",
    "RunStore": "runs.store",
    "Settings": "settings",
    "TaskCard": "tasks.card",
    "build_pipeline": "pipeline.from_card",
    "judge": "judging.judge",
    "train_or_load": "training.train_or_load",
    "load_card": "tasks.card",
    "load_data": "tasks.datasets",
    "load_metric": "tasks.metrics",
    "make_settings": "configuration",
}

__all__ = [
    "CheckFailure",
    "Finding",
    "FtcheckError",
    "Pipeline",
    "Report",
    "Run",
    "RunStore",
    "Settings",
    "TaskCard",
    "build_pipeline",
    "judge",
    "load_card",
    "load_data",
    "load_metric",
    "make_settings",
    "train_or_load",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
