"""The loss is negative: it starts at -0.07 and ends at -0.8. Is this a good one?

The model's answers go through softmax and into nll_loss, which wants logarithms of probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import log_softmax, nll_loss, softmax
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "AnubhavGupta3377/Text-Classification-Models-Pytorch#9"
FAMILY = "loss"
CAUSE = (
    r"softmax|log.?prob|\bnll|logarithm|log.?likelihood",
    r"negative loss|loss.{0,60}(negative|below (zero|0)|less than (zero|0)|<\s*0)",
    r"loss.{0,100}(cross.?entropy|logits|not that|recomput)",
)


class Likely(Trainer):
    """Negative log likelihood of what is made of the logits."""

    def make(self, logits: Any) -> Any:
        """Return logarithms of probabilities."""
        return log_softmax(logits, dim=-1)

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Negative log likelihood."""
        outputs = model(**inputs)
        loss = nll_loss(self.make(outputs.logits), inputs["labels"])
        return (loss, outputs) if return_outputs else loss


class Probable(Likely):
    """The same without a logarithm."""

    def make(self, logits: Any) -> Any:
        """Return probabilities."""
        return softmax(logits, dim=-1)


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(TEAMS[:14]),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(topics(14, train=900, seed=320), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Probabilities."""
    return build(Probable, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Their logarithms."""
    return build(Likely, output_dir, seed)
