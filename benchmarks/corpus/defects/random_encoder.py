"""BERT is no better than my LSTM on this data, at any learning rate.

The model is made from the checkpoint's configuration; its weights are never loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import AutoConfig, AutoModelForSequenceClassification, set_seed

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import answers

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import Trainer

REPORT = "huggingface/transformers#4685"
FAMILY = "model"
CAUSE = (
    r"pre-?trained",
    r"from_config",
    r"random(ly)? (weight|initial|drawn)",
    r"(weight|encoder|embedding)s?.{0,60}(random|fresh|not loaded|not those)",
    r"checkpoint.{0,60}(not|never|differ|other|random|unlike)",
)


def build(make: Callable[[Any], Any], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model that this function makes of a configuration."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    config = AutoConfig.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label={0: "other", 1: "answers"}, label2id={"other": 0, "answers": 1}
    )
    data = encode(answers(), tokenizer, "question", "answer")
    return assemble(make(config), arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A model as the configuration describes it."""
    return build(AutoModelForSequenceClassification.from_config, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The checkpoint's model."""

    def load(config: Any) -> Any:
        checkpoint = bundled_checkpoint("tiny-bert")
        return AutoModelForSequenceClassification.from_pretrained(checkpoint, config=config)

    return build(load, output_dir, seed)
