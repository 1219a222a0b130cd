"""Rows of models that are right in a given share of them, and the simulation of benchmarks/."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_ftcheck.heads.rows import EvaluatedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def load_benchmark() -> Iterator[Callable[[str], ModuleType]]:
    """Import a script of benchmarks/ as `python benchmarks/NAME.py` finds it; leaves no path and no module behind."""
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(BENCHMARKS)
            return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(BENCHMARKS):
            del sys.modules[name]


@pytest.fixture(scope="session")
def classified() -> Callable[..., EvaluatedRows]:
    """Return a function that makes rows of classes whose logits follow the labels, more or less."""

    def make(rows: int = 408, *, classes: int = 2, strength: float = 1.5, seed: int = 0) -> EvaluatedRows:
        labels = np.random.default_rng(0).choice(classes, rows, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
        noise = np.random.default_rng(seed + 1).normal(size=(rows, classes))
        logits = (noise + strength * np.eye(classes)[labels]).astype(np.float32)
        return EvaluatedRows.of_logits(logits, labels, "sequence-classification")

    return make


@pytest.fixture(scope="session")
def measured() -> Callable[..., EvaluatedRows]:
    """Return a function that makes rows of a regression; labels have one digit, so that some are equal."""

    def make(rows: int = 300, *, noise: float = 0.7, seed: int = 0) -> EvaluatedRows:
        labels = np.random.default_rng(0).uniform(0, 5, rows).round(1).astype(np.float32)
        values = labels + np.random.default_rng(seed + 1).normal(scale=noise, size=rows).astype(np.float32)
        return EvaluatedRows.of_logits(values[:, None].astype(np.float32), labels, "regression")

    return make
