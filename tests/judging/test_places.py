"""A failed check points at the user's own code: the part that it is about, else the factory, never a library."""

from __future__ import annotations

import importlib.util
import sys
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from transformers import BertForSequenceClassification, DataCollatorWithPadding, Trainer

from pytest_ftcheck.judging.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRAIN = """
from transformers import Trainer


class OwnCollator:
    def __call__(self, features):
        return features


def compute_metrics(prediction, scale=1):
    return {}


class OwnTrainer(Trainer):
    def helper(self):
        return 1

    def compute_loss(self, *args, **kwargs):
        return super().compute_loss(*args, **kwargs)


def build():
    return OwnTrainer()
"""


@pytest.fixture
def train(tmp_path: Path) -> Iterator[ModuleType]:
    path = tmp_path / "train.py"
    path.write_text(TRAIN, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("train", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["train"]


def pipeline(trainer: type[Any] = Trainer, spec: str | None = "train.py:build", **parts: Any) -> Any:
    """Make what a place is found in."""

    def methods(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if getattr(trainer, name) is not getattr(Trainer, name))

    own = SimpleNamespace(methods=methods, trainer_class=trainer, model_class=BertForSequenceClassification)
    given = {"data_collator": DataCollatorWithPadding.__new__(DataCollatorWithPadding), "compute_metrics": None}
    return SimpleNamespace(**{**given, **parts}, source=SimpleNamespace(own=own, spec=spec))


def found(check: str, made: Any, root: Path) -> tuple[str, str] | None:
    place = place_of(check, made, root)
    if place is None:
        return None
    line = (root / place.file).read_text(encoding="utf-8").splitlines()[place.line - 1]
    return place.name, line.strip()


def test_the_part_that_a_check_is_about(train: ModuleType, tmp_path: Path) -> None:
    made = pipeline(train.OwnTrainer, data_collator=train.OwnCollator(), compute_metrics=train.compute_metrics)
    loss = "OwnTrainer.compute_loss", "def compute_loss(self, *args, **kwargs):"
    assert found("collator.mask", made, tmp_path) == ("OwnCollator", "class OwnCollator:")
    assert found("metrics.recomputed", made, tmp_path) == (
        "compute_metrics",
        "def compute_metrics(prediction, scale=1):",
    )
    assert found("training.class_weights", made, tmp_path) == loss
    assert found("model.loss_at_start", made, tmp_path) == loss
    assert found("training.schedule", made, tmp_path) == ("OwnTrainer", "class OwnTrainer(Trainer):")


def test_a_partial_function_is_that_function(train: ModuleType, tmp_path: Path) -> None:
    made = pipeline(compute_metrics=partial(train.compute_metrics, scale=2))
    place = place_of("metrics.keys", made, tmp_path)
    assert place is not None
    assert (place.file, place.name) == ("train.py", "compute_metrics")


@pytest.mark.parametrize(
    "check", ["collator.mask", "metrics.recomputed", "model.gradients", "data.rows", "training.seeds"]
)
@pytest.mark.usefixtures("train")
def test_code_of_a_library_is_none_and_the_factory_is_named(check: str, tmp_path: Path) -> None:
    assert found(check, pipeline(), tmp_path) == ("build", "def build():")


def test_without_code_of_the_project_there_is_no_place(train: ModuleType, tmp_path: Path) -> None:
    assert place_of("collator.mask", pipeline(spec=None), tmp_path) is None
    (tmp_path / "below").mkdir()
    outside = pipeline(spec=None, data_collator=train.OwnCollator())
    assert place_of("collator.mask", outside, tmp_path / "below") is None


def test_a_factory_that_is_gone_is_no_place(tmp_path: Path) -> None:
    assert place_of("data.rows", pipeline(spec="absent.py:build"), tmp_path) is None
