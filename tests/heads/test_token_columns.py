"""Which columns of tokenized rows have a value for each token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pytest_ftcheck.heads.token_columns import columns_per_token
from pytest_ftcheck.heads.traits import LABEL_PER_TOKEN, LABEL_SETS


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_values_as_many_as_tokens_in_every_row(kind: Any) -> None:
    rows = [
        {"input_ids": kind([1, 2, 3]), "mask": kind([1, 1, 1]), "word": "cat", "two": kind([1, 2, 3]), "label": 1},
        {"input_ids": kind([1, 2]), "mask": kind([1, 1]), "word": "it", "two": kind([1, 2, 3]), "label": 2},
    ]
    assert columns_per_token(rows, ()) == {"input_ids", "mask"}
    assert columns_per_token(rows[:1], ()) == {"input_ids", "mask", "two"}
    assert columns_per_token([], ()) == frozenset()


def test_label_vectors_never_count() -> None:
    rows = [{"input_ids": [1, 2], "labels": [0.0, 1.0]}]
    assert columns_per_token(rows, {LABEL_SETS}) == {"input_ids"}
    assert columns_per_token(rows, {LABEL_PER_TOKEN}) == {"input_ids", "labels"}
