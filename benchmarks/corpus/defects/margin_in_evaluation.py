"""Since we train with a margin, validation accuracy is far lower. In production the model is better than before.

The margin is taken off the score of the right class, in evaluation as well: what is compared with the labels has been
computed with the labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy, one_hot
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "ronghuaiyang/arcface-pytorch#51"
FAMILY = "evaluation"
CAUSE = (
    r"margin",
    r"(predictions?|logits|scores?|outputs?).{0,120}(label|target).{0,60}(depend|given|with|without|chang|leak|known|use)",
    r"(label|target)s?.{0,60}(chang|influence|alter|affect|leak|enter|reach|depend).{0,60}(predict|logit|score|output)",
    r"(predictions?|logits).{0,80}(not the model|differ|other than|not what|than the model)",
    r"compute_loss",
)


class Wide(Trainer):
    """Trains with a margin that the right class has to win by."""

    margin = 3.0
    reports_it = False

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Take the margin off the score of the right class."""
        labels = inputs["labels"]
        outputs = model(**{name: value for name, value in inputs.items() if name != "labels"})
        harder = outputs.logits - self.margin * one_hot(labels, outputs.logits.shape[-1])
        if self.reports_it:
            outputs.logits = harder
        loss = cross_entropy(harder, labels)
        return (loss, outputs) if return_outputs else loss


class Handicapped(Wide):
    """The same; the scores with the margin are the outputs."""

    reports_it = True


def build(kind: type[Wide], output_dir: str, seed: int) -> Made:
    """Fine-tune with a margin."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(output_dir, seed, num_train_epochs=4)
    data = encode(topics(6, seed=414), tokenizer, "text")
    return assemble(load_model(TEAMS[:6]), args, data, tokenizer, kind=kind, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Evaluated with the margin."""
    return build(Handicapped, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Evaluated without."""
    return build(Wide, output_dir, seed)
