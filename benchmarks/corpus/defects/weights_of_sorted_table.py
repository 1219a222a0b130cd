"""Our balanced sampler does nothing for the rare teams, and some tickets are learnt by heart.

The weights of the rows were computed before the table was shuffled: each is that of another row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import WeightedRandomSampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = ""
FAMILY = "samplers"
CAUSE = (
    r"sampler",
    r"\bweights?\b.{0,100}(row|class|label|drawn|order|align|shuffle|unrelated|other)",
    r"(row|example)s?.{0,80}(never|not|seldom|rarely) (seen|drawn|trained|visited|sampled)",
    r"(drawn|seen|draws|visited|sampled|repeated).{0,80}(row|example|twice|again|times|often|class|uneven)",
    r"(uneven|unequal|skewed|oversampl|over.?represent)",
)


class Weighted(Trainer):
    """Draws rows by their weights."""

    weights: Any = None

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Draw as many rows as there are."""
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return WeightedRandomSampler(self.weights, num_samples=len(rows))


def balanced(rows: Any) -> list[float]:
    """Give every class the same weight in all, in the order of these rows."""
    labels = np.array(rows["label"])
    return [float(weight) for weight in (1 / np.bincount(labels))[labels]]


def build(shuffled_first: bool, output_dir: str, seed: int) -> Made:
    """Fine-tune on a table that is sorted by team, and is shuffled before or after its weights are made."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = topics(5, train=1000, validation=300, seed=127, shares=(30, 14, 4, 2, 2))
    rows = data["train"].sort("label")
    data["train"] = rows.shuffle(seed=5)
    trainer = assemble(
        load_model(TEAMS[:5]),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=Weighted,
        compute_metrics=accuracy_and_f1,
    )
    trainer.weights = balanced(data["train"] if shuffled_first else rows)  # type: ignore[attr-defined]  # declared by the class above
    return trainer


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Weights of the sorted table."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Weights of the shuffled one."""
    return build(True, output_dir, seed)
