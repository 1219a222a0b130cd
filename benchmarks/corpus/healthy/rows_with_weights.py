"""Unusual: every row has a weight, how sure the annotator was; it goes with the batch and multiplies the row's loss."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Weighted(Trainer):
    """Cross entropy, weighted by row."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Average over the weights."""
        outputs = model(**{name: value for name, value in inputs.items() if name not in {"labels", "weight"}})
        losses = cross_entropy(outputs.logits, inputs["labels"], reduction="none")
        loss = (losses * inputs["weight"]).sum() / inputs["weight"].sum()
        return (loss, outputs) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    chance = random.Random(208)
    tokenizer = load_tokenizer("tiny-distilbert")

    def annotated(row: dict[str, Any]) -> dict[str, Any]:
        sure = chance.random() < 0.8
        return {"weight": 1.0 if sure else 0.25, "label": row["label"] if sure else guess(row["label"])}

    def guess(label: int) -> int:
        return label if chance.random() < 0.6 else chance.randrange(6)

    data = topics(6, train=800, validation=300, seed=208, noise=0.0)
    data["train"] = data["train"].map(annotated)
    data["validation"] = data["validation"].map(lambda _: {"weight": 1.0})
    data = encode(data, tokenizer, "text").select_columns(["input_ids", "attention_mask", "label", "weight"])
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=4, remove_unused_columns=False),
        data,
        tokenizer,
        kind=Weighted,
        compute_metrics=accuracy_and_f1,
    )
