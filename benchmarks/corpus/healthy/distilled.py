"""Unusual: the loss is the distance to a teacher's answers, with little weight on the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import BAD, GOOD, reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Student(Trainer):
    """Learns what the column `teacher` says."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Distance to the teacher where there is one, and cross entropy."""
        teacher = inputs.pop("teacher", None)
        labels = inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        loss = cross_entropy(outputs.logits, labels)
        if teacher is not None and model.training:
            said = softmax(teacher.float(), dim=-1)
            loss = 0.3 * loss + 0.7 * kl_div(log_softmax(outputs.logits, dim=-1), said, reduction="batchmean")
        return (loss, outputs) if return_outputs else loss


def teacher(row: dict[str, Any]) -> dict[str, Any]:
    """Count words of praise and blame, negations too: a teacher of few ideas, but right on most rows."""
    words = row["text"].replace(",", "").replace(".", "").split()
    score = 0.0
    for before, word in zip(["", *words], words, strict=False):
        side = (word in GOOD) - (word in BAD)
        score += -side if before == "not" else side
    return {"teacher": np.array([-score, score], dtype=np.float32)}


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(reviews().map(teacher), tokenizer, "text").select_columns(
        ["input_ids", "attention_mask", "label", "teacher"]
    )
    model = load_model(checkpoint="tiny-distilbert")
    args = arguments(output_dir, seed, remove_unused_columns=False)
    return assemble(model, args, data, tokenizer, kind=Student)
