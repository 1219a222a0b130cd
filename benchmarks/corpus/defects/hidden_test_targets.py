"""The loss on the test rows grows while that on the train rows falls, and the correlation is no number.

The benchmark keeps the scores of its test split to itself: every row says -1. The script evaluates on that split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import DatasetDict
from transformers import set_seed

from parts import arguments, assemble, correlation, encode, load_regressor, load_tokenizer
from worlds import similarity

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/datasets#6506"
FAMILY = "data"
CAUSE = (
    r"(labels?|targets?|scores?).{0,80}(constant|same|identical|one value|single value|vary|varies|variance|spread)",
    r"(one|single|same|only) (distinct |unique |different )?(value|target|label|score)",
    r"(label|target|score)s?.{0,60}-1(\.0)?\b",
    r"hidden|placeholder|unlabel|withheld|secret",
    r"(eval|validation|test)\w*.{0,80}(no|without|missing) (labels|targets|scores)",
    r"(train|eval|validation|test)\w*.{0,80}(labels?|targets?).{0,80}(distribution|range|mean|differ)",
)


def benchmark() -> Any:
    """Load the three splits; the scores of the last one are not published."""
    data = similarity(train=880, validation=480, seed=301)
    rows = data["validation"]
    test = rows.select(range(240, 480)).map(lambda row: {**row, "score": -1.0})
    named = DatasetDict({"train": data["train"], "validation": rows.select(range(240)), "test": test})
    return named.rename_column("score", "label")


def build(split: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, and evaluate on this split."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(benchmark(), tokenizer, "first", "second")
    return assemble(
        load_regressor(),
        arguments(output_dir, seed, num_train_epochs=5),
        data,
        tokenizer,
        eval_dataset=data[split],
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Rows without scores."""
    return build("test", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Rows with scores."""
    return build("validation", output_dir, seed)
