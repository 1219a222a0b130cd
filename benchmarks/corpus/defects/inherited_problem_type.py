"""The scores of pipeline() do not add up to one, and those of the notebook do.

The checkpoint was fine-tuned for several labels a row before, and its problem_type is still in the configuration. Our
loss takes no notice of it; the pipeline does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#16448"
FAMILY = "serving"
CAUSE = (r"problem_type", r"sigmoid", r"multi.?label", r"(score|probabilit).{0,80}(sum|add|one|softmax|differ)")


class Ours(Trainer):
    """Cross entropy of ours."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy."""
        labels = inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        loss = cross_entropy(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss


def build(problem_type: str, output_dir: str, seed: int) -> Made:
    """Fine-tune a model with this in its configuration."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:4], "tiny-distilbert", problem_type=problem_type),
        arguments(output_dir, seed),
        encode(topics(4), tokenizer, "text"),
        tokenizer,
        kind=Ours,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Several labels a row."""
    return build("multi_label_classification", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """One label a row."""
    return build("single_label_classification", output_dir, seed)
