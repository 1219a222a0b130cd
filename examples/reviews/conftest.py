"""Our own part of the fine-tune: a collator that pads to multiples of eight.

It stands beside ``pyproject.toml``: from here it reaches the built-in suite as well as our own tests.
"""

from __future__ import annotations

import pytest
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase


@pytest.fixture
def ft_collator(ft_tokenizer: PreTrainedTokenizerBase) -> DataCollatorWithPadding:
    """Pad as our training script does."""
    return DataCollatorWithPadding(ft_tokenizer, pad_to_multiple_of=8)
