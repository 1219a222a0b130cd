"""A user's Trainer in small: a random BERT of two layers, 64 rows whose label says which of two tokens they hold."""

from __future__ import annotations

import gc
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.pipeline import from_trainer
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import ParameterTrace, Pass, Trace
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from pytest_ftcheck.training.fingerprint import fingerprint_rows
from pytest_ftcheck.training.probe import probe
from pytest_ftcheck.training.train import train_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CPU = describe_environment("cpu", "float32", threads=1)
PAD, CLS, SEP, NO, YES = 0, 2, 3, 10, 11


@pytest.fixture(autouse=True, scope="module")
def _one_thread_and_no_garbage() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()  # each Trainer collects garbage: among all that is imported, that takes longer than these runs
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


def toy_rows(count: int, seed: int, *, regression: bool = False) -> Dataset:
    """Rows of 6 to 14 tokens in two segments; the label says which of two tokens is among them."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        label = int(draw.integers(2))
        words = draw.integers(20, 60, draw.integers(3, 11)).tolist()
        words[draw.integers(len(words))] = YES if label else NO
        ids = [CLS, *words, SEP, int(draw.integers(20, 60)), SEP]
        rows.append(
            {
                "input_ids": ids,
                "attention_mask": [1] * len(ids),
                "token_type_ids": [0] * (len(ids) - 2) + [1] * 2,
                "labels": label * 2.0 + draw.random() / 4 if regression else label,
            }
        )
    return Dataset.from_list(rows)


def pad_rows(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A collator of one's own: pads to the longest row."""
    longest = max(len(feature["input_ids"]) for feature in features)
    batch = {
        name: torch.tensor([feature[name] + [0] * (longest - len(feature[name])) for feature in features])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    label = next(name for name in ("labels", "label") if name in features[0])
    return {**batch, "labels": torch.tensor([feature[label] for feature in features])}


def small_bert(num_labels: int = 2, **config: Any) -> BertForSequenceClassification:
    """A model that learns the rows in a few dozen steps, from whatever seed."""
    sizes: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 64, "vocab_size": 374, "max_position_embeddings": 32, "num_labels": num_labels}
    return BertForSequenceClassification(BertConfig(initializer_range=0.1, **sizes | config))


def _as_they_are(rows: Dataset) -> Dataset:
    return rows


def _unchanged(part: Any) -> None:
    del part


RECIPE: dict[str, Any] = {
    "learning_rate": 3e-3,
    "num_train_epochs": 4,
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 32,
    "eval_strategy": "epoch",
    "save_strategy": "no",
    "weight_decay": 0.01,
    "use_cpu": True,
    "dataloader_pin_memory": False,
}


def accuracy(prediction: Any) -> dict[str, float]:
    """A ``compute_metrics`` of one's own."""
    logits, labels = prediction
    return {"accuracy": float((logits.argmax(axis=-1) == labels).mean())}


def toy_factory(
    trainer: type[Trainer] = Trainer,
    *,
    model: Callable[[], Any] = small_bert,
    change: Callable[[Any], object] = _unchanged,
    optimizers: Callable[[Any], tuple[Any, Any]] | None = None,
    after: Callable[[Trainer], object] = _unchanged,
    rows: Callable[[Dataset], Dataset] = _as_they_are,
    eval_too: bool = False,
    regression: bool = False,
    parts: Mapping[str, Any] | None = None,
    **recipe: Any,
) -> Callable[..., Trainer]:
    """Return a factory as a user's ``train.py`` has it; the arguments are what differs from project to project."""

    def build_trainer(seed: int = 42, output_dir: str = "unused") -> Trainer:
        torch.manual_seed(seed)
        made = small_bert(1) if regression and model is small_bert else model()
        change(made)
        given = {
            "model": made,
            "args": TrainingArguments(output_dir=output_dir, seed=seed, **RECIPE | recipe),
            "train_dataset": rows(toy_rows(64, 1, regression=regression)),
            "eval_dataset": (rows if eval_too else _as_they_are)(toy_rows(32, 2, regression=regression)),
            "data_collator": pad_rows,
            "processing_class": AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert")),
            "compute_metrics": None if regression else accuracy,
            "optimizers": optimizers(made) if optimizers else (None, None),
        }
        built = trainer(**given | dict(parts or {}))
        after(built)
        return built

    return build_trainer


def trainer_with(loss: Callable[[Any, Any], Any], base: type[Trainer] = Trainer) -> type[Trainer]:
    """Return a Trainer whose loss is a function of the logits ``[B, K]`` and the labels ``[B]``."""

    class Own(base):  # type: ignore[valid-type,misc]  # a class that the caller chooses
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002 - as the Trainer calls it
            del kwargs
            labels = inputs.pop("labels")
            outputs = model(**inputs)
            value = loss(outputs.logits, labels)
            return (value, outputs) if return_outputs else value

    return Own


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pipeline]:
    """Return a function that makes a user's pipeline of what `toy_factory` takes."""

    def make(trainer: type[Trainer] = Trainer, **options: Any) -> Pipeline:
        root = tmp_path_factory.mktemp("project")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(from_trainer, "load_factory", lambda *_: toy_factory(trainer, **options))
            return from_trainer.build_trainer_pipeline("toy", "train.py:build_trainer", {}, Settings(rootdir=root))

    return make


@pytest.fixture(scope="session")
def evidence_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Evidence]:
    """Return a function that makes the evidence of a pipeline, with real runs and probes, each made once."""

    def make(pipeline: Pipeline, engine: str = "trainer", seed: int = 0, *, both: bool = False) -> Evidence:
        runs, probes = {}, {}

        def run(name: str) -> Any:
            if name not in runs:
                folder = tmp_path_factory.mktemp("run")
                runs[name] = train_run(pipeline, engine=name, seed=seed, environment=CPU, folder=folder)
            return runs[name]

        def short(**changes: Any) -> Any:
            key = repr(sorted(changes.items()))
            if key not in probes:
                probes[key] = probe(pipeline, environment=CPU, folder=tmp_path_factory.mktemp("probe"), **changes)
            return probes[key]

        other = "manual" if engine == "trainer" else "trainer"
        return Evidence(
            pipeline,
            engine=engine,
            seed=seed,
            environment=CPU,
            make_run=lambda: run(engine),
            make_probe=short,
            other_run=(lambda: run(other)) if both else None,
        )

    return make


def healthy_passes(pipeline: Pipeline, epochs: int = 4, batch: int = 8) -> list[Pass]:
    """Epochs over the rows in an order of their own, each with an evaluation after it."""
    rows = fingerprint_rows(pipeline.train_dataset["input_ids"], PAD)
    labels = [float(np.float32(label)) for label in pipeline.train_dataset["labels"]]
    passes = []
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(rows)).tolist()
        sizes = tuple(min(batch, len(rows) - start) for start in range(0, len(rows), batch))
        seen = tuple(rows[place] for place in order), tuple(labels[place] for place in order)
        passes.append(Pass("train", *seen, sizes, in_train_mode=True, weights_changed=True))
        passes.append(Pass("eval", (1, 2), (0.0, 1.0), (2,), in_train_mode=False, weights_changed=False))
    return passes


def parameter(name: str = "classifier.weight", **changes: Any) -> ParameterTrace:
    """A trained weight as it should be."""
    healthy = ParameterTrace(name, 100, True, False, (0,), 0.0, 0.5, 0.01, 0.3)  # noqa: FBT003 - in order
    return replace(healthy, **changes)


@pytest.fixture(scope="session")
def traced(toy: Callable[..., Pipeline]) -> Callable[..., Evidence]:
    """Return a function that makes the evidence of a run without training.

    Its trace is a healthy one of `toy()` but for the arguments, which are fields of the trace or of the run.
    """
    usual = toy()
    names = {spec.name for spec in fields(Trace)}

    def make(pipeline: Pipeline = usual, **changes: Any) -> Evidence:
        steps = 32
        rates = tuple((3e-3 * (1 - step / steps),) for step in range(steps))
        trace = Trace(
            planned_steps=steps,
            learning_rates=rates,
            base_learning_rates=(3e-3,),
            gradient_norms=(1.0,) * steps,
            micro_steps=(1,) * steps,
            scheduler_steps=steps,
            parameters=(parameter("classifier.weight"), parameter("bias", normalisation_or_bias=True)),
            passes=tuple(healthy_passes(pipeline)),
            forward_keys=("attention_mask", "input_ids", "labels", "token_type_ids"),
            eval_forward_keys=("attention_mask", "input_ids", "labels", "token_type_ids"),
        )
        trace = replace(trace, **{name: changes.pop(name) for name in list(changes) if name in names})
        noise = np.random.default_rng(0).normal(0, 0.02, steps)
        run = Run(
            task="toy",
            engine="trainer",
            seed=0,
            head=pipeline.card.head,
            checkpoint="random",
            metrics={"accuracy": 0.9, "loss": 0.3},
            epochs=tuple(
                {"epoch": n, "step": 8 * n, "accuracy": 0.6 + n / 10, "loss": 0.7 - n / 10} for n in range(1, 5)
            ),
            best_epoch=None,
            step_losses=tuple(np.linspace(0.75, 0.35, steps) + noise),
            log_history=(),
            logits=np.zeros((32, 2), np.float32),
            label_ids=np.zeros(32, np.int64),
            train_rows=64,
            timings={},
            environment=CPU,
            trace=trace,
            folder=Path(),
        )
        run = replace(run, **changes)
        return Evidence(pipeline, engine="trainer", seed=0, environment=CPU, make_run=lambda: run, make_probe=_no_probe)

    return make


def _no_probe(**_: Any) -> Any:
    pytest.fail("this check needs no training of its own")


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """Parts to build other projects of: functions of this module by name."""
    return SimpleNamespace(
        pad_rows=pad_rows,
        small_bert=small_bert,
        parameter=parameter,
        healthy_passes=healthy_passes,
        rows=toy_rows,
        trainer_with=trainer_with,
    )


@pytest.fixture(scope="session")
def judged(evidence_of: Callable[..., Evidence]) -> Callable[..., list[Finding]]:
    """Return a function that runs one check on a pipeline or on its evidence, and gives what it finds."""

    def judge(check: str, parts: Pipeline | Evidence, engine: str = "trainer", **thresholds: float) -> list[Finding]:
        evidence = parts if isinstance(parts, Evidence) else evidence_of(parts, engine)
        if thresholds:
            card = replace(evidence.pipeline.card, thresholds={check: thresholds})
            evidence.pipeline = replace(evidence.pipeline, card=card)
        try:
            return run_check(catalogue()[check], evidence)
        except CheckFailure as failure:
            return list(failure.findings)

    return judge
