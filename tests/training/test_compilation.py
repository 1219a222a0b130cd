"""``torch_compile`` in the manual engine: few shapes, compiled before the clock runs, and nothing changed by it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from torch._dynamo.utils import counters
from transformers import DataCollatorWithPadding

from pytest_ftcheck.pipeline.from_checkpoint import load_tokenizer, resolve_checkpoint
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.training import manual
from pytest_ftcheck.training.compilation import (
    compile_forward,
    compile_shapes,
    of_few_lengths,
    own_dynamo_environment,
)
from pytest_ftcheck.training.cpu import fast_cpu
from pytest_ftcheck.training.probe import without_dropout
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

COMPILED = {"torch_compile_backend": "eager"}
"""Dynamo's graphs without a C++ compiler: the fewest seconds that still count graphs."""


@pytest.fixture(scope="module")
def collator() -> DataCollatorWithPadding:
    return DataCollatorWithPadding(load_tokenizer(resolve_checkpoint("tiny-bert", online=False)))


@given(longest=st.integers(1, 512), data=st.data())
def test_batches_have_at_most_four_lengths(
    collator: DataCollatorWithPadding, longest: int, data: st.DataObject
) -> None:
    few = of_few_lengths(collator, longest)
    sizes = {*data.draw(st.lists(st.integers(1, longest), max_size=5)), longest}
    lengths = set()
    for size in sizes:
        batch = few([{"input_ids": [7] * size, "attention_mask": [1] * size}])
        assert batch["input_ids"][0, :size].tolist() == [7] * size
        assert int(batch["attention_mask"].sum()) == size
        lengths.add(batch["input_ids"].shape[1])
    assert all(length % 8 == 0 for length in lengths)
    multiple = -(-longest // 32) * 8
    assert lengths <= {multiple * count for count in (1, 2, 3, 4)}


def test_collators_of_users_stay_as_they_are(collator: DataCollatorWithPadding) -> None:
    @dataclass
    class Theirs:
        multiple: int = 3

        def __call__(self, features: list[Any]) -> Any:
            raise NotImplementedError

    own = replace(collator, pad_to_multiple_of=5)
    theirs: list[Callable[..., Any]] = [Theirs, Theirs(), own]
    assert [of_few_lengths(each, 100) for each in theirs] == theirs


def test_environment_is_as_it_was_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_DYNAMO_MODE", "default")
    before = dict(os.environ)

    def disturb() -> None:
        with own_dynamo_environment():
            os.environ["ACCELERATE_DYNAMO_BACKEND"] = "INDUCTOR"
            os.environ["ACCELERATE_DYNAMO_MODE"] = "reduce-overhead"
            raise TimeoutError

    with pytest.raises(TimeoutError):
        disturb()
    assert dict(os.environ) == before


def rows_of(*lengths: int) -> Dataset:
    """Return tokenized rows of these lengths."""
    return Dataset.from_list([{"input_ids": [5] * length, "attention_mask": [1] * length} for length in lengths])


class Counting(torch.nn.Module):
    """Draws random numbers, counts its calls in a buffer, and remembers the shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.calls: torch.Tensor = torch.nn.Buffer(torch.zeros(1))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        self.calls.add_(1)
        self.shapes.append(tuple(batch["input_ids"].shape))
        return (self.weight * torch.nn.functional.dropout(torch.ones(4))).sum()


@pytest.mark.parametrize("drop_last", [False, True])
def test_every_shape_is_trained_on_and_forgotten(collator: DataCollatorWithPadding, *, drop_last: bool) -> None:
    rows, model = rows_of(3, 9, 20, 60, 61), Counting()
    loader = SimpleNamespace(
        dataset=rows, batch_size=2, drop_last=drop_last, collate_fn=of_few_lengths(collator, longest=61)
    )
    parts: Any = SimpleNamespace(
        train_loader=loader,
        model=model,
        optimizer=torch.optim.SGD(model.parameters()),
        accelerator=SimpleNamespace(device=torch.device("cpu"), backward=lambda loss: loss.backward()),
        compute_loss=lambda model, batch: model(batch),
    )
    before = torch.get_rng_state()
    compile_shapes(parts)
    counts = (2,) if drop_last else (2, 1)
    assert model.shapes == [(count, length) for count in counts for length in (16, 32, 64)]
    assert torch.equal(torch.get_rng_state(), before)
    assert int(model.calls) == 0
    assert model.weight.grad is None


@pytest.mark.slow
def test_compiled_run_learns_the_same_from_a_bounded_number_of_graphs(
    make_pipeline: Callable[..., Pipeline], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs_before_the_first_step: list[int] = []
    take = manual.update

    def counted(*parts: Any) -> torch.Tensor:
        if len(graphs_before_the_first_step) <= len(runs):
            graphs_before_the_first_step.append(counters["stats"]["unique_graphs"])
        return take(*parts)

    monkeypatch.setattr(manual, "update", counted)
    made = make_pipeline(train_rows=26, eval_rows=10, per_device_train_batch_size=8, num_train_epochs=2)
    # Padded to other lengths, dropout would draw other numbers.
    pipeline = replace(made, model_init=ChangedModel(made.model_init, without_dropout))
    environment = describe_environment("cpu", "float32", 1)
    runs: list[Run] = []
    for index, recipe in enumerate(({}, COMPILED)):
        counters.clear()
        before = dict(os.environ)
        changed = replace(pipeline, args={**pipeline.args, **recipe})
        folder = tmp_path / str(index)
        folder.mkdir()
        runs.append(train_run(changed, engine="manual", seed=0, environment=environment, folder=folder))
        assert dict(os.environ) == before
    plain, compiled = runs
    assert 1 <= counters["stats"]["unique_graphs"] <= 4
    assert counters["stats"]["unique_graphs"] == graphs_before_the_first_step[-1]
    assert ("compile" in plain.timings, "compile" in compiled.timings) == (False, True)
    np.testing.assert_allclose(compiled.step_losses, plain.step_losses, rtol=0, atol=1e-5)
    np.testing.assert_allclose(compiled.logits, plain.logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("backend", "device", "mode", "expected"),
    [
        ("inductor", "cpu", None, {"options": {"fallback_random": True}}),
        ("inductor", "cpu", "default", {"options": {"fallback_random": True}}),
        ("inductor", "cuda", "default", {"mode": "default"}),
        ("eager", "cpu", None, {"mode": None}),
    ],
)
def test_a_mode_becomes_options_where_dropout_is_not_compiled(
    monkeypatch: pytest.MonkeyPatch, backend: str, device: str, mode: str | None, expected: dict[str, Any]
) -> None:
    asked: list[dict[str, Any]] = []

    def compiled(forward: Any, **how: Any) -> Any:
        asked.append(how)
        return forward

    monkeypatch.setattr(torch, "compile", compiled)
    args: Any = SimpleNamespace(
        torch_compile=True, torch_compile_backend=backend, torch_compile_mode=mode, device=torch.device(device)
    )
    compile_forward(torch.nn.Linear(1, 1), args)
    assert asked == [{"backend": backend, **expected}]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method.:DeprecationWarning")  # torch's own, of its compiler
@pytest.mark.skipif(shutil.which("g++") is None, reason="Inductor needs a C++ compiler")
def test_compiled_dropout_draws_what_it_draws_uncompiled() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.Dropout(0.4), torch.nn.GELU())
    given = torch.randn(128, 64)
    args: Any = SimpleNamespace(
        torch_compile=True, torch_compile_backend="inductor", torch_compile_mode=None, device=torch.device("cpu")
    )
    with fast_cpu("cpu"):
        torch.manual_seed(3)
        plain = model(given)
        compile_forward(model, args)
        torch.manual_seed(3)
        compiled = model(given)
    assert 0.3 < float((plain == 0).float().mean()) < 0.5
    torch.testing.assert_close(compiled, plain)
