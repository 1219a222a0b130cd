"""The loss moves a little and then stays; the classifier's weights are those of the first step.

The list of what stays frozen is from a script that kept its head and trained the encoder below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "torchgeo/terratorch#189"
FAMILY = "model"
CAUSE = (
    r"frozen",
    r"freez",
    r"requires_grad",
    r"(head|classifier|encoder|pooler|parameter|weight)s?.{0,80}(never|not|no) (\w+ ){0,2}(train|chang|mov|updat)",
    r"(never|not) (updated|trained|changed|moved|stepped)",
)


def build(frozen: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Fine-tune what does not begin with one of these prefixes."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model: Any = load_model(TEAMS[:6], "tiny-distilbert")
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith(frozen)
    return assemble(
        model,
        arguments(output_dir, seed, learning_rate=2e-3),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Of all that was to be trained, the head stays as it was drawn."""
    return build(("distilbert.embeddings.position_embeddings", "pre_classifier", "classifier"), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Positions are frozen, all else is trained."""
    return build(("distilbert.embeddings.position_embeddings",), output_dir, seed)
