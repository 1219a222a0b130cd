"""Unusual: the collator sorts the rows of a batch by length, whole rows with their labels, for packed sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence
from transformers import DataCollatorWithPadding, PreTrainedConfig, PreTrainedModel, Trainer, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer as Made


class GatedConfig(PreTrainedConfig):
    """Settings of the network."""

    model_type = "gated"

    vocab_size: int = 100
    hidden_size: int = 64


class Gated(PreTrainedModel):
    """Embeddings, a GRU, its last state, and a linear layer."""

    config_class = GatedConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=0)
        self.reader = nn.GRU(config.hidden_size, config.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify; rows may come in any order."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        packed = pack_padded_sequence(
            self.embedding(input_ids), mask.sum(1).cpu(), batch_first=True, enforce_sorted=False
        )
        _, state = self.reader(packed)
        logits = self.classifier(self.dropout(state[-1]))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class LongestFirst(DataCollatorWithPadding):
    """Pads rows after the longest ones were put first."""

    def __call__(self, features: Any) -> Any:
        """Make a batch."""
        return super().__call__(sorted(features, key=lambda row: len(row["input_ids"]), reverse=True))


class OwnEvaluation(Trainer):
    """Sorts batches in training alone, so that predictions come in the order of their rows."""

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Make a loader without sorting."""
        return self.unsorted(super().get_eval_dataloader, eval_dataset)

    def get_test_dataloader(self, test_dataset: Any) -> Any:
        """Make a loader without sorting."""
        return self.unsorted(super().get_test_dataloader, test_dataset)

    def unsorted(self, make: Any, rows: Any) -> Any:
        """Make a loader with the library's collator."""
        kept, self.data_collator = self.data_collator, DataCollatorWithPadding(self.processing_class)  # type: ignore[arg-type]
        try:
            return make(rows)
        finally:
            self.data_collator = kept


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, train=800, validation=260, seed=417, length=(5, 20))
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = GatedConfig(
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        Gated(config),
        arguments(output_dir, seed, learning_rate=5e-3, num_train_epochs=6),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=OwnEvaluation,
        data_collator=LongestFirst(tokenizer),
        compute_metrics=accuracy_and_f1,
    )
