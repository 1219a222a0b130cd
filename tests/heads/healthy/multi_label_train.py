"""Five healthy Trainers of several labels a row, built as users build them. Each factory is a project of its own."""
# ruff: noqa: S311, FBT001, FBT002 - rows with a seed; a method as users write it

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.preprocessing import MultiLabelBinarizer
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    set_seed,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = {
    "trade": ("sold", "gave", "sent", "lent"),
    "home": ("sofa", "lamp", "carpet", "chair"),
    "town": ("market", "park", "station", "museum"),
    "day": ("monday", "friday", "sunday"),
    "colour": ("red", "blue", "green", "white"),
}
NAMES = tuple(WORDS)
FILLING = ("anna", "ben", "clara", "the", "and", "was", "story", "music", "two", "seven")


def remarks(rows: int, seed: int, none: float = 0.1) -> list[dict[str, Any]]:
    """Texts that speak of some topics; a share of them of none. One of fifty labels is wrong."""
    chance = random.Random(seed)
    found: dict[str, list[str]] = {}
    while len(found) < rows:
        topics = [name for name in NAMES if chance.random() < 0.4] if chance.random() > none else []
        words = [chance.choice(WORDS[name]) for name in topics] + chance.sample(FILLING, 4)
        chance.shuffle(words)
        labels = [name for name in NAMES if (name in topics) != (chance.random() < 0.02)]
        found.setdefault(" ".join(words), labels)
    return [{"text": text, "topics": labels} for text, labels in found.items()]


def splits(none: float = 0.1) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    made = remarks(900, 5, none)
    return made[:640], made[640:]


def arguments(output_dir: str, seed: int, **given: Any) -> TrainingArguments:
    chosen: dict[str, Any] = {
        "learning_rate": 1.5e-3,
        "num_train_epochs": 4,
        "per_device_train_batch_size": 16,
        "per_device_eval_batch_size": 32,
        "eval_strategy": "epoch",
        "report_to": "none",
        "disable_tqdm": True,
        "seed": seed,
    }
    return TrainingArguments(output_dir, **chosen | given)


def scores(evaluated: EvalPrediction) -> dict[str, float]:
    """The metrics that most scripts have: a sigmoid, a threshold of one half, F1 and the area under the curve."""
    logits: Any = evaluated.predictions[0] if isinstance(evaluated.predictions, tuple) else evaluated.predictions
    chances = torch.sigmoid(torch.Tensor(logits)).numpy()
    wanted, predicted = np.asarray(evaluated.label_ids), (chances >= 0.5).astype(int)
    return {
        "f1": float(f1_score(wanted, predicted, average="micro")),
        "roc_auc": float(roc_auc_score(wanted, chances, average="micro")),
        "accuracy": float(accuracy_score(wanted, predicted)),
    }


def official_style(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As the classification script of the examples: a configuration, map with remove_columns, problem_type by hand."""
    set_seed(seed)
    folder = str(bundled_checkpoint("tiny-bert"))
    train, evaluation = splits()
    raw = DatasetDict(train=Dataset.from_list(train), validation=Dataset.from_list(evaluation))
    label_to_id = {name: number for number, name in enumerate(sorted(NAMES))}
    config = AutoConfig.from_pretrained(folder, num_labels=len(label_to_id), finetuning_task="text-classification")
    config.problem_type = "multi_label_classification"
    config.label2id = label_to_id
    config.id2label = {number: name for name, number in label_to_id.items()}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, config=config)

    def preprocess(examples: dict[str, Any]) -> dict[str, Any]:
        result = dict(tokenizer(examples["text"], padding="max_length", max_length=32, truncation=True))
        vectors = [[0.0] * len(label_to_id) for _ in examples["topics"]]
        for vector, topics in zip(vectors, examples["topics"], strict=True):
            for topic in topics:
                vector[label_to_id[topic]] = 1.0
        return {**result, "label": vectors}

    made = raw.map(preprocess, batched=True, remove_columns=["topics"])
    return Trainer(
        model=model,
        args=arguments(
            output_dir, seed, load_best_model_at_end=True, save_strategy="epoch", metric_for_best_model="f1"
        ),
        train_dataset=made["train"],
        eval_dataset=made["validation"],
        compute_metrics=scores,
        processing_class=tokenizer,
    )


class WeightedTrainer(Trainer):
    """Rare labels count for more, which is computed from the train rows."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Binary cross entropy with pos_weight."""
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        counts = torch.tensor(np.asarray(self.train_dataset["labels"]).mean(axis=0), dtype=torch.float)  # type: ignore[index]  # a Dataset
        loss = torch.nn.BCEWithLogitsLoss(pos_weight=((1 - counts) / counts).to(labels.device))(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss


def _binarized(tokenizer: Any, rows: list[dict[str, Any]], *, texts: bool) -> Dataset:
    vectors = MultiLabelBinarizer(classes=NAMES).fit_transform([row["topics"] for row in rows]).astype(np.float32)
    columns = dict(tokenizer([row["text"] for row in rows], truncation=True))
    kept = {"text": [row["text"] for row in rows]} if texts else {}
    return Dataset.from_dict({**columns, **kept, "labels": vectors.tolist()})


def _plain_model(checkpoint: str, problem_type: str | None) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(
        bundled_checkpoint(checkpoint),
        num_labels=len(NAMES),
        problem_type=problem_type,
        id2label=dict(enumerate(NAMES)),
        label2id={name: number for number, name in enumerate(NAMES)},
    )


def weighted_without_texts(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A subclass with a weighted loss; the rows hold no texts any more."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-distilbert"))
    train, evaluation = (_binarized(tokenizer, rows, texts=False) for rows in splits())
    return WeightedTrainer(
        _plain_model("tiny-distilbert", "multi_label_classification"),
        arguments(output_dir, seed),
        train_dataset=train,
        eval_dataset=evaluation,
        processing_class=tokenizer,
        compute_metrics=scores,
    )


class VectorsFromBooleans:
    """A collator that makes the floats."""

    def __init__(self, tokenizer: Any) -> None:
        self.padded = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        """Pad, and turn booleans into the floats that the loss takes."""
        batch = dict(self.padded(features))
        batch["labels"] = batch["labels"].float()
        return batch


def own_collator(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Booleans in the data set, floats by the collator; SGD; no metrics at all; rows without any label are many."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))
    made = []
    for rows in splits(none=0.3):
        columns = dict(tokenizer([row["text"] for row in rows]))
        booleans = [[name in row["topics"] for name in NAMES] for row in rows]
        made.append(Dataset.from_dict({**columns, "text": [row["text"] for row in rows], "labels": booleans}))
    model = _plain_model("tiny-bert", None)
    model.config.problem_type = "multi_label_classification"
    args = arguments(output_dir, seed, learning_rate=0.2, lr_scheduler_type="cosine", num_train_epochs=5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    return Trainer(
        model,
        args,
        data_collator=VectorsFromBooleans(tokenizer),
        train_dataset=made[0],
        eval_dataset=made[1],
        processing_class=tokenizer,
        optimizers=(optimizer, None),
    )


def votes_and_macro(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Labels are shares of three annotators' votes; metrics of each label and their mean, at one half of the votes."""
    set_seed(seed)
    chance = random.Random(7)
    tokenizer = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-distilbert"))

    def voted(topics: list[str]) -> list[float]:
        return [round(sum((name in topics) != (chance.random() < 0.05) for _ in range(3)) / 3, 4) for name in NAMES]

    def metrics(evaluated: EvalPrediction) -> dict[str, float]:
        wanted, predicted = np.asarray(evaluated.label_ids) > 0.5, np.asarray(evaluated.predictions) > 0
        each = f1_score(wanted, predicted, average=None)
        return {
            "macro_f1": float(each.mean()),
            **{f"{name}_f1": float(value) for name, value in zip(NAMES, each, strict=True)},
        }

    def encoded(rows: list[dict[str, Any]]) -> Dataset:
        made = Dataset.from_list([{"text": row["text"], "labels": voted(row["topics"])} for row in rows])
        return made.map(lambda row: tokenizer(row["text"]))

    train, evaluation = map(encoded, splits())
    return Trainer(
        _plain_model("tiny-distilbert", "multi_label_classification"),
        arguments(
            output_dir, seed, metric_for_best_model="macro_f1", load_best_model_at_end=True, save_strategy="epoch"
        ),
        train_dataset=train,
        eval_dataset=evaluation,
        processing_class=tokenizer,
        compute_metrics=metrics,
    )


def own_threshold(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A loss given as compute_loss_func, and a lower threshold that the configuration keeps for the server."""
    set_seed(seed)
    tokenizer = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))
    model = _plain_model("tiny-bert", "multi_label_classification")
    model.config.threshold = 0.35
    features = Features({"text": Value("string"), "topics": Sequence(ClassLabel(names=list(NAMES)))})

    def encoded(rows: list[dict[str, Any]]) -> Dataset:
        made = Dataset.from_list(
            [{"text": row["text"], "topics": [NAMES.index(name) for name in row["topics"]]} for row in rows],
            features=features,
        )

        def encode(row: dict[str, Any]) -> dict[str, Any]:
            return {**tokenizer(row["text"]), "labels": [float(label in row["topics"]) for label in range(len(NAMES))]}

        return made.map(encode)

    def focal(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        del num_items_in_batch
        each = torch.nn.functional.binary_cross_entropy_with_logits(outputs["logits"], labels, reduction="none")
        return ((1 - torch.exp(-each)) * each).mean()

    def metrics(evaluated: EvalPrediction) -> dict[str, float]:
        chances = 1 / (1 + np.exp(-np.asarray(evaluated.predictions)))
        predicted = chances > model.config.threshold
        return {
            "micro_f1": float(f1_score(evaluated.label_ids, predicted, average="micro")),
            "labels_a_row": float(predicted.sum(axis=1).mean()),
        }

    train, evaluation = map(encoded, splits())
    return Trainer(
        model,
        arguments(output_dir, seed),
        train_dataset=train,
        eval_dataset=evaluation,
        processing_class=tokenizer,
        compute_metrics=metrics,
        compute_loss_func=focal,
    )


FACTORIES: tuple[Callable[..., Trainer], ...] = (
    official_style,
    weighted_without_texts,
    own_collator,
    votes_and_macro,
    own_threshold,
)
