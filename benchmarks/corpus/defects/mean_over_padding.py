"""A short text gets another score when a long one is in the same batch. The mask is passed on, I checked.

The mask reaches the encoder. The mean over its states is taken over all positions, padding as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import mse_loss
from transformers import BertConfig, BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, correlation, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import review, splits

if TYPE_CHECKING:
    import random

    from transformers import Trainer

REPORT = "huggingface/transformers#17463"
FAMILY = "model"
CAUSE = (
    r"padd|\bpads?\b",
    r"mask",
    r"batch.{0,80}(alone|single|depend|by itself|one by one|neighbou?r|compan|composition)",
    r"(alone|single|one by one|by itself).{0,80}batch",
)


class Pooled(BertPreTrainedModel):
    """BERT, the mean of its states, and a number."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Rate."""
        states = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        counted = attention_mask if self.config.masked_mean else torch.ones_like(attention_mask)
        logits = self.classifier((states * counted.unsqueeze(-1)).sum(1) / counted.sum(1, keepdim=True))
        loss = None if labels is None else mse_loss(logits.squeeze(1), labels.float())
        return SequenceClassifierOutput(loss=loss, logits=logits)


def rate(chance: random.Random) -> dict[str, Any]:
    """Write a text of two to eight opinions; its score is the share of praise."""
    opinions = chance.choice((2, 2, 3, 4, 8))
    praises = chance.randint(0, opinions)
    return {"text": review(praises, opinions, chance), "label": round(praises / opinions, 3)}


def build(masked: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, with a mean over tokens or over all positions."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    config = BertConfig.from_pretrained(bundled_checkpoint("tiny-bert"), num_labels=1, problem_type="regression")
    config.masked_mean = masked
    return assemble(
        Pooled.from_pretrained(bundled_checkpoint("tiny-bert"), config=config),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(splits(rate, 720, 260, 316), tokenizer, "text", max_length=100),
        tokenizer,
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The mean of all positions."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The mean of the tokens."""
    return build(True, output_dir, seed)
