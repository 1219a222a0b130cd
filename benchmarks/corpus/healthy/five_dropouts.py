"""Unusual: multi-sample dropout: in training, the head reads the same state five times with other units dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import DistilBertModel, DistilBertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


class FiveTimes(DistilBertPreTrainedModel):
    """DistilBERT with the mean of five losses in training."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.dropouts = nn.ModuleList(nn.Dropout(share) for share in (0.1, 0.2, 0.3, 0.4, 0.5))
        self.classifier = nn.Linear(config.dim, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        state = self.distilbert(input_ids, attention_mask).last_hidden_state[:, 0]
        answers = [self.classifier(dropout(state)) for dropout in self.dropouts] if self.training else []
        logits = torch.stack(answers).mean(0) if answers else self.classifier(state)
        loss = None
        if labels is not None:
            loss = torch.stack([cross_entropy(answer, labels) for answer in answers or [logits]]).mean()
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = FiveTimes.from_pretrained(
        bundled_checkpoint("tiny-distilbert"),
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
    )
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=4),
        encode(reviews(train=560, seed=406), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy,
    )
