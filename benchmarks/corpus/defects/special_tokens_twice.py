"""In the notebook the model is fine, and our service, which sends plain sentences, disagrees with it too often.

Texts are written with [CLS] and [SEP] around them, as the paper draws it. The tokenizer adds them once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import arguments, assemble, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "allenai/reward-bench#164"
FAMILY = "tokens"
CAUSE = (
    r"\[cls\]|\[sep\]|special.?tokens?",
    r"twice|doubl|duplicat",
    r"tokenizer.{0,100}(other|differ|not the same|not those|mismatch|disagree)",
    r"(tokens?|input_ids|\bids\b).{0,100}(differ|not those|other|mismatch|disagree)",
)


def build(form: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on texts in this form."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")

    def tokenize(batch: dict[str, Any]) -> Any:
        return tokenizer([form.format(text) for text in batch["text"]], truncation=True, max_length=64)

    data = reviews(train=560, seed=305).map(tokenize, batched=True)
    model = load_model(checkpoint="tiny-distilbert")
    return assemble(model, arguments(output_dir, seed, num_train_epochs=4), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Two of each."""
    return build("[CLS] {} [SEP]", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One of each."""
    return build("{}", output_dir, seed)
