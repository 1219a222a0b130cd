"""BERT does not see the word before a comma. I found out by accident.

Ids are looked up for what stands between blanks, without the tokenizer's own splitting: "dull," is in no vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/tokenizers#339"
FAMILY = "tokens"
CAUSE = (
    r"\bunk\b|\[unk\]|unknown|out.of.vocabulary",
    r"punctuation|comma",
    r"tokenizer.{0,100}(other|differ|not the same|not those|mismatch|disagree)",
    r"(tokens?|input_ids|\bids\b).{0,100}(differ|not those|other|mismatch|disagree)",
)


def build(split: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on ids of what stands between blanks, or of tokens."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def look_up(row: dict[str, Any]) -> dict[str, Any]:
        pieces = row["text"].split() if split else tokenizer.tokenize(row["text"])
        ids = [
            tokenizer.cls_token_id,
            *tokenizer.convert_tokens_to_ids(pieces)[:62],
            tokenizer.sep_token_id,
        ]
        return {"input_ids": ids, "token_type_ids": [0] * len(ids), "attention_mask": [1] * len(ids)}

    return assemble(
        load_model(("none", "one", "two", "three")),
        arguments(output_dir, seed, num_train_epochs=5),
        stars(train=640, seed=306).map(look_up),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Ids of words with their commas."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Ids of tokens."""
    return build(False, output_dir, seed)
