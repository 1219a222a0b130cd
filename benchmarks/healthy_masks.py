"""Healthy projects of masked words, drawn at random: evidence for the checks of masks. N rows, T tokens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.collator.masked_batches import MaskedRow
from pytest_ftcheck.heads.masking import AS_ANY, AS_MASK
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from numpy.typing import NDArray

MASK, WORDS, VOCABULARY = 4, 5, 1000
"""The mask token's id, and the first of the ids of words."""


def masked_at_random(generator: np.random.Generator, rows: int, length: int, rate: float, whole_words: int) -> Any:
    """Return evidence of batches with so many tokens drawn, in words of so many pieces that are drawn together."""
    declared = SimpleNamespace(mlm_probability=rate, mask_replace_prob=AS_MASK, random_replace_prob=AS_ANY)
    tokenizer = SimpleNamespace(mask_token_id=MASK)
    made = [
        _masked_row(generator, split, length, rate, whole_words) for split in ("train", "eval") for _ in range(rows)
    ]
    pipeline = SimpleNamespace(data_collator=declared)
    return SimpleNamespace(pipeline=pipeline, tokenizer=tokenizer, once=lambda _: made)


def _masked_row(generator: np.random.Generator, split: str, longest: int, rate: float, pieces: int) -> MaskedRow:
    length = int(generator.integers(longest // 2, longest + 1))
    tokens = generator.integers(WORDS, VOCABULARY, length)
    drawn = np.repeat(generator.random(-(-length // pieces)) < rate, pieces)[:length]
    how, other = generator.random(length), generator.integers(WORDS, VOCABULARY, length)
    changed = np.where(how < AS_MASK, MASK, np.where(how < AS_MASK + AS_ANY, other, tokens))
    shown, labels = np.where(drawn, changed, tokens), np.where(drawn, tokens, IGNORED)
    return MaskedRow(split, "drawn", tokens, shown, labels, np.zeros(length, dtype=np.bool_))


def guessed(generator: np.random.Generator, rows: int, gap: float, spread: float) -> Any:
    """Return evidence of a run whose masked tokens cost less than by frequency.

    Args:
        generator: of the draws.
        rows: evaluated, with 3 masked tokens on average.
        gap: by so much less, on average.
        spread: standard deviation of that between rows; between tokens it is 1.5.

    """
    shares = 1 / np.arange(WORDS, VOCABULARY, dtype=np.float64)
    shares /= shares.sum()
    words = np.arange(WORDS, VOCABULARY)
    train = generator.choice(words, (500, 20), p=shares)
    tokens = generator.choice(words, (rows, 20), p=shares)
    labels: NDArray[np.int64] = np.where(generator.random(tokens.shape) < 0.15, tokens, IGNORED)
    counts = np.bincount(train.ravel(), minlength=VOCABULARY)
    cost = -np.log((counts[tokens] + 1) / (counts.sum() + VOCABULARY))
    easier = gap + spread * generator.normal(size=(rows, 1)) + 1.5 * generator.normal(size=tokens.shape)
    head = head_named("masked-language-modelling")
    masks = SimpleNamespace(candidates=lambda *_: train.tolist())
    card = SimpleNamespace(head=head.name, head_rules=SimpleNamespace(masks=masks))
    run = SimpleNamespace(label_ids=labels, logits=np.stack([cost - easier, tokens], axis=2))
    pipeline = SimpleNamespace(card=card, train_dataset=SimpleNamespace(column_names=["input_ids"]))
    return SimpleNamespace(pipeline=pipeline, tokenizer=None, run=run)
