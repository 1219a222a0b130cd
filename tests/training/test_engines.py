"""Both engines: the same steps from the same seed, everything that came out, and the end of a broken run."""

from __future__ import annotations

import gc
import inspect
import math
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from transformers import Trainer

from pytest_ftcheck.errors import CheckFailure, TaskError
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.training.engine import load_engine
from pytest_ftcheck.training.evaluation import BestEpoch
from pytest_ftcheck.training.probe import without_dropout as drop_nothing
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from transformers import PreTrainedModel, TrainingArguments

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

    Pipelines = Callable[..., Pipeline]
    Train = Callable[..., Run]

ENGINES = ("trainer", "manual")
CPU = describe_environment("cpu", "float32", threads=1)
SHORT = {"train_rows": 24, "eval_rows": 10, "per_device_train_batch_size": 8, "per_device_eval_batch_size": 8}


@pytest.fixture(autouse=True, scope="module")
def _one_thread_and_no_garbage() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()  # each Trainer collects garbage: among all that is imported, that takes longer than these runs
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    def run(pipeline: Pipeline, engine: str = "trainer", seed: int = 0, dtype: str = "float32") -> Run:
        folder = tmp_path_factory.mktemp("run")
        return train_run(pipeline, engine=engine, seed=seed, environment={**CPU, "dtype": dtype}, folder=folder)

    return run


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def without_dropout(pipeline: Pipeline, **recipe: Any) -> Pipeline:
    model_init = ChangedModel(pipeline.model_init, drop_nothing)
    return replace(pipeline, model_init=model_init, args={**pipeline.args, **recipe})


def weights(run: Run) -> bytes:
    return (run.model_folder / "model.safetensors").read_bytes()


def assert_same(first: Run, second: Run) -> None:
    np.testing.assert_allclose(first.step_losses, second.step_losses, rtol=0, atol=1e-5)
    np.testing.assert_allclose(first.logits, second.logits, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(first.label_ids, second.label_ids)
    assert first.best_epoch == second.best_epoch
    assert len(first.epochs) == len(second.epochs)
    for ours, theirs in zip((*first.epochs, first.metrics), (*second.epochs, second.metrics), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


# -- parity -----------------------------------------------------------------------------------------------------------

RAGGED = {"train_rows": 26, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 4, "num_train_epochs": 2}
PARITY: dict[str, tuple[str, dict[str, Any], int]] = {
    "pair": ("mrpc", {}, 3),
    "one sentence": ("sst2", {}, 3),
    "regression": ("stsb", {}, 3),
    "five classes": ("yelp_review_full", {}, 3),
    "tiny-distilbert": ("mrpc", {"model": "tiny-distilbert"}, 3),
    "accumulation, ragged last group": ("mrpc", RAGGED, 4),
    "accumulation in regression": ("stsb", RAGGED, 4),
    "accumulation, more than an epoch has": ("mrpc", {"gradient_accumulation_steps": 8}, 1),
    "max_steps within an epoch": ("mrpc", {"max_steps": 2}, 2),
    "max_steps over epochs": ("mrpc", {"max_steps": 7}, 7),
    "fractional epochs": ("mrpc", {"num_train_epochs": 1.5}, 5),
    "cosine": ("mrpc", {"lr_scheduler_type": "cosine", "num_train_epochs": 2}, 6),
    "warmup ratio": ("mrpc", {"warmup_steps": 0.5, "num_train_epochs": 2}, 6),
    "weight decay": ("mrpc", {"weight_decay": 10.0}, 3),
    "no clipping": ("mrpc", {"max_grad_norm": 0.0}, 3),
    "tight clipping": ("mrpc", {"max_grad_norm": 0.01}, 3),
    "last epoch kept": ("mrpc", {"load_best_model_at_end": False, "num_train_epochs": 2}, 6),
    "smallest loss kept": ("mrpc", {"metric_for_best_model": "loss", "num_train_epochs": 2}, 6),
    "another order": ("mrpc", {"data_seed": 7}, 3),
    "last batch dropped": ("mrpc", {"dataloader_drop_last": True, "train_rows": 26, "eval_rows": 8}, 3),
    "grouped by length": ("mrpc", {"train_sampling_strategy": "group_by_length", "num_train_epochs": 2}, 6),
    "share of the run between logs": ("mrpc", {"logging_steps": 0.5}, 3),
}


def grouping_draws_of_the_next_epoch() -> bool:
    """Tell whether the Trainer's order of rows depends on its evaluations: up to transformers 5.14 it does."""
    return "generator" not in inspect.getsource(Trainer._get_eval_sampler)


@pytest.mark.parametrize(("task", "recipe", "steps"), PARITY.values(), ids=PARITY.keys())
def test_engines_agree(make_pipeline: Pipelines, train: Train, task: str, recipe: dict[str, Any], steps: int) -> None:
    if "train_sampling_strategy" in recipe and grouping_draws_of_the_next_epoch():
        recipe, steps = {**recipe, "num_train_epochs": 1}, steps // 2
    pipeline = without_dropout(make_pipeline(task, **{**SHORT, **recipe}))
    first, second = (train(pipeline, engine) for engine in ENGINES)
    assert len(first.step_losses) == steps
    assert_same(first, second)


@pytest.mark.parametrize(
    "recipe",
    [
        {"learning_rate": 1.1e-3},
        {"weight_decay": 10.0},
        {"max_grad_norm": 0.01},
        {"data_seed": 7},
        {"num_train_epochs": 2},
    ],
    ids=str,
)
def test_engines_with_another_recipe_do_not_agree(make_pipeline: Pipelines, train: Train, recipe: Any) -> None:
    pipeline = make_pipeline(**SHORT)
    first = train(without_dropout(pipeline), "trainer")
    second = train(without_dropout(pipeline, **recipe), "manual")
    with pytest.raises(AssertionError):
        assert_same(first, second)


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_accumulated_small_batches_are_one_large_batch(
    make_pipeline: Pipelines, train: Train, engine: str, task: str
) -> None:
    pipeline = without_dropout(make_pipeline(task, **SHORT), per_device_train_batch_size=16)
    small = without_dropout(pipeline, per_device_train_batch_size=4, gradient_accumulation_steps=4)
    first, second = train(pipeline, engine), train(small, engine)
    assert len(first.step_losses) == 2  # 16 and 8 rows
    assert_same(first, second)


# -- the best epoch ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three_epochs(make_pipeline: Pipelines) -> Pipeline:
    """A recipe whose second epoch is the best one."""
    pipeline = make_pipeline("mrpc", train_rows=64, eval_rows=32)
    recipe = {"num_train_epochs": 3, "lr_scheduler_type": "cosine", "warmup_steps": 0.25, "max_grad_norm": 0}
    return without_dropout(pipeline, **recipe)


def losses_by_epoch(run: Run) -> list[float]:
    return [epoch["loss"] for epoch in run.epochs]


@torch.no_grad()
def assert_saved(run: Run, pipeline: Pipeline, atol: float = 1e-4) -> None:
    """The saved model gives the logits of the evaluation."""
    rows = pipeline.eval_dataset.to_list()
    batch = {name: value for name, value in pipeline.data_collator(rows).items() if name != "labels"}
    np.testing.assert_allclose(run.load_model()(**batch).logits.numpy(), run.logits, rtol=0, atol=atol)


def test_weights_of_the_best_epoch_are_kept(three_epochs: Pipeline, train: Train, engine: str) -> None:
    run = train(three_epochs, engine)
    accuracies = [epoch["accuracy"] for epoch in run.epochs]
    assert run.best_epoch == accuracies.index(max(accuracies)) + 1 == 2
    assert run.metrics["loss"] == pytest.approx(losses_by_epoch(run)[1], abs=1e-6)
    assert run.metrics["loss"] != pytest.approx(losses_by_epoch(run)[2], abs=1e-4)
    assert_saved(run, three_epochs)


def test_weights_of_the_last_epoch_are_kept_where_the_recipe_says_so(
    three_epochs: Pipeline, train: Train, engine: str
) -> None:
    run = train(without_dropout(three_epochs, load_best_model_at_end=False), engine)
    assert run.best_epoch is None
    assert run.metrics["loss"] == pytest.approx(losses_by_epoch(run)[2], abs=1e-6)
    assert_saved(run, three_epochs)


@pytest.mark.parametrize(
    ("values", "greater_is_better", "best"),
    [
        ([0.5, 0.7, 0.6], True, 2),
        ([0.5, 0.7, 0.6], False, 1),
        ([0.7, 0.7, 0.7], True, 1),
        ([math.nan, 0.1, 0.2], True, 3),
        ([math.nan, 0.2, 0.1], False, 3),
        ([0.1, math.nan, 0.05], True, 1),
        ([math.nan, math.nan], True, None),
    ],
)
def test_best_epoch_is_the_first_of_equals_and_never_a_nan(
    values: list[float],
    greater_is_better: bool,  # noqa: FBT001 - a parameter
    best: int | None,
) -> None:
    args = SimpleNamespace(load_best_model_at_end=True, greater_is_better=greater_is_better)
    kept = BestEpoch(cast("TrainingArguments", args), "f1")
    model = torch.nn.Linear(1, 1, bias=False)
    for number, value in enumerate(values, 1):
        model.weight.data.fill_(number)
        kept.offer(model, {"f1": value})
    kept.restore(model)
    assert kept.best == best
    assert model.weight.item() == (best or len(values))


# -- what comes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "recipe"),
    [
        ("mrpc", {}),
        ("mrpc", {"train_sampling_strategy": "group_by_length"}),  # the Trainer would group these rows as well
        ("stsb", {}),
        ("yelp_review_full", {}),
    ],
    ids=str,
)
def test_every_evaluated_row_has_its_logits_and_label_in_order(
    make_pipeline: Pipelines, train: Train, engine: str, task: str, recipe: dict[str, Any]
) -> None:
    pipeline = make_pipeline(task, **SHORT, **recipe)
    run = train(pipeline, engine)
    assert run.logits.shape == (10, pipeline.card.num_labels)
    assert run.logits.dtype == np.float32
    np.testing.assert_array_equal(run.label_ids, np.array(pipeline.eval_dataset["labels"], run.label_ids.dtype))
    assert run.label_ids.dtype == (np.float32 if task == "stsb" else np.int64)
    assert_saved(run, pipeline)


def test_run_holds_metrics_history_timings_and_environment(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    run = train(make_pipeline(**SHORT, num_train_epochs=2, logging_steps=3), engine, seed=3)
    assert (run.task, run.engine, run.seed, run.checkpoint, run.train_rows) == ("mrpc", engine, 3, "tiny-bert", 24)
    assert [(epoch["epoch"], epoch["step"]) for epoch in run.epochs] == [(1, 3), (2, 6)]
    assert all(set(epoch) == {"epoch", "step", "loss", "accuracy", "f1"} for epoch in run.epochs)
    assert set(run.metrics) == {"loss", "accuracy", "f1"}
    logged = [entry for entry in run.log_history if "learning_rate" in entry]
    assert [entry["step"] for entry in logged] == [3, 6]
    assert all(seconds > 0 for seconds in (run.timings["train"], run.timings["predict"]))
    assert run.environment == CPU
    assert {path.name for path in run.folder.iterdir()} == {"model", "run.json", "predictions.npz"}


def test_loss_of_the_evaluation_is_the_mean_over_its_rows(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    run = train(make_pipeline(**SHORT), engine)
    expected = torch.nn.functional.cross_entropy(torch.tensor(run.logits), torch.tensor(run.label_ids))
    assert run.metrics["loss"] == pytest.approx(float(expected), abs=1e-5)
    assert run.metrics["accuracy"] == pytest.approx(float((run.predictions == run.label_ids).mean()))


def test_listener_is_told_the_same_by_both_engines(make_pipeline: Pipelines, tmp_path: Path) -> None:
    pipeline = make_pipeline(**SHORT, num_train_epochs=1.5)
    told: dict[str, list[Any]] = {engine: [] for engine in ENGINES}
    for engine in ENGINES:
        (tmp_path / engine).mkdir()
        train_run(
            pipeline, engine=engine, seed=0, environment=CPU, folder=tmp_path / engine, listener=told[engine].append
        )
    shown = {
        engine: [(seen.step, seen.steps, round(seen.epoch, 4), seen.epochs) for seen in told[engine]]
        for engine in ENGINES
    }
    assert shown["trainer"] == shown["manual"]
    assert shown["manual"][-1] == (5, 5, 1.6667, 1.5)


def test_mixed_precision_runs_on_the_cpu(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    pipeline = without_dropout(make_pipeline(**SHORT))
    mixed = without_dropout(pipeline, bf16=True)
    run = train(mixed, engine)
    apart = np.abs(np.array(run.step_losses) - np.array(train(pipeline, engine).step_losses))
    assert 0 < apart.max() < 0.05  # autocast was on, and did no harm
    assert run.logits.dtype == np.float32
    assert next(run.load_model().parameters()).dtype == torch.float32
    assert_saved(run, mixed, atol=5e-2)


# -- reproducible -----------------------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_bits_and_another_seed_others(
    make_pipeline: Pipelines, train: Train, engine: str
) -> None:
    pipeline = make_pipeline(**SHORT)
    first, again, other = train(pipeline, engine), train(pipeline, engine), train(pipeline, engine, seed=1)
    assert weights(first) == weights(again)
    assert first.step_losses == again.step_losses
    assert weights(first) != weights(other)


def test_global_state_is_left_as_it_was(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    pipeline = make_pipeline(**SHORT, max_steps=1)
    torch.set_num_threads(2)

    def state() -> list[Any]:
        numbers = cast("Any", np.random.get_state())[1].tolist()  # noqa: NPY002 - what libraries use
        deterministic = torch.are_deterministic_algorithms_enabled()
        return [random.getstate(), numbers, torch.get_rng_state().tolist(), torch.get_num_threads(), deterministic]

    before = state()
    train(pipeline, engine, seed=9)
    after = state()
    torch.set_num_threads(1)
    assert after == before


# -- what reaches the collator ----------------------------------------------------------------------------------------


class Watching:
    """A collator that notes the columns that it is given."""

    def __init__(self, collator: Callable[..., Mapping[str, Any]]) -> None:
        self.collator = collator
        self.columns: set[str] = set()

    def __call__(self, features: list[dict[str, Any]]) -> Mapping[str, Any]:
        self.columns.update(*features)
        return self.collator(features)


def test_extra_columns_do_not_reach_the_collator(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    pipeline = make_pipeline(**SHORT)
    watching = Watching(pipeline.data_collator)
    extended = {
        split: rows.add_column("idx", list(range(len(rows)))).add_column("sentence1", ["text"] * len(rows))
        for split, rows in (("train_dataset", pipeline.train_dataset), ("eval_dataset", pipeline.eval_dataset))
    }
    run = train(replace(pipeline, data_collator=watching, **extended), engine)
    assert watching.columns == {"input_ids", "token_type_ids", "attention_mask", "labels"}
    assert run.step_losses == train(pipeline, engine).step_losses


@pytest.mark.parametrize("defect", ["lost", "repeated"])
def test_evaluation_that_loses_or_repeats_rows_fails(
    make_pipeline: Pipelines, train: Train, engine: str, defect: str
) -> None:
    pipeline = make_pipeline(**SHORT, max_steps=1)
    collator = pipeline.data_collator

    def wrong(features: list[dict[str, Any]]) -> Mapping[str, Any]:
        return collator(features[:-1] if defect == "lost" else [features[0], *features])

    with pytest.raises(CheckFailure, match="one row for each row of the evaluation data set") as caught:
        train(replace(pipeline, data_collator=wrong), engine)
    assert caught.value.findings[0].check == "model.logits_shape"


# -- broken runs ------------------------------------------------------------------------------------------------------


class Poisoned:
    """A ``model_init`` whose model turns to NaN before its training step ``step``."""

    def __init__(self, model_init: Callable[[], PreTrainedModel], step: int) -> None:
        self.model_init = model_init
        self.step = step

    def __call__(self) -> PreTrainedModel:
        model = self.model_init()
        seen = 0

        def poison(module: PreTrainedModel, _inputs: object) -> None:
            nonlocal seen
            seen += module.training
            if seen == self.step:
                next(module.parameters()).data.fill_(math.nan)

        model.register_forward_pre_hook(poison)
        return model


@pytest.mark.parametrize("step", [1, 3])
def test_loss_that_becomes_nan_stops_the_run_at_its_step(
    make_pipeline: Pipelines, tmp_path: Path, engine: str, step: int
) -> None:
    pipeline = make_pipeline(**SHORT)
    told: list[Any] = []
    with pytest.raises(CheckFailure, match=f"nan at optimizer step {step} of 3, ") as caught:
        train_run(
            replace(pipeline, model_init=Poisoned(pipeline.model_init, step)),
            engine=engine,
            seed=0,
            environment=CPU,
            folder=tmp_path,
            listener=told.append,
        )
    (finding,) = caught.value.findings
    assert finding.check == "training.finite_loss"
    assert finding.subject == f"mrpc with tiny-bert on bundled, engine {engine}, seed 0"
    assert len(told) == step - 1
    assert not (tmp_path / "run.json").exists()


def test_nan_in_one_micro_batch_is_found(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    pipeline = make_pipeline(**{**SHORT, "per_device_train_batch_size": 4}, gradient_accumulation_steps=4)
    with pytest.raises(CheckFailure, match="nan at optimizer step 2 of 2, "):
        train(replace(pipeline, model_init=Poisoned(pipeline.model_init, 6)), engine)


def test_nan_label_is_found(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    pipeline = make_pipeline("stsb", **SHORT)
    collator = pipeline.data_collator

    def nan_labels(features: list[dict[str, Any]]) -> Mapping[str, Any]:
        return collator([{**feature, "labels": math.nan} for feature in features])

    with pytest.raises(CheckFailure, match="nan at optimizer step 1 of 3, at the first step"):
        train(replace(pipeline, data_collator=nan_labels), engine)


# -- misuse -----------------------------------------------------------------------------------------------------------


def test_unknown_engine_is_refused_with_the_closest_match() -> None:
    with pytest.raises(TaskError, match=r"unknown engine 'trainr'. Did you mean 'trainer'"):
        load_engine("trainr")


def test_unknown_hyperparameter_is_refused(make_pipeline: Pipelines, train: Train, engine: str) -> None:
    with pytest.raises(TaskError, match="Did you mean 'learning_rate'"):
        train(make_pipeline(**SHORT, learning_rte=1e-3), engine)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            {"optim": "adafactor"},
            "optim = 'adafactor': the manual engine supports only adamw_torch and adamw_torch_fused",
        ),
        ({"optim": "sgd"}, "optim = 'sgd'"),
        ({"label_smoothing_factor": 0.1}, "label_smoothing_factor = 0.1: the manual engine supports only 0.0"),
        ({"neftune_noise_alpha": 5.0}, "neftune_noise_alpha = 5.0: the manual engine supports only None"),
        ({"train_sampling_strategy": "sequential"}, "train_sampling_strategy = 'sequential'"),
        ({"lr_scheduler_type": "reduce_lr_on_plateau"}, "lr_scheduler_type = 'reduce_lr_on_plateau'"),
        (
            {"eval_strategy": "steps", "eval_steps": 2},
            "eval_strategy = 'steps': the manual engine supports only 'epoch'",
        ),
    ],
    ids=str,
)
def test_manual_engine_refuses_what_it_would_only_half_follow(
    make_pipeline: Pipelines, train: Train, recipe: dict[str, Any], message: str
) -> None:
    with pytest.raises(TaskError, match=f"{message}.*Use engine trainer"):
        train(make_pipeline(**SHORT, **recipe), "manual")
