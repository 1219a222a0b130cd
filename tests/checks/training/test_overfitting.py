"""Learning a few rows by heart: which ones, how fast, and what cannot be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.training.overfitting import distinct_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CHECK = "training.overfits_batch"


@pytest.mark.parametrize(
    ("task", "engine"), [("stsb", "trainer"), ("yelp_review_full", "manual"), ("go_emotions", "manual")]
)
def test_bundled_tasks_are_learned_by_heart(
    judged: Judged, make_pipeline: Callable[..., Pipeline], task: str, engine: str
) -> None:
    assert judged(CHECK, make_pipeline(task, train_rows=256, eval_rows=8), engine) == []


def test_slow_recipe_is_helped(judged: Judged, toy: Toy) -> None:
    assert judged(CHECK, toy(learning_rate=1e-4)) == []


def test_own_optimizer_is_helped_as_well(judged: Judged, toy: Toy) -> None:
    def slow(model: torch.nn.Module) -> Any:
        optimizer = torch.optim.SGD(model.parameters(), lr=5e-3, momentum=0.9)
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.1)

    assert judged(CHECK, toy(optimizers=slow)) == []


def other_labels(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits, labels[torch.randperm(len(labels))])


def freeze_body(model: Any) -> None:
    model.bert.requires_grad_(requires_grad=False)


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.0},
        {"learning_rate": 5.0},
        {"max_grad_norm": 1e-12},
        {"loss": other_labels},
        {"change": freeze_body, "learning_rate": 1e-5},
    ],
    ids=["rate of 0", "rate far too high", "clipped to nothing", "labels of other rows", "frozen"],
)
def test_what_cannot_learn_is_found(judged: Judged, toy: Toy, kit: Any, options: dict[str, Any]) -> None:
    loss = options.pop("loss", None)
    (found,) = judged(CHECK, toy(kit.trainer_with(loss) if loss else Trainer, **options), steps=16)
    assert found.expected == "8 rows learned by heart in 16 steps"
    assert "times its learning rate: " in found.observed
    assert "training loss from" in found.observed


def test_rows_that_look_the_same_cannot_be_learned(judged: Judged, toy: Toy, kit: Any) -> None:
    def emptied(features: list[dict[str, Any]]) -> Any:
        batch = kit.pad_rows(features)
        return {
            **batch,
            "input_ids": torch.full_like(batch["input_ids"], 5),
            "attention_mask": batch["input_ids"] * 0 + 1,
        }

    (found,) = judged(CHECK, toy(parts={"data_collator": emptied}), steps=12)
    assert found.expected == "8 rows learned by heart in 12 steps"


def test_regression_against_a_matrix_cannot_be_learned(judged: Judged, toy: Toy, kit: Any) -> None:
    matrix = kit.trainer_with(lambda logits, labels: ((logits - labels) ** 2).mean())  # [B, 1] and [B]
    (found,) = judged(CHECK, toy(matrix, regression=True), steps=16)
    assert "predictions and labels correlate with" in found.observed


def test_rows_are_distinct_short_and_of_all_labels(toy: Toy, evidence_of: Callable[..., Evidence]) -> None:
    pipeline = toy(rows=lambda rows: rows.select([*range(40), *range(40)]))
    evidence = evidence_of(pipeline)
    rows = distinct_rows(evidence, 8)
    chosen = pipeline.train_dataset.select(rows)
    assert sorted(chosen["labels"]) == [0] * 4 + [1] * 4
    assert len({tuple(ids) for ids in chosen["input_ids"]}) == 8
    mean = sum(map(len, pipeline.train_dataset["input_ids"])) / 80
    assert max(map(len, chosen["input_ids"])) < mean


def test_rows_of_a_regression_reach_from_end_to_end(toy: Toy, evidence_of: Callable[..., Evidence]) -> None:
    pipeline = toy(regression=True)
    labels = pipeline.train_dataset.select(distinct_rows(evidence_of(pipeline), 8))["labels"]
    assert min(labels) < 0.3
    assert max(labels) > 1.9


@pytest.mark.parametrize(
    "rows",
    [
        lambda rows: rows.select([0] * 20),
        lambda rows: rows.filter(lambda row: row["labels"] == 1),
    ],
    ids=["one row", "one label"],
)
def test_nothing_to_learn_is_not_judged(judged: Judged, toy: Toy, rows: Any) -> None:
    with pytest.raises(NotApplicable, match="there are not 4 different ones"):
        judged(CHECK, toy(rows=rows))


def test_sampler_made_for_all_rows_is_not_judged(judged: Judged, toy: Toy) -> None:
    sampler = torch.utils.data.SubsetRandomSampler(range(64))

    class Fixed(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return sampler

    with pytest.raises(NotApplicable, match="the run completes, but a short run on few rows fails"):
        judged(CHECK, toy(Fixed, num_train_epochs=1))


def test_a_model_that_is_slow_and_learns_gets_more_steps(judged: Judged, toy: Toy) -> None:
    assert judged(CHECK, toy(learning_rate=1e-3), steps=8) == []
