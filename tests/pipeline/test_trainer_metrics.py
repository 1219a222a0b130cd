"""A user's metrics are asked as their Trainer asks them: of a tuple, prepared, batch by batch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification, EvalPrediction

from pytest_ftcheck.pipeline.factory import load_factory
from pytest_ftcheck.pipeline.trainer_metrics import BatchedMetrics, MetricsOfOutputs, metrics_of_logits

if TYPE_CHECKING:
    from collections.abc import Callable

build, compute_metrics, model = (
    cast("Any", load_factory(f"user_train.py:{name}", Path(__file__).parent))
    for name in ("build", "compute_metrics", "model")
)
LOGITS = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
LABELS = np.arange(10) % 2
HEAD = "sequence-classification"
ACCURACY = float((LOGITS.argmax(1) == LABELS).mean())


def first(evaluated: EvalPrediction) -> dict[str, float]:
    logits, *others = evaluated.predictions
    assert others
    found: dict[str, float] = compute_metrics(EvalPrediction(logits, evaluated.label_ids))
    return found


class ReturnsFeatures(BertForSequenceClassification):
    """Returns what its head reads beside the logits, as models of one's own do."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        outputs = super().forward(*args, **kwargs)
        return (outputs.loss, outputs.logits, outputs.logits * 2)


def asks(trainer: Any) -> dict[str, float]:
    return metrics_of_logits(trainer, HEAD)(EvalPrediction(LOGITS, LABELS))


def test_metrics_of_logits_alone_are_the_users_own() -> None:
    assert metrics_of_logits(build(), HEAD) is compute_metrics


@pytest.mark.parametrize("name", ["output_hidden_states", "output_attentions"])
def test_a_model_that_returns_more_gives_its_metrics_a_tuple(name: str) -> None:
    returns_more = model()
    returns_more.set_attn_implementation("eager")
    setattr(returns_more.config, name, True)
    assert asks(build(model=returns_more, compute_metrics=first)) == {"accuracy": ACCURACY}


def test_a_model_of_ones_own_that_returns_more_gives_its_metrics_a_tuple() -> None:
    own = ReturnsFeatures(model().config)
    assert asks(build(model=own, compute_metrics=first)) == {"accuracy": ACCURACY}
    assert own.training


def test_a_model_that_fails_is_named_elsewhere() -> None:
    class Fails(BertForSequenceClassification):
        def forward(self, *_: Any, **__: Any) -> Any:
            raise ValueError

    assert metrics_of_logits(build(model=Fails(model().config)), HEAD) is compute_metrics


def test_prepared_logits_of_a_tuple() -> None:
    def prepare(outputs: Any, _: torch.Tensor) -> torch.Tensor:
        return outputs[0].argmax(dim=-1)  # type: ignore[no-any-return]

    def of_classes(evaluated: EvalPrediction) -> dict[str, float]:
        return {"accuracy": float(np.mean(evaluated.predictions == evaluated.label_ids))}

    returns_more = model()
    returns_more.config.output_hidden_states = True
    changes: dict[str, Any] = {"compute_metrics": of_classes, "preprocess_logits_for_metrics": prepare}
    assert asks(build(model=returns_more, **changes)) == {"accuracy": ACCURACY}


@pytest.mark.parametrize("size", [1, 3, 10, 64])
@pytest.mark.parametrize("wrap", [lambda compute: compute, MetricsOfOutputs])
def test_batches_as_the_trainer_makes_them(size: int, wrap: Callable[[Any], Any]) -> None:
    seen: list[tuple[int, bool]] = []

    def compute(batch: Any, *, compute_result: bool) -> dict[str, float]:
        logits = batch.predictions[0] if isinstance(batch.predictions, tuple) else batch.predictions
        assert isinstance(logits, torch.Tensor)
        assert len(logits) == len(batch.label_ids)
        seen.append((len(logits), compute_result))
        return {"rows": float(sum(rows for rows, _ in seen))} if compute_result else {}

    assert wrap(BatchedMetrics(compute, size))(EvalPrediction(LOGITS, LABELS)) == {"rows": 10.0}
    assert [last for _, last in seen] == [False] * (len(seen) - 1) + [True]
    assert {rows for rows, _ in seen[:-1]} <= {size}


def test_batches_are_as_large_as_those_of_the_evaluation() -> None:
    arguments = {"batch_eval_metrics": True, "per_device_eval_batch_size": 4}
    sizes = []

    def compute(batch: Any, *, compute_result: bool) -> dict[str, float]:
        sizes.append(len(batch.label_ids))
        return {"accuracy": 1.0} if compute_result else {}

    asks(build(arguments=arguments, compute_metrics=compute))
    assert sizes == [4, 4, 2]


def test_metrics_that_want_inputs_and_losses_get_them() -> None:
    def compute(evaluated: EvalPrediction) -> dict[str, float]:
        assert len(np.asarray(evaluated.inputs)) == len(evaluated.label_ids)
        assert np.min(np.asarray(evaluated.inputs)) == -100
        return {"loss_of_a_row": float(np.mean(np.asarray(evaluated.losses)))}

    arguments = {"include_for_metrics": ["inputs", "loss"]}
    expected = torch.nn.functional.cross_entropy(torch.tensor(LOGITS), torch.tensor(LABELS))
    assert asks(build(arguments=arguments, compute_metrics=compute)) == {
        "loss_of_a_row": pytest.approx(float(expected))
    }


def test_losses_of_rows_are_those_of_the_head_whatever_the_width_of_its_logits() -> None:
    def compute(evaluated: EvalPrediction) -> dict[str, float]:
        return {"loss_of_a_row": float(np.mean(np.asarray(evaluated.losses)))}

    values = build(arguments={"include_for_metrics": ["loss"]}, compute_metrics=compute)
    labels = np.linspace(0, 1, 10, dtype=np.float32)
    for logits in (LOGITS[:, :1], LOGITS[:, 0]):  # a model may leave the column of one out
        asked = EvalPrediction(logits, labels)
        assert metrics_of_logits(values, "regression")(asked) == {
            "loss_of_a_row": pytest.approx(float(((LOGITS[:, 0] - labels) ** 2).mean()))
        }
