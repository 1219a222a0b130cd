"""The saved model does not give the predictions that evaluation saw.

Two layers of the head stand in a plain list: no optimizer trains them and no checkpoint holds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForSequenceClassification, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "LianpoWang/SLIIF#13"
FAMILY = "model"
CAUSE = (
    r"(saved|reload|loaded|folder|serv).{0,100}(differ|other|not the|unequal|disagree|mismatch)",
    r"(not|never|un).{0,20}(saved|registered|in the checkpoint|in state_dict)",
    r"missing.{0,40}(weight|key|parameter|layer)",
    r"(differ|other).{0,60}(saved|reload|loaded)",
)


class Deep(BertForSequenceClassification):
    """BERT with a head of two more layers, which are registered."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.layers = self.hold([nn.Linear(config.hidden_size, config.hidden_size) for _ in range(2)])
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def hold(self, layers: list[nn.Linear]) -> Any:
        """Keep the layers."""
        return nn.ModuleList(layers)

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> Any:
        """Classify."""
        hidden = self.bert(input_ids, attention_mask, token_type_ids).pooler_output
        for layer in self.layers:
            hidden = hidden + torch.tanh(layer(hidden))
        logits = self.classifier(self.dropout(hidden))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class Listed(Deep):
    """The same, with the layers in a list."""

    def hold(self, layers: list[nn.Linear]) -> Any:
        """Keep the layers."""
        return layers


def build(kind: type[Deep], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    config = BertConfig.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1}
    )
    plain = BertForSequenceClassification.from_pretrained(bundled_checkpoint("tiny-bert"), config=config)
    model: Any = kind(config)
    model.load_state_dict(plain.state_dict(), strict=False)
    return assemble(model, arguments(output_dir, seed), encode(reviews(), tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The layers stand in a list."""
    return build(Listed, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The layers stand in a ModuleList."""
    return build(Deep, output_dir, seed)
