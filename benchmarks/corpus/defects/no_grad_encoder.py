"""Fine-tuning the whole model is not better than training a linear layer. It is exactly as good.

The encoder's forward runs under no_grad, which was once added around it for an evaluation.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from transformers import BertForSequenceClassification, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "edreisMD/ConVIRT-pytorch#7"
FAMILY = "model"
CAUSE = (
    r"no_grad",
    r"(no|without|zero|never).{0,20}gradient",
    r"gradients?.{0,40}(none|zero|no |never|miss)",
    r"(head|classifier|encoder|pooler|parameter|weight)s?.{0,80}(never|not|no) (\w+ ){0,2}(train|chang|mov|updat)",
    r"(never|not) (updated|trained|changed|moved|stepped)",
)


class Classifier(BertForSequenceClassification):
    """BERT with a head of ours; `watched` says whether gradients flow into the encoder."""

    watched = True

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> Any:
        """Classify the mean of the last hidden states."""
        with nullcontext() if self.watched else torch.no_grad():
            hidden = self.bert(input_ids, attention_mask, token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1)
        logits = self.classifier(self.dropout((hidden * mask).sum(1) / mask.sum(1)))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class Unwatched(Classifier):
    """The same, with an encoder that no gradient reaches."""

    watched = False


def build(kind: type[Classifier], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model: Any = kind.from_pretrained(bundled_checkpoint("tiny-bert"), num_labels=2)
    model.bert.pooler.requires_grad_(requires_grad=False)  # it is not part of our head
    return assemble(model, arguments(output_dir, seed), encode(reviews(), tokenizer, "text"), tokenizer)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The encoder runs under no_grad."""
    return build(Unwatched, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The encoder is trained."""
    return build(Classifier, output_dir, seed)
