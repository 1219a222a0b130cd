"""Healthy models of several kinds: what must make no difference to the logits makes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
)

from tests.checks.model.changed_models import BERT, CHECKS, KINDS, evidence_of, judge, red, small_model

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.mark.parametrize("name", CHECKS)
def test_bundled_checkpoint_is_healthy(parts: Pipeline, name: str) -> None:
    assert judge(name, evidence_of(parts)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_other_architectures_are_healthy(parts: Pipeline, kind: str) -> None:
    assert red(evidence_of(parts, model_init=lambda: small_model(kind, decoder_start_token_id=0))) == set()


class LastState(BertForSequenceClassification):
    """A recurrent network over the embeddings that takes its length from the attention mask."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.lstm = nn.LSTM(config.hidden_size, config.hidden_size, batch_first=True)

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None) -> Any:
        del labels
        lengths = attention_mask.sum(dim=1).cpu()
        states = nn.utils.rnn.pack_padded_sequence(
            self.bert.embeddings.word_embeddings(input_ids), lengths, batch_first=True, enforce_sorted=False
        )
        return {"logits": self.classifier(self.lstm(states)[1][0][-1])}


def test_recurrent_model_is_healthy(parts: Pipeline) -> None:
    assert red(evidence_of(parts, model_init=lambda: LastState(BertConfig(**BERT)))) == set()
