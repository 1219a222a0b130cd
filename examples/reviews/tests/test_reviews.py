"""What our model must do, beyond reaching its floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from transformers import pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import DatasetDict
    from transformers import DataCollatorWithPadding

    from pytest_ftcheck import Run, TaskCard

pytestmark = pytest.mark.ftcheck(task="reviews")


def test_no_class_is_forgotten(ft_run: Run, ft_task: TaskCard) -> None:
    for label, name in enumerate(ft_task.label_names):
        found = ft_run.predictions[ft_run.label_ids == label] == label
        assert found.mean() >= 0.6, name


def test_the_saved_model_serves(ft_run: Run) -> None:
    classify = pipeline("text-classification", model=str(ft_run.model_folder), device="cpu")
    answers = classify(["The food was awful and we hated the room.", "The food was lovely and we loved the room."])
    assert [answer["label"] for answer in answers] == ["bad", "good"]


def test_more_epochs_still_help(ft_run: Run, ft_train: Callable[..., Run]) -> None:
    short = ft_train(num_train_epochs=1)
    assert ft_run.metrics["loss"] < short.metrics["loss"]


@pytest.mark.ftcheck(engine="manual", seed=1)
def test_our_own_loop_learns_as_much(ft_run: Run) -> None:
    assert ft_run.engine == "manual"
    assert ft_run.metrics["accuracy"] >= 0.75


def test_batches_are_padded_to_multiples_of_eight(
    ft_collator: DataCollatorWithPadding, ft_dataset: DatasetDict
) -> None:
    batch = ft_collator(ft_dataset["train"].select(range(5)).to_list())
    assert batch["input_ids"].shape[1] % 8 == 0
