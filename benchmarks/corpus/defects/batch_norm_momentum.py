"""Ported from Keras, the loss in training is as it was, and validation jumps by twenty points from epoch to epoch.

Keras' momentum is the share of the old statistics that is kept, torch's is the share of the new ones: with 0.9, what
BatchNorm knows when it evaluates is little more than the last batch, and this one has two rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "r9y9/tacotron_pytorch#19"
FAMILY = "versions"
CAUSE = (
    r"batch.?norm",
    r"momentum",
    r"running.{0,20}(mean|var|statistic|stat)",
    r"(train|training).{0,30}mode.{0,120}(eval|evaluation).{0,20}(mode)?",
    r"(statistics|buffer).{0,80}(last|batch|few|noisy|jump|change)",
)


class Normalized(BertPreTrainedModel):
    """BERT with a head that normalizes what it gets over the batch."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.hidden = nn.Linear(config.hidden_size, 64)
        self.norm = nn.BatchNorm1d(64, momentum=config.norm_momentum)
        self.classifier = nn.Linear(64, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        first = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state[:, 0]
        logits = self.classifier(self.norm(self.hidden(first)).relu())
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(momentum: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune a head with this momentum."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    config = BertConfig.from_pretrained(
        bundled_checkpoint("tiny-bert"),
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
    )
    config.norm_momentum = momentum
    model = Normalized.from_pretrained(bundled_checkpoint("tiny-bert"), config=config)
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(model, args, encode(reviews(train=498, seed=57), tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Keras' number."""
    return build(0.9, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The same in torch."""
    return build(0.1, output_dir, seed)
