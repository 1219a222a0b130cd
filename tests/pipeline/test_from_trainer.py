"""A user's Trainer as a pipeline: its parts, its card, and the Trainer that each run gets."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from datasets import Dataset

from pytest_ftcheck.errors import CheckFailure, DataError, FtcheckError, TaskError
from pytest_ftcheck.pipeline import trainer_card, trainer_rows
from pytest_ftcheck.pipeline.factory import load_factory, trainer_task_name
from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline
from pytest_ftcheck.pipeline.trainer_card import checkpoint_of
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.key import run_key
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.probe import probe
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

HERE = Path(__file__).parent
CPU = describe_environment("cpu", "float32", threads=1)


def pipeline_of(factory: str, table: dict[str, Any] | None = None, **settings: Any) -> Pipeline:
    spec = f"user_train.py:{factory}"
    return build_trainer_pipeline("mine", spec, table or {}, Settings(rootdir=HERE, device="cpu", **settings))


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Run]:
    def run(pipeline: Pipeline, engine: str) -> Run:
        return train_run(pipeline, engine=engine, seed=0, environment=CPU, folder=tmp_path / engine)

    (tmp_path / "trainer").mkdir()
    (tmp_path / "manual").mkdir()
    return run


# -- parts and card ---------------------------------------------------------------------------------------------------


def test_name_of_a_task_without_a_card() -> None:
    assert trainer_task_name("my_project.train:build_trainer") == "train-build_trainer"
    assert trainer_task_name("scripts/fit.py:build") == "fit-build"
    assert trainer_task_name("fit:Factory.build") == "fit-Factory-build"


def test_parts_of_the_trainer_become_the_pipeline() -> None:
    pipeline = pipeline_of("build")
    card = pipeline.card
    assert (card.head, card.num_labels, card.label_column) == ("sequence-classification", 2, "label")
    assert card.text_columns == ("first", "second")  # found by tokenizing again
    assert dict(card.metric.greater_is_better) == {"accuracy": True}
    assert (len(pipeline.train_dataset), len(pipeline.eval_dataset)) == (24, 10)
    assert pipeline.args["learning_rate"] == 1e-3
    assert pipeline.label_column == "label"
    assert pipeline.subject == "mine with BertForSequenceClassification on the Trainer's own data"


def test_table_of_the_user_goes_before_what_was_found() -> None:
    table = {"label_names": ["bad", "good"], "floors": {"accuracy": 0.6}, "text_columns": ["first"]}
    card = pipeline_of("build", table).card
    assert (card.label_names, card.text_columns) == (("bad", "good"), ("first",))
    assert card.floors("full", "any") == {"accuracy": 0.6}


def test_table_that_contradicts_the_model_is_refused() -> None:
    with pytest.raises(
        TaskError, match=r"its table has head .* 3 label\(s\), but the Trainer's model has head .* with 2"
    ):
        pipeline_of("build", {"label_names": ["a", "b", "c"]})


def test_raw_rows_beside_the_trainer(tmp_path: Path) -> None:
    for split, count in (("train", 24), ("validation", 9)):
        table = {"text": [f"row {row} of it" for row in range(count)], "label": [0, 1, *[0] * (count - 2)]}
        Dataset.from_dict(table).to_json(tmp_path / f"{split}.jsonl")
    table = {"data": str(tmp_path), "text_columns": ["text"], "label_column": "label"}
    with pytest.raises(DataError, match=r"24 train, 9 evaluation\) are not those of the Trainer \(24 and 10\)"):
        pipeline_of("build", table)


def test_rows_of_torch_without_text_or_tokenizer() -> None:
    pipeline = pipeline_of("with_encodings")
    assert pipeline.processing_class is None
    assert pipeline.card.text_columns == ()
    assert pipeline.train_dataset[0]["labels"] == 0
    assert isinstance(pipeline.train_dataset[0]["input_ids"], list)


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_rows_that_are_no_table_become_one_batch_by_batch(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(trainer_rows, "BATCH", batch)
    rows = [{"ids": list(range(row % 3)), "note": None if row < 8 else "late", "label": row / 2} for row in range(12)]
    table, given = trainer_rows.plain_rows(rows)
    assert table.to_list() == rows
    assert given == trainer_rows.RowFormat(None)
    with pytest.raises(DataError, match="the rows of list do not form a table"):
        trainer_rows.plain_rows([{"label": 0}] * 9 + [{"label": "one"}])


def test_the_beginning_of_a_stream_is_judged_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_rows, "STREAMED", 40)
    pipeline = pipeline_of("streaming")
    source = pipeline.source
    assert (len(pipeline.train_dataset), len(pipeline.eval_dataset)) == (40, 10)
    assert pipeline.train_dataset[24]["first"] == pipeline.train_dataset[0]["first"]  # it begins again
    assert source.held_back("cpu")[-2:] == (
        "train_dataset (a stream: its first 40 rows)",
        "eval_dataset (a stream: its first 10 rows)",
    )
    made: Any = source.make_trainer(pipeline, seed=0, device="cpu", output_dir=HERE / "unused", steps=None)
    assert [len(made.train_dataset), len(made.eval_dataset)] == [40, 10]


def test_regression_without_metrics_gets_ours() -> None:
    pipeline = pipeline_of("regression")
    assert pipeline.card.head == "regression"
    assert list(pipeline.card.metric.greater_is_better) == ["pearsonr"]
    assert pipeline.compute_metrics is not None


def test_fewer_rows() -> None:
    pipeline = pipeline_of("build", max_train_rows=6, max_eval_rows=4)
    assert (len(pipeline.train_dataset), len(pipeline.eval_dataset)) == (6, 4)
    assert pipeline.data.train["first"] == pipeline.train_dataset["first"]


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("user_train.py", "expected package.module:factory or path/to/train.py:factory"),
        ("user_train.py:biuld", r"has no function 'biuld'\. Did you mean 'build'\?"),
        ("usertrain.py:build", r"no file 'usertrain.py' in .* Did you mean 'user_train.py'\?"),
        ("no_such_package.train:build", "cannot import 'no_such_package.train' .* ModuleNotFoundError"),
        ("user_train.py:fails", r"failed: FileNotFoundError: no such file: reviews.csv \(.*user_train.py, line \d+"),
        (
            "user_train.py:needs_more",
            "needs the arguments folder, but a factory is called only with",
        ),
        ("user_train.py:not_a_trainer", "returns dict, expected a transformers.Trainer"),
        ("user_train.py:trained", r"has trained already \(3 optimizer steps\)"),
        ("user_train.py:without_evaluation", "has no eval_dataset: nothing to judge it on"),
        ("user_train.py:ended_stream", "train_dataset is empty: the stream has no rows"),
        ("user_train.py:empty", "eval_dataset is empty: 0 rows"),
        ("user_train.py:broken_metrics", "compute_metrics fails on logits .*AttributeError"),
        ("user_train.py:metrics_of_nothing", r"compute_metrics returns None: it may lack a return\. Return at least"),
        ("user_train.py:metrics_in_a_list", r"compute_metrics returns list, not a dict\. Return at least one number"),
        ("user_train.py:metrics_of_text", r"compute_metrics returns no number\. Return at least one number"),
    ],
)
def test_what_cannot_be_checked_is_refused(spec: str, message: str) -> None:
    with pytest.raises(FtcheckError, match=message):
        build_trainer_pipeline("mine", spec, {}, Settings(rootdir=HERE))


@pytest.mark.parametrize(("code", "first"), [("sys.path[:] = ['mine']", ["mine"]), ("sys.path = None", [])])
def test_what_a_module_takes_from_the_import_path_comes_back_behind_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, first: list[str]
) -> None:
    before = list(sys.path)
    monkeypatch.setattr(sys, "path", list(before))
    (tmp_path / "emptying.py").write_text(f"import sys\n{code}\n\n\ndef build(): pass\n", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "emptying", raising=False)
    load_factory("emptying.py:build", tmp_path)
    assert sys.path == [*first, str(tmp_path), *before]


# -- runs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "factory",
    [
        *("build", "weighted", "with_encodings", "with_format", "with_model_init", "with_prepared_logits"),
        *("regression", "streaming"),
    ],
)
@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_every_kind_of_trainer_trains_with_both_engines(
    factory: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_rows, "STREAMED", 50)
    pipeline = pipeline_of(factory)
    made = probe(pipeline, engine=engine, seed=0, environment=CPU, folder=tmp_path, steps=2)
    assert len(made.losses) == made.trace.steps == 2
    assert made.logits.shape == (8, pipeline.card.num_labels)
    assert made.trace.passes[0].rows
    assert not any(tmp_path.glob("runs*"))


@pytest.mark.parametrize("factory", ["build", "weighted", "regression"])
def test_engines_agree_on_a_users_trainer(factory: str, tmp_path: Path) -> None:
    pipeline = pipeline_of(factory)
    made = [
        probe(pipeline, engine=engine, seed=3, environment=CPU, folder=tmp_path / engine, steps=3, dropout=False)
        for engine in ("trainer", "manual")
    ]
    assert made[0].losses == pytest.approx(made[1].losses, abs=1e-5)
    assert made[0].trace.learning_rates == made[1].trace.learning_rates
    assert made[0].trace.passes[0].rows == made[1].trace.passes[0].rows


def test_run_of_a_users_trainer(train: Callable[..., Run]) -> None:
    pipeline = pipeline_of("build")
    run = train(pipeline, "trainer")
    assert run.logits.shape == (10, 2)
    assert run.metrics["accuracy"] == pytest.approx((run.logits.argmax(-1) == run.label_ids).mean())
    assert {"loss", "accuracy"} <= run.metrics.keys()
    assert (run.model_folder / "tokenizer.json").is_file()
    assert sorted(run.trace.passes[0].rows) == sorted(train(pipeline, "manual").trace.passes[0].rows)


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_of_several_evaluation_sets_the_one_of_the_best_metric_is_judged(
    train: Callable[..., Run], engine: str
) -> None:
    pipeline = pipeline_of("with_two_sets")
    assert pipeline.args["metric_for_best_model"] == "accuracy"
    run = train(pipeline, engine)
    assert run.logits.shape == (16, 2)
    assert [epoch["accuracy"] for epoch in run.epochs] == [run.metrics["accuracy"]]
    assert run.best_epoch == 1


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_prepared_logits_are_for_the_metrics_alone(train: Callable[..., Run], engine: str) -> None:
    run = train(pipeline_of("with_prepared_logits"), engine)
    assert run.logits.shape == (10, 2)
    assert run.metrics["accuracy"] == pytest.approx((run.logits.argmax(-1) == run.label_ids).mean())


def test_own_loss_is_used_by_both_engines(tmp_path: Path) -> None:
    plain, weighted = pipeline_of("build"), pipeline_of("weighted")
    losses = [
        probe(each, engine=engine, seed=0, environment=CPU, folder=tmp_path / engine, steps=1, dropout=False).losses[0]
        for each in (plain, weighted)
        for engine in ("trainer", "manual")
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert losses[2] == pytest.approx(losses[3], abs=1e-6)
    assert losses[0] != pytest.approx(losses[2], abs=1e-4)


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_a_loss_that_hands_back_logits_alone_is_named(train: Callable[..., Run], engine: str) -> None:
    with pytest.raises(CheckFailure) as failure:
        train(pipeline_of("logits_alone"), engine)
    (finding,) = failure.value.findings
    assert finding.check == "model.logits_shape"
    assert finding.observed == "the loss and a tensor of shape (4, 2)"
    assert "return (loss, outputs), not (loss, outputs.logits)" in finding.hint


def test_model_is_judged_as_it_is(train: Callable[..., Run]) -> None:
    run = train(pipeline_of("build", no_train=True), "trainer")
    assert not run.step_losses
    assert run.logits.shape == (10, 2)


def test_a_factory_that_seeds_its_model_gets_the_seed_of_whoever_makes_one() -> None:
    def head(seed: int) -> Any:
        torch.manual_seed(seed)
        model: Any = pipeline.model_init()
        return model.classifier.weight.detach()

    pipeline = pipeline_of("build_seeded")
    assert torch.equal(head(0), head(0))
    assert not torch.equal(head(0), head(1))


def test_folder_of_a_model_is_found_by_its_path_or_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def folder(came_from: str) -> Path | None:
        source: Any = pipeline_of("build").source
        model = source.template.model
        model.config._name_or_path = came_from
        return checkpoint_of(model).folder

    (tmp_path / "config.json").touch()
    monkeypatch.setattr(trainer_card, "try_to_load_from_cache", lambda *_: str(tmp_path / "config.json"))
    assert folder("somebody/a-model") == tmp_path
    monkeypatch.setattr(trainer_card, "try_to_load_from_cache", lambda *_: None)
    assert folder(str(tmp_path)) == tmp_path
    assert folder("somebody/a-model") is None
    assert folder("") is None
    monkeypatch.undo()
    assert folder("/nowhere/at all/") is None


def test_changed_parts_reach_the_users_trainer(tmp_path: Path) -> None:
    pipeline = pipeline_of("build")

    def freeze(model: Any) -> None:
        model.bert.requires_grad_(requires_grad=False)

    changed = replace(
        pipeline,
        train_dataset=pipeline.train_dataset.select(range(8)),
        model_init=ChangedModel(pipeline.model_init, freeze),
        args={**pipeline.args, "learning_rate": 0.5, "per_device_train_batch_size": 4},
    )
    made = probe(changed, engine="trainer", seed=0, environment=CPU, folder=tmp_path, steps=2)
    assert made.trace.passes[0].batch_sizes == (4, 4)
    assert max(rate for rates in made.trace.learning_rates for rate in rates) == 0.5
    moved = {entry.name.split(".")[0] for entry in made.trace.parameters if entry.moved > 0}
    assert moved == {"classifier"}


def test_trackers_and_progress_bars_are_taken_out() -> None:
    names = {type(callback).__name__ for callback in pipeline_of("build").source.own.callbacks}
    assert not names & {"PrinterCallback", "ProgressCallback"}
    assert not any("Wandb" in name or "TensorBoard" in name for name in names)


def test_key_holds_the_users_code_and_arguments() -> None:
    def key(pipeline: Pipeline) -> Any:
        return run_key(pipeline, engine="trainer", seed=0, environment=CPU)

    plain = pipeline_of("build")
    # The untrained head is drawn anew with the same seed: the same weights, so the same run.
    assert key(plain).trainer == key(pipeline_of("build")).trainer
    assert key(plain).trainer != key(pipeline_of("weighted")).trainer
    assert key(plain).trainer != key(replace(plain, trains=False)).trainer
