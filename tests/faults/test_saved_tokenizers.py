"""Faults of the saved tokenizer leave one behind that has what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import AutoTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_tokenizer_is_missing(saved: Callable[..., Path]) -> None:
    assert not list(saved("tokenizer_not_saved").glob("tokenizer*"))


def test_the_tokenizer_cuts_texts(saved: Callable[..., Path]) -> None:
    assert AutoTokenizer.from_pretrained(saved("tokenizer_saved_with_other_settings")).model_max_length == 8
