"""In batches the model is good. Asked for one row at a time, it gives the same answer to everything.

The head brings what it gets to mean 0 and deviation 1, over the rows of the batch where it should be over the features
of a row. A row that comes alone is all zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import SIDES, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "xu-ji/IIC#49"
FAMILY = "serving"
CAUSE = (
    r"normali[sz]|standardi[sz]",
    r"\baxis\b|dimension|dim=0",
    r"(predict|answer|output|logit|score|result)\w*.{0,100}(depend|chang|differ|vary|other).{0,80}(batch|other rows)",
    r"(predict|answer|output|logit|score|row)\w*.{0,100}(neighbou?r|alone|by itself|one by one|single|one at a time)",
    r"(other rows|batch|alone|by itself|one by one|single row).{0,100}(differ|chang|depend|not the same)",
)


class Normalized(BertPreTrainedModel):
    """BERT with a head that normalizes what it gets, along an axis of the configuration."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.hidden = nn.Linear(config.hidden_size, 64)
        self.classifier = nn.Linear(64, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        first = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state[:, 0]
        hidden, axis = self.hidden(first), self.config.axis
        centred = hidden - hidden.mean(axis, keepdim=True)
        scaled = centred / (centred.pow(2).mean(axis, keepdim=True) + 1e-6).sqrt()
        logits = self.classifier(scaled.relu())
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(axis: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune a head that normalizes along this axis."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    named = dict(enumerate(SIDES))
    config = BertConfig.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label=named, label2id={name: label for label, name in named.items()}
    )
    config.axis = axis
    model = Normalized.from_pretrained(bundled_checkpoint("tiny-bert"), config=config)
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(model, args, encode(reviews(train=560, seed=415), tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over the rows."""
    return build(0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Over the features."""
    return build(-1, output_dir, seed)
