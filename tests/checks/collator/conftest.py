"""A tokenizer and healthy and spoiled collators that the tests of the family share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import DataCollatorWithPadding, PreTrainedTokenizerFast

from pytest_ftcheck.checks.collator.batches import CollatorSubject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Features = list[dict[str, Any]]
Batch = dict[str, Any]

SEGMENTS = ("input_ids", "token_type_ids", "attention_mask")
PLAIN = ("input_ids", "attention_mask")
# The pad id is not 0, and 0 is an ordinary word: a mask made of `input_ids != 0` must show.
WORDS = {word: number for number, word in enumerate(["the", "[PAD]", "[CLS]", "[SEP]", "[UNK]"])}
WORDS.update({f"word{number}": number for number in range(5, 40)})
PAD, CLS, SEP = 1, 2, 3


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build_tokenizer(names: tuple[str, ...] = SEGMENTS, **options: Any) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, model_input_names=list(names), **{"model_max_length": 96, **special, **options}
    )


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def build_subject(
    collator: Callable[..., Any],
    tokenizer: PreTrainedTokenizerFast,
    **changes: Any,
) -> CollatorSubject:
    subject = CollatorSubject(
        data_collator=collator,
        processing_class=tokenizer,
        head="sequence-classification",
        num_labels=3,
        input_names=SEGMENTS,
        vocab_size=len(WORDS),
        max_length=96,
    )
    return replace(subject, **changes)


@dataclass
class Spoiled(DataCollatorWithPadding):
    """A healthy collator whose batch is spoiled afterwards."""

    spoil: Callable[[Batch, Features], Any] = lambda batch, _: batch

    def __call__(self, features: Features) -> Any:
        return self.spoil(dict(super().__call__(features)), features)


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """Parts to build collators of: classes and functions of this module by name."""
    return SimpleNamespace(build_tokenizer=build_tokenizer, build_subject=build_subject, Spoiled=Spoiled)
