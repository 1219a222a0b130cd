"""I changed the tokenizer and nothing got better; honestly, nothing works any more.

The tokenized rows are kept in a cache that is found by the name of the data, so those of the old tokenizer are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, load_model, load_tokenizer, word_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer

REPORT = "OptimalScale/LMFlow#394"
FAMILY = "tokens"
CAUSE = (
    r"(other|another|different|wrong|old|stale).{0,30}(tokenizer|vocabulary|cache)",
    r"(token|input_ids|id)s?.{0,80}(not those|differ|do not|don't|other|stale|not what|not decode|mismatch)",
    r"stale",
)


def build(key: Callable[[Any], str], output_dir: str, seed: int) -> Trainer:
    """Fine-tune on rows from a cache that an earlier run with another tokenizer filled; `key` finds an entry."""
    set_seed(seed)
    data = reviews()
    before = word_tokenizer(data["train"]["text"])
    tokenizer = load_tokenizer()

    def tokenized(with_: Any) -> Any:
        def tokenize(batch: dict[str, Any]) -> Any:
            return with_(batch["text"], truncation=True, max_length=64)

        return data.map(tokenize, batched=True)

    cache = {key(before): tokenized(before)}
    rows = cache.get(key(tokenizer)) or tokenized(tokenizer)
    return assemble(load_model(), arguments(output_dir, seed), rows, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """An entry is found by the name of the data."""
    return build(lambda _: "reviews", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """An entry is found by the name of the data and the words of the tokenizer."""
    return build(lambda tokenizer: f"reviews-{sorted(tokenizer.get_vocab())}", output_dir, seed)
