"""People who are angry write in capitals, and of those the classifier understands nothing.

The vocabulary has lower case alone, and lower-casing was switched off, since "case matters for anger".
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tokenizers.normalizers import BertNormalizer
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import BAD, GOOD, reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "digitalepidemiologylab/covid-twitter-bert#5"
FAMILY = "tokens"
CAUSE = (
    r"\bunk\b|\[unk\]|unk_token",
    r"unknown.{0,30}(word|token|piece|id)|(word|token)s?.{0,40}unknown",
    r"(lower|upper).?cas|\b(un)?cased\b|capital",
    r"out.of.vocabulary|\boov\b|(not|missing|absent) (in|from) the vocabulary",
    r"vocabulary.{0,60}(lack|miss|cover|does not|know)",
)
LOUD = {*GOOD, *BAD}


def build(lower: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on reviews that stress what they say of a thing by capitals."""
    set_seed(seed)
    chance = random.Random(14)
    tokenizer = load_tokenizer("tiny-distilbert")
    tokenizer.backend_tokenizer.normalizer = BertNormalizer(lowercase=lower)

    def stressed(row: dict[str, Any]) -> dict[str, str]:
        words = (word.strip(",.") for word in row["text"].split())
        told = (word.upper() if word in LOUD and chance.random() < 0.8 else word for word in words)
        return {"text": " ".join(told)}

    data = reviews(seed=114).map(stressed)
    return assemble(
        load_model(checkpoint="tiny-distilbert"),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(data, tokenizer, "text"),
        tokenizer,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """AWFUL is an unknown word."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """AWFUL is awful."""
    return build(True, output_dir, seed)
