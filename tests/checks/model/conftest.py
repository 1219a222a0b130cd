"""A healthy model of a task, what a defect changes of it, and the evidence of both; nothing is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from transformers import Trainer

from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.card_source import CardSource
from pytest_ftcheck.pipeline.own_parts import TrainerOwnParts
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


class EvidenceOfModel(Evidence):
    """Evidence without a run, whose loss may be somebody's own."""

    own_loss: Callable[[Any, Any], Any] | None = None

    def loss(self, model: Any, batch: Any) -> Any:
        return super().loss(model, batch) if self.own_loss is None else self.own_loss(model, batch)

    def but(self, **changes: Any) -> EvidenceOfModel:
        """Return the same with other fields of the pipeline."""
        return ModelParts(self.pipeline).evidence(self.own_loss, **changes)


@dataclass(frozen=True)
class ModelParts:
    """The parts of a task, of which the model is judged."""

    pipeline: Pipeline

    def evidence(self, loss: Callable[[Any, Any], Any] | None = None, **changes: Any) -> EvidenceOfModel:
        """Make the evidence, with a loss of one's own and other fields of the pipeline."""
        evidence = EvidenceOfModel(
            replace(self.pipeline, **changes),
            engine="trainer",
            seed=0,
            environment=ENVIRONMENT,
            make_run=lambda: pytest.fail("no run is needed"),
            make_probe=lambda **_: pytest.fail("no probe is needed"),
        )
        evidence.own_loss = loss
        return evidence

    def changed(self, change: Callable[[Any], object]) -> EvidenceOfModel:
        """Make the evidence of a model that is changed in place after it is made."""
        return self.evidence(model_init=ChangedModel(self.pipeline.model_init, change))

    def of_a_trainer(self) -> ModelParts:
        """Return the parts as they come out of a user's Trainer, with a loss of its own."""

        class OwnLoss(Trainer):
            def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
                raise NotImplementedError

        template = OwnLoss.__new__(OwnLoss)
        template.model, template.compute_loss_func = self.pipeline.model_init(), None
        source = CardSource(own=TrainerOwnParts(template), loads_model=False)
        return ModelParts(replace(self.pipeline, source=source))


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    """The pipeline of a task of two classes."""
    return make_pipeline(train_rows=8, eval_rows=32)


@pytest.fixture(scope="module")
def mrpc(parts: Pipeline) -> ModelParts:
    """A task of two classes."""
    return ModelParts(parts)


@pytest.fixture(scope="module")
def stsb(make_pipeline: Callable[..., Pipeline]) -> ModelParts:
    """A task of values."""
    return ModelParts(make_pipeline("stsb", train_rows=8, eval_rows=32))
