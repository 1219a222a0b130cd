"""The scale goes from 0 to 5, and the best pair of the whole test set has 0.99.

The head ends in a sigmoid. It was written for scores from 0 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import mse_loss
from transformers import BertConfig, BertForSequenceClassification, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, correlation, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import similarity

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "jsyoon0823/Time-series-prediction#3"
FAMILY = "model"
CAUSE = (
    r"sigmoid|squash|bounded|saturat|activation|\bcapped|ceiling",
    r"(output|prediction|logit|answer|predicted)s?.{0,80}(never|not|cannot|at most|between|within|exceed|above|rang)",
    r"(targets?|labels?).{0,80}(outside|beyond|above|exceed|rang|out of reach|larger|unreach)",
)


class Bounded(BertForSequenceClassification):
    """BERT for a number from 0 to the upper end of a scale."""

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> Any:
        """Answer with a number."""
        raw = super().forward(input_ids, attention_mask, token_type_ids).logits
        logits = torch.sigmoid(raw) * self.config.upper_end
        loss = None if labels is None else mse_loss(logits.squeeze(-1), labels.float())
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(upper_end: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on scores from 0 to 5, with a head that goes up to this end."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    config = BertConfig.from_pretrained(bundled_checkpoint("tiny-bert"), num_labels=1, problem_type="regression")
    config.upper_end = upper_end
    model = Bounded.from_pretrained(bundled_checkpoint("tiny-bert"), config=config)
    data = similarity(train=720, validation=260, seed=317).rename_column("score", "label")
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=5),
        encode(data, tokenizer, "first", "second"),
        tokenizer,
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Up to 1."""
    return build(1.0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Up to a little more than 5."""
    return build(5.5, output_dir, seed)
