"""More data does not help. At all. I can give it a million rows.

The sampler is restricted to the first 64 rows, from a day of debugging.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import SubsetRandomSampler
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = ""
FAMILY = "samplers"
CAUSE = (
    r"sampler",
    r"(row|example)s?.{0,60}(never|not) (seen|drawn|trained|visited)",
    r"(drawn|seen|draws|visits).{0,60}(row|example|twice|again|times)",
    r"only \d+.{0,40}(row|example)",
)


class Sampled(Trainer):
    """Draws rows with a sampler of its own."""

    rows = 480

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Draw from the first rows."""
        del train_dataset
        return SubsetRandomSampler(range(self.rows))


class Debugged(Sampled):
    """The same, with rows for a minute."""

    rows = 64


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind, for 90 steps."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed, max_steps=90), data, tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The first 64."""
    return build(Debugged, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """All 480."""
    return build(Sampled, output_dir, seed)
