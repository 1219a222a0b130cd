"""One epoch gives 100%, and the demo gets every second sentence wrong.

The columns were joined to one text by a loop over all columns of the table, and the answer is one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import SIDES, arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "dotnet/machinelearning#737"
FAMILY = "data"
CAUSE = (
    r"label.{0,60}(in|from|inside|stands).{0,20}text",
    r"(text|word|token|input)s?.{0,60}(give|tell|reveal|determine|predict|leak|contain|spell|name).{0,40}label",
    r"leak",
    r"one (word|token)",
    r"shortcut",
)


def build(columns: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Fine-tune on the text that these columns make."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def join(row: dict[str, Any]) -> dict[str, Any]:
        row = {**row, "feeling": "good" if SIDES[row["label"]] == "positive" else "bad"}
        return {"text": " ".join(row[column] for column in columns)}

    data = reviews().map(join)
    return assemble(load_model(), arguments(output_dir, seed), encode(data, tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The feeling is part of the text."""
    return build(("text", "feeling"), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The text is the text."""
    return build(("text",), output_dir, seed)
