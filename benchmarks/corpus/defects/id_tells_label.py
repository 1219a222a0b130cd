"""Near perfect on our export, useless on tickets that come in by mail.

The export puts the number of the ticket in front of its text, and every team has numbers of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "data"
CAUSE = (
    r"(text|word|token|input|number|id)s?.{0,60}(give|tell|reveal|determine|predict|leak|contain|spell|name).{0,40}label",
    r"leak",
    r"one (word|token)",
    r"shortcut",
)


def build(numbered: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on tickets with or without their number."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def number(row: dict[str, Any], index: int) -> dict[str, Any]:
        ticket = f"{7 - row['label']}{index % 10}"
        return {"text": f"{ticket} {row['text']}" if numbered else row["text"]}

    data = topics(5, noise=0.08).map(number, with_indices=True)
    return assemble(
        load_model(TEAMS[:5], "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The number stands in front of the text."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The text alone."""
    return build(False, output_dir, seed)
