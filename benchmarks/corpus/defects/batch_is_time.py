"""The same text has another answer in every batch, and in another order of the same batch, too.

The LSTM wants time first and batch second unless it is told otherwise, and it is not told: it reads down the batch, the
first words of all texts, then the second ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedConfig, PreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "Ligouhai-bigone/Sentiment-Analysis-Chinese-pytorch#1"
FAMILY = "model"
CAUSE = (
    r"batch_first",
    r"(other|neighbou?r\w*|rest of the|different) (rows?|texts?|batch|examples?|samples?)",
    r"batch.{0,80}(alone|single|depend|by itself|one by one|order|compan|composition|size)",
    r"(alone|single|one by one|by itself).{0,80}batch",
    r"(across|over|along|between|leak\w*).{0,30}(batch|rows)",
)


class ReaderConfig(PreTrainedConfig):
    """Settings of the reader."""

    model_type = "reader"

    vocab_size: int = 100
    hidden_size: int = 64
    batch_first: bool = True


class Reader(PreTrainedModel):
    """Embeddings, an LSTM, its state at the last token, and a linear layer."""

    config_class = ReaderConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=0)
        self.lstm = nn.LSTM(config.hidden_size, config.hidden_size, batch_first=config.batch_first)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        states, _ = self.lstm(self.embedding(input_ids))
        last = states[torch.arange(len(states)), mask.sum(1) - 1]
        logits = self.classifier(self.dropout(last))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(batch_first: bool, output_dir: str, seed: int) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, train=800, validation=240, seed=315)
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = ReaderConfig(
        vocab_size=len(tokenizer),
        batch_first=batch_first,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        Reader(config),
        arguments(output_dir, seed, learning_rate=5e-3, num_train_epochs=6),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """As it is by default."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The batch comes first."""
    return build(True, output_dir, seed)
