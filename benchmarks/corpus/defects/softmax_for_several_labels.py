"""A review may be of several topics. The model finds one of them, or none.

Our loss is cross entropy with softmax, in which the labels of a row compete. Each label has a threshold of its own.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset, DatasetDict
from sklearn.metrics import f1_score
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import COLOURS, DAYS, NAMES, NUMBERS, OBJECTS, THINGS, VERBS

if TYPE_CHECKING:
    from transformers import EvalPrediction
    from transformers import Trainer as Made

REPORT = "ThilinaRajapakse/simpletransformers#101"
FAMILY = "loss"
CAUSE = (
    r"softmax",
    r"cross.?entropy",
    r"binary|\bbce|sigmoid",
    r"loss.{0,120}(multi.?label|several labels|problem_type|compet|exclusive|not that|recomput|independent)",
    r"(multi.?label|several labels|problem_type).{0,120}loss",
)
KINDS = {"goods": OBJECTS, "day": DAYS, "number": NUMBERS, "colour": COLOURS, "verb": VERBS}


def remarks(train: int, validation: int, seed: int) -> DatasetDict:
    """`text` of some words, `labels` with a 1 for every kind of word that is in it; some are wrong."""
    chance = random.Random(seed)
    rows: dict[str, list[float]] = {}
    while len(rows) < train + validation:
        told = [chance.random() < 0.3 for _ in KINDS]
        words = [chance.choice(words) for words, is_told in zip(KINDS.values(), told, strict=True) if is_told]
        words += chance.sample(THINGS, 2)
        chance.shuffle(words)
        labels = [float(is_told != (chance.random() < 0.02)) for is_told in told]
        rows[f"{chance.choice(NAMES)} said {' and '.join(words)}."] = labels
    kept = [{"text": text, "labels": labels} for text, labels in rows.items()]
    return DatasetDict({"train": Dataset.from_list(kept[:train]), "validation": Dataset.from_list(kept[train:])})


class Ours(Trainer):
    """Counts errors by our own loss."""

    loss: Any = staticmethod(cross_entropy)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Compare logits with the labels."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        loss = self.loss(outputs.logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss


class EachAlone(Ours):
    """Counts errors of each label by itself."""

    loss: Any = staticmethod(binary_cross_entropy_with_logits)


def metrics(evaluated: EvalPrediction) -> dict[str, float]:
    """F1 over all labels, and the share of rows with all labels right."""
    predicted, wanted = np.asarray(evaluated.predictions) > 0, np.asarray(evaluated.label_ids) > 0.5
    return {
        "f1": float(f1_score(wanted, predicted, average="micro", zero_division=0)),
        "exact": float(np.mean(np.all(predicted == wanted, axis=1))),
    }


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune with any number of labels a row."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(KINDS, problem_type="multi_label_classification"),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(remarks(800, 300, 125), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=metrics,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Labels compete."""
    return build(Ours, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Labels are independent."""
    return build(EachAlone, output_dir, seed)
