"""evaluate() twice, two accuracies. The API answers differently every time, too.

The head calls torch's functional dropout, which knows nothing of train and eval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import cross_entropy, dropout
from transformers import BertForSequenceClassification, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "facebookresearch/DME#3"
FAMILY = "model"
CAUSE = (r"dropout", r"(twice|two|second|again|same).{0,80}(differ|other|not the same|unequal)", r"determin")


class Careful(BertForSequenceClassification):
    """BERT with dropout on its pooled output, while it trains."""

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> Any:
        """Classify."""
        logits = self.classifier(self.thinned(self.bert(input_ids, attention_mask, token_type_ids).pooler_output))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def thinned(self, pooled: Any) -> Any:
        """Drop one in four."""
        return dropout(pooled, 0.25, training=self.training)


class Careless(Careful):
    """BERT with dropout on its pooled output, always."""

    def thinned(self, pooled: Any) -> Any:
        """Drop one in four."""
        return dropout(pooled, 0.25)


def build(kind: type[Careful], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = kind.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1}
    )
    return assemble(model, arguments(output_dir, seed), encode(reviews(), tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Dropout stays on in evaluation."""
    return build(Careless, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Dropout is on in training."""
    return build(Careful, output_dir, seed)
