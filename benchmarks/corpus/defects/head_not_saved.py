"""88% after training, 17% when I load the model again to show it to a colleague.

Our _save writes the weights of the encoder, which other teams use as well. The head is drawn anew when it is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "huggingface/transformers#3430"
FAMILY = "saving"
CAUSE = (
    r"(saved|reload|loaded|folder|serv|written).{0,100}(differ|other|not the|unequal|disagree|worse|do not|miss)",
    r"(differ|other|not those).{0,60}(saved|reload|loaded|folder)",
    r"missing.{0,40}(weight|key|parameter|classifier|head)",
    r"(classifier|head).{0,60}(not saved|missing|new|random|initial)",
)


class Shared(Trainer):
    """Saves weights whose names begin so."""

    prefix = ""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Choose weights, and save them."""
        model: Any = self.model
        weights = model.state_dict() if state_dict is None else state_dict
        super()._save(output_dir, {name: weight for name, weight in weights.items() if name.startswith(self.prefix)})


class Encoder(Shared):
    """The same, for the encoder alone."""

    prefix = "distilbert."


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    return assemble(
        load_model(TEAMS[:6], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The encoder."""
    return build(Encoder, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Encoder and head."""
    return build(Shared, output_dir, seed)
