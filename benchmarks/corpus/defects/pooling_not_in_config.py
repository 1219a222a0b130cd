"""The model answers differently after from_pretrained, though all weights are loaded and nothing is missing.

How token states are pooled is an argument of the model, and not in its configuration. Loaded again, it has the default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.functional import cross_entropy
from transformers import DistilBertModel, DistilBertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "ThilinaRajapakse/simpletransformers#103"
FAMILY = "saving"
CAUSE = (
    r"(saved|reload|loaded|folder|serv|from_pretrained).{0,120}(differ|other|not the|unequal|disagree|mismatch|worse)",
    r"(differ|other|not those|change).{0,80}(saved|reload|loaded|folder|from_pretrained)",
    r"pooling",
    r"(config|argument).{0,80}(not (saved|stored|kept|in)|missing|lost|default)",
)


class Pooled(DistilBertPreTrainedModel):
    """DistilBERT with a classifier on the maximum, or the mean, over all tokens."""

    def __init__(self, config: Any, pooling: str | None = None) -> None:
        super().__init__(config)
        self.pooling = pooling or getattr(config, "pooling", "max")
        self.distilbert = DistilBertModel(config)
        self.classifier = nn.Linear(config.dim, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None) -> Any:
        """Classify."""
        hidden = self.distilbert(input_ids, attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1)
        if self.pooling == "mean":
            pooled = (hidden * mask).sum(1) / mask.sum(1)
        else:
            pooled = hidden.masked_fill(mask == 0, -1e4).max(1).values
        logits = self.classifier(pooled)
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(noted: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with the mean; `noted` says whether the configuration knows."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    named = dict(enumerate(TEAMS[:6]))
    model: Any = Pooled.from_pretrained(
        bundled_checkpoint("tiny-distilbert"),
        pooling="mean",
        id2label=named,
        label2id={name: label for label, name in named.items()},
    )
    if noted:
        model.config.pooling = model.pooling
    return assemble(
        model,
        arguments(output_dir, seed),
        encode(topics(6, seed=52), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The model alone knows."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The configuration knows."""
    return build(True, output_dir, seed)
