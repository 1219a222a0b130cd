"""Evaluation says 0.93. The file with the predictions, put beside the texts, is at chance.

The loader that predict() and evaluate() use draws rows in random order, "so that a progress bar shows a fair mean".
Predictions are written as they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import RandomSampler, SequentialSampler
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "skorch-dev/skorch#499"
FAMILY = "samplers"
CAUSE = (
    r"\border(ed)?\b|shuffl|permut|random(ly)? sampl",
    r"label_ids.{0,80}(differ|not those|other|not the)",
    r"(predictions?|answers?|labels?).{0,80}(belong|align|match|line up|position|other rows)",
    r"sampler",
    r"(eval|predict)\w*.{0,80}(loader|batch)\w*.{0,80}(other rows|differ|not those|not the)",
)


class InOrder(Trainer):
    """Predicts rows in their order."""

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        """Make the sampler."""
        return SequentialSampler(eval_dataset)


class AnyOrder(InOrder):
    """Predicts rows in any order."""

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        """Make the sampler."""
        return RandomSampler(eval_dataset, generator=torch.Generator().manual_seed(self.args.seed))


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    return assemble(
        load_model(TEAMS[:6]),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(topics(6, seed=327), tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Any order."""
    return build(AnyOrder, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Their order."""
    return build(InOrder, output_dir, seed)
