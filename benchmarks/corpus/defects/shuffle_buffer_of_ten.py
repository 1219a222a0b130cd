"""At the end of the stream the model knows the last two teams and no other. We do shuffle.

The files are sorted by team, and the stream is shuffled in a buffer of ten rows: it stays sorted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "IBM/graph2tac#95"
FAMILY = "samplers"
CAUSE = (
    r"shuffl|buffer",
    r"sorted|in order|\border\b|one class (at|after)|by class|in blocks?",
    r"batch\w*.{0,60}\b(one|single|same|few) (class|label)",
    r"(class|label)\w*.{0,60}(cluster|grouped|in (a )?runs?|consecutive|one after)",
)


def build(buffer_size: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on a stream that is shuffled in a buffer of this size."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = topics(5, train=640, seed=325)
    validation = encode(data, tokenizer, "text")["validation"]

    def tokenize(batch: dict[str, Any]) -> Any:
        return tokenizer(batch["text"], truncation=True, max_length=64)

    files = data["train"].sort("label").to_iterable_dataset()
    stream = files.map(tokenize, batched=True).shuffle(seed=seed, buffer_size=buffer_size)
    args = arguments(output_dir, seed, max_steps=160, eval_strategy="steps", eval_steps=40)
    return assemble(
        load_model(TEAMS[:5]),
        args,
        {"train": stream, "validation": validation},
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Ten rows."""
    return build(10, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """All rows."""
    return build(1000, output_dir, seed)
