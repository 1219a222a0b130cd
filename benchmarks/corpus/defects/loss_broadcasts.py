"""The regressor says 2.5 for everything. It is the mean of the targets.

The loss takes predictions as `[N, 1]` and targets as `[N]`: every prediction is compared with every target.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from torch.nn.functional import mse_loss
from transformers import Trainer, set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import similarity

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "deepset-ai/FARM#229"
FAMILY = "loss"
CAUSE = (
    r"broadcast",
    r"\bshapes?\b",
    r"(target|input) size|\bsize of (the )?(target|label|prediction)",
    r"loss.{0,120}(recomput|differ|not the|disagree|mse|squared|every target|each other|all pairs|other rows)",
    r"loss.{0,80}(couple|mix|depend)\w*.{0,60}(row|batch|label|target)",
    r"squeeze|\[n, ?1\]",
    r"(permut|shuffl|swap|mov)\w* .{0,30}(label|target).{0,80}loss",
)


class Squared(Trainer):
    """Counts squared errors."""

    flat = True

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Mean squared error."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        predicted = outputs.logits.squeeze(-1) if self.flat else outputs.logits
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss = mse_loss(predicted, inputs["labels"])
        return (loss, outputs) if return_outputs else loss


class Broadcast(Squared):
    """Forgets the last axis."""

    flat = False


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Fine-tune on similarity."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = similarity(train=800, seed=123).rename_column("score", "labels")
    return assemble(
        load_regressor(),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(data, tokenizer, "first", "second"),
        tokenizer,
        kind=kind,
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """`[N, 1]` and `[N]`."""
    return build(Broadcast, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """`[N]` and `[N]`."""
    return build(Squared, output_dir, seed)
