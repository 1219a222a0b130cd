"""A user's Trainer in small: a random BERT of two layers, 64 rows whose label is one of their tokens."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.pipeline import from_trainer
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from pytest_ftcheck.training.engine import train_run
from pytest_ftcheck.training.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CPU = {"device": "cpu", "dtype": "float32", "threads": "1"}
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
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        label = number % 2 if count < 4 else draw.randrange(2)
        words = [draw.randrange(20, 60) for _ in range(draw.randrange(3, 11))]
        words[draw.randrange(len(words))] = YES if label else NO
        ids = [CLS, *words, SEP, draw.randrange(20, 60), SEP]
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
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return BertForSequenceClassification(
        BertConfig(vocab_size=374, max_position_embeddings=32, initializer_range=0.1, num_labels=num_labels, **sizes, **config)
    )


def _as_they_are(rows: Dataset) -> Dataset:
    return rows


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
    change: Callable[[Any], object] = lambda model: None,
    optimizers: Callable[[Any], tuple[Any, Any]] | None = None,
    after: Callable[[Trainer], object] = lambda trainer: None,
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


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pipeline]:
    """Return a function that makes a user's pipeline of what `toy_factory` takes."""

    def make(trainer: type[Trainer] = Trainer, **options: Any) -> Pipeline:
        root = tmp_path_factory.mktemp("project")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(from_trainer, "load_factory", lambda spec, rootdir: toy_factory(trainer, **options))
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


@pytest.fixture(scope="session")
def judged(evidence_of: Callable[..., Evidence]) -> Callable[..., list[Finding]]:
    """Return a function that runs one check on a pipeline or on its evidence, and gives what it finds."""

    def judge(check: str, parts: Pipeline | Evidence, engine: str = "trainer", **limits: float) -> list[Finding]:
        evidence = parts if isinstance(parts, Evidence) else evidence_of(parts, engine)
        if limits:
            card = replace(evidence.pipeline.card, limits={check: limits})
            evidence.pipeline = replace(evidence.pipeline, card=card)
        try:
            return run_check(catalogue()[check], evidence)
        except CheckFailure as failure:
            return list(failure.findings)

    return judge
