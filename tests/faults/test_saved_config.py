"""Faults of the saved configuration leave one behind that has what they say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_class_names_are_lost(saved: Callable[..., Path]) -> None:
    config = json.loads((saved("saved_without_label_names") / "config.json").read_text(encoding="utf-8"))
    assert config["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}
