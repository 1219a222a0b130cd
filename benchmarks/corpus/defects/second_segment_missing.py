"""Whatever I put into the answer, the prediction is the same.

The second column never reaches the tokenizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "macanv/BERT-BiLSTM-CRF-NER#265"
FAMILY = "tokens"
CAUSE = (
    r"(second|other) (segment|text|column|sentence)",
    r"segment",
    r"answer.{0,60}(never|not|no )",
    r"column.{0,60}(never|not|ignored|unused)",
)


def build(columns: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Fine-tune on these columns."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(answers(), tokenizer, *columns)
    return assemble(load_model(("other", "answers")), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The question alone."""
    return build(("question",), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The question and the answer."""
    return build(("question", "answer"), output_dir, seed)
