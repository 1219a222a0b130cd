"""Unusual: the logits are cosines of the text and of each class, times a factor that is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear, normalize
from transformers import BertConfig, BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


class Directions(nn.Module):
    """A direction for each class, and one factor."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, size))
        self.factor = nn.Parameter(torch.empty(1))

    def forward(self, states: Any) -> Any:
        """Compare."""
        return self.factor.exp() * linear(normalize(states), normalize(self.weight))


class Compared(BertPreTrainedModel):
    """BERT, and how much its first token resembles each class."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(0.1)
        self.classifier = Directions(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def _init_weights(self, module: Any) -> None:
        super()._init_weights(module)  # type: ignore[no-untyped-call]  # as above
        if isinstance(module, Directions):
            nn.init.normal_(module.weight)
            nn.init.constant_(module.factor, 2.0)

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        states = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        logits = self.classifier(self.dropout(states[:, 0]))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    config = BertConfig.from_pretrained(
        bundled_checkpoint("tiny-bert"),
        id2label=dict(enumerate(TEAMS[:7])),
        label2id={name: label for label, name in enumerate(TEAMS[:7])},
    )
    return assemble(
        Compared.from_pretrained(bundled_checkpoint("tiny-bert"), config=config),
        arguments(output_dir, seed, num_train_epochs=5),
        encode(topics(7, train=720, seed=405), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
