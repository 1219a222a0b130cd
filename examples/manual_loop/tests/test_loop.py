"""Our loop fine-tunes as well as the recipe of the task: model, rows and collator come from pytest-ftcheck."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from loop import (  # type: ignore[import-not-found]  # by pythonpath of our pyproject.toml
    finetune,
    parameter_groups,
    predict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import DatasetDict
    from transformers import DataCollatorWithPadding, PreTrainedModel

    from pytest_ftcheck import Run

pytestmark = pytest.mark.ftcheck(task="rte", engine="manual")


def test_it_learns_as_much_as_the_recipe(
    ft_model: PreTrainedModel, ft_dataset: DatasetDict, ft_collator: DataCollatorWithPadding, ft_run: Run
) -> None:
    losses = finetune(ft_model, ft_dataset["train"], ft_collator)
    logits = predict(ft_model, ft_dataset["validation"], ft_collator)
    accuracy = (logits.argmax(axis=-1) == ft_run.label_ids).mean()
    assert np.isfinite(losses).all()
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    assert accuracy >= ft_run.metrics["accuracy"] - 0.03


def test_one_batch_can_be_learnt_by_heart(
    ft_model: PreTrainedModel, ft_dataset: DatasetDict, ft_collator: DataCollatorWithPadding
) -> None:
    few = ft_dataset["train"].select(range(16))
    losses = finetune(ft_model, few, ft_collator, epochs=30, batch_size=16, learning_rate=2e-3)
    assert losses[-1] < 0.05


def test_the_seed_decides_everything(
    ft_model: PreTrainedModel, ft_dataset: DatasetDict, ft_collator: DataCollatorWithPadding
) -> None:
    few, start = ft_dataset["train"].select(range(64)), {k: v.clone() for k, v in ft_model.state_dict().items()}
    losses = []
    for seed in (1, 1, 2):
        ft_model.load_state_dict(start)
        losses.append(finetune(ft_model, few, ft_collator, epochs=1, batch_size=16, seed=seed))
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_every_parameter_has_one_learning_rate(ft_model: PreTrainedModel) -> None:
    groups = parameter_groups(ft_model, learning_rate=1e-3, decay=0.5)
    found = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(found) == sorted(id(parameter) for parameter in ft_model.parameters())
    assert [group["lr"] for group in groups] == [1e-3, 5e-4, 2.5e-4, 1.25e-4]


def test_five_steps_do_not_suffice(ft_train: Callable[..., Run], ft_run: Run) -> None:
    assert ft_train(max_steps=5).metrics["loss"] > ft_run.metrics["loss"] + 0.1
