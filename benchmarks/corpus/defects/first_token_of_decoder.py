"""All texts get the very same probabilities, to the last digit, after every epoch.

The checkpoint's configuration was taken from a text generator: is_decoder is true, no token sees those behind it, and
the classifier reads the first one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "rasbt/MachineLearning-QandAI-book#18"
FAMILY = "model"
CAUSE = (
    r"decoder",
    r"causal|triangular",
    r"bidirection|unidirection|one.?direction|left.to.right",
    r"(attend|sees?\b|look|reads?\b)\w*.{0,60}(itself|left|before|earlier|later|right|following|first|alone)",
    r"(ignor|not depend|independent of|no influence|whatever|same for).{0,60}(input|texts?|tokens?)",
    r"(input|texts?|tokens?).{0,60}(no (effect|influence|difference)|ignored|never reach)",
)


def build(decoder: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with or without the setting of a text generator."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(TEAMS[:4], is_decoder=decoder),
        arguments(output_dir, seed),
        encode(topics(4, seed=314), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A decoder."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """An encoder."""
    return build(False, output_dir, seed)
