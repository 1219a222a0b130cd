"""Operations of a step: what is counted agrees with the formula, written out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.speed.flops import count_flops, formula_flops, non_embedding_parameters
from pytest_ftcheck.speed.shapes import with_shape
from pytest_ftcheck.speed.step import TrainingStep

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.mark.parametrize("recipe", [{}, {"bf16": True}, {"gradient_accumulation_steps": 2}])
def test_counted_operations_are_those_of_every_matrix(pipeline: Pipeline, recipe: dict[str, bool]) -> None:
    changed = with_shape(replace(pipeline, args={**pipeline.args, **recipe}), "bert-tiny")
    step = TrainingStep(changed, device="cpu", steps=2)
    layers, hidden, inner = 2, 128, 512
    of_layer = 4 * hidden * hidden + 2 * hidden * inner
    for counted, work in zip(count_flops(step), step.work, strict=True):
        matrices = 6 * layers * of_layer * work.positions
        head = 6 * (hidden * hidden + hidden * 2) * work.rows  # pooler and classifier see one position of a row
        attention = sum(12 * layers * hidden * rows * length**2 for rows, length in work.shapes)
        assert counted == matrices + head + attention


def test_formula_is_near_what_is_counted(pipeline: Pipeline) -> None:
    step = TrainingStep(with_shape(pipeline, "minilm-l6"), device="cpu", steps=1)
    assert formula_flops(step.model, step.work[0]) == pytest.approx(count_flops(step)[0], rel=0.02)


def test_embeddings_are_not_multiplied(step: TrainingStep) -> None:
    weights = dict(step.model.named_parameters())
    looked_up = [weight for name, weight in weights.items() if name.endswith("embeddings.weight")]
    assert len(looked_up) == 3
    every, tables = (sum(weight.numel() for weight in found) for found in (weights.values(), looked_up))
    assert non_embedding_parameters(step.model) == every - tables
