"""With the second model the loss stays far above the first one's, until I delete the folder of prepared data.

Only ids are prepared, without the texts, and the folder is found by the name of the data: ids of the first model's
tokenizer go into the second model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, load_model, load_tokenizer, word_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer

REPORT = "axolotl-ai-cloud/axolotl#1265"
FAMILY = "tokens"
CAUSE = (
    r"(other|another|different|wrong|old|stale).{0,30}(tokenizer|vocabulary|cache)",
    r"(token|input_ids|id)s?.{0,80}(not those|differ|do not|don't|other|stale|not what|not decode|mismatch)",
    r"stale",
)


def build(key: Callable[[str], str], output_dir: str, seed: int) -> Trainer:
    """Fine-tune on prepared rows, which a run of another model had prepared before; `key` finds them."""
    set_seed(seed)
    data = reviews(train=560, seed=91)
    tokenizer = load_tokenizer("tiny-distilbert")

    def prepare(with_: Any) -> Any:
        def tokenize(batch: dict[str, Any]) -> Any:
            return {**with_(batch["text"], truncation=True, max_length=64), "labels": batch["label"]}

        rows = data.map(tokenize, batched=True, remove_columns=["text", "label"])
        return rows.select_columns(["input_ids", "attention_mask", "labels"])

    first = word_tokenizer([*data["train"]["text"], *data["validation"]["text"]])
    prepared = {key("our-words"): prepare(first)}
    rows = prepared.get(key("tiny-distilbert")) or prepare(tokenizer)
    return assemble(load_model(checkpoint="tiny-distilbert"), arguments(output_dir, seed), rows, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """They are found by the name of the data."""
    return build(lambda _: "reviews", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """They are found by the name of the data and of the model."""
    return build(lambda model: f"reviews-{model}", output_dir, seed)
