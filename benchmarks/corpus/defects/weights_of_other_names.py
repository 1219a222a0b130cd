"""We continued pretraining for two weeks, and the fine-tune got worse.

The weights were saved from a wrapped model, so that all names begin with "module.";
strict=False skips every one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, set_seed

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "torchgeo/torchgeo#4036"
FAMILY = "model"
CAUSE = (
    r"pre-?trained",
    r"from_config",
    r"random(ly)? (weight|initial|drawn)",
    r"(weight|encoder|embedding)s?.{0,60}(random|fresh|not loaded|not those)",
    r"checkpoint.{0,60}(not|never|differ|other|random|unlike)",
)


def build(prefix: str, output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model into which weights are loaded whose names begin so."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    pretrained = AutoModel.from_pretrained(bundled_checkpoint("tiny-bert")).state_dict()
    saved = {f"{prefix}{name}": weight for name, weight in pretrained.items()}
    config = AutoConfig.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label={0: "other", 1: "answers"}, label2id={"other": 0, "answers": 1}
    )
    model: Any = AutoModelForSequenceClassification.from_config(config)
    model.bert.load_state_dict(saved, strict=False)
    data = encode(answers(), tokenizer, "question", "answer")
    return assemble(model, arguments(output_dir, seed), data, tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The names of a wrapped model."""
    return build("module.", output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The encoder's names."""
    return build("", output_dir, seed)
