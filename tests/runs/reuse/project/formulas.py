"""Functions that have no source: they come from strings."""

from pathlib import Path

import torch

FORMULA = (Path(__file__).parent / "config" / "formula.txt").read_text()

# From a file.
penalty = eval("lambda logits: " + FORMULA, {"torch": torch})

# From a string in this file.
_space = {}
exec("def second_penalty(logits):\n    return 0.01 * logits.square().mean()\n", _space)
second_penalty = _space["second_penalty"]

third_penalty = eval("lambda logits: 0.005 * logits.pow(4).mean()")
