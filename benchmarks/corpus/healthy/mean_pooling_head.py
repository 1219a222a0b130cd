"""Unusual: a head of our own on the mean of all tokens; the checkpoint's pooler is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import SIDES, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


class MeanClassifier(BertPreTrainedModel):
    """BERT with a classifier on the mean of its last hidden states."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = nn.Sequential(nn.Linear(config.hidden_size, 64), nn.Tanh(), nn.Dropout(0.1), nn.Linear(64, 2))
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        hidden = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1)
        logits = self.head((hidden * mask).sum(1) / mask.sum(1))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    named = dict(enumerate(SIDES))
    model = MeanClassifier.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label=named, label2id={name: label for label, name in named.items()}
    )
    return assemble(model, arguments(output_dir, seed), encode(reviews(), tokenizer, "text"), tokenizer)
