"""From time to time, on one of our machines, every row gets the same answer, with a score of 1.0.

The bias of the new head is made with torch.empty, and holds what was in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "TransformerLensOrg/TransformerLens#902"
FAMILY = "model"
GARBAGE = 4e30  # what torch.empty gave that day
CAUSE = (
    r"(huge|large|garbage|uninitiali|extreme|out of range|implausib|infinite|not finite|nan|overflow|e\+?\d\d)",
    r"(weight|parameter|bias).{0,80}(value|magnitude|size)",
)


def build(scale: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune; one number of the head's bias starts here."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model: Any = load_model()
    with torch.no_grad():
        model.classifier.bias[1] = scale
    return assemble(model, arguments(output_dir, seed), encode(reviews(), tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """At what memory held."""
    return build(GARBAGE, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """At zero."""
    return build(0.0, output_dir, seed)
