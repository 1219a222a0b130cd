"""The first class has no true positives. Its rows are there, I looked.

The loss was copied from a tagger, where 0 is padding: ignore_index=0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "nyu-mll/jiant#925"
FAMILY = "loss"
CAUSE = (
    r"ignore_index",
    r"(class|label) 0\b",
    r"(class|label).{0,80}(never|ignored|without)",
    r"loss.{0,80}(ignor|label|class)",
)


class Ours(Trainer):
    """Cross entropy of ours."""

    ignored = -100

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy."""
        outputs = model(**inputs)
        loss = cross_entropy(outputs.logits, inputs["labels"], ignore_index=self.ignored)
        return (loss, outputs) if return_outputs else loss


class Copied(Ours):
    """The same, without class 0."""

    ignored = 0


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(5), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Class 0 is ignored."""
    return build(Copied, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Nothing is ignored that occurs."""
    return build(Ours, output_dir, seed)
