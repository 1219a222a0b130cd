"""The API rates everything between 0.5 and 1, on a scale from 0 to 5.

With one label and no problem_type, pipeline() takes the answer for a logit and gives its sigmoid. The model sets
problem_type when it takes the loss itself; our loss is in the Trainer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import smooth_l1_loss
from transformers import Trainer, set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#33973"
FAMILY = "serving"
CAUSE = (
    r"sigmoid",
    r"problem_type",
    r"(pipeline|\bserv\w*|function_to_apply).{0,140}(differ|other|not the|squash|between 0 and 1|unequal|mismatch)",
    r"(differ|other|not those|mismatch).{0,80}(pipeline|served)",
)


class Robust(Trainer):
    """Large errors count linearly."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Smooth L1."""
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        loss = smooth_l1_loss(outputs.logits.squeeze(-1), inputs["labels"])
        return (loss, outputs) if return_outputs else loss


def build(problem_type: str | None, output_dir: str, seed: int) -> Made:
    """Fine-tune a model of this problem type."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(ratings(top=5.0, seed=55).rename_column("score", "labels"), tokenizer, "text")
    model = load_regressor("tiny-distilbert", problem_type=problem_type)
    args = arguments(output_dir, seed, num_train_epochs=5)
    return assemble(model, args, data, tokenizer, kind=Robust, compute_metrics=correlation)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Of none."""
    return build(None, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Regression."""
    return build("regression", output_dir, seed)
