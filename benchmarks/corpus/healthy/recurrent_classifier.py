"""Unusual: a bidirectional LSTM of our own, which reads packed sequences, without attention and without positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence
from transformers import PreTrainedConfig, PreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


class RecurrentConfig(PreTrainedConfig):
    """Settings of the LSTM."""

    model_type = "recurrent"

    vocab_size: int = 100
    hidden_size: int = 64


class Recurrent(PreTrainedModel):
    """An LSTM in both directions, and a linear layer on its last states."""

    config_class = RecurrentConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=0)
        self.lstm = nn.LSTM(config.hidden_size, config.hidden_size, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(2 * config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        packed = pack_padded_sequence(
            self.embedding(input_ids), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.lstm(packed)
        logits = self.classifier(self.dropout(torch.cat([last[0], last[1]], dim=-1)))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(6, train=900, validation=300, seed=206)
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = RecurrentConfig(
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(TEAMS[:6])),
        label2id={name: label for label, name in enumerate(TEAMS[:6])},
    )
    args = arguments(output_dir, seed, learning_rate=5e-3, num_train_epochs=5)
    data = encode(data, tokenizer, "text")
    return assemble(Recurrent(config), args, data, tokenizer, compute_metrics=accuracy_and_f1)
