"""Prices come out between -2 and 2 after loading. In the notebook they were right.

The model scales its answer with mean and spread of the targets. The two are buffers that are not persistent, and the
checkpoint is without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import mse_loss
from transformers import BertForSequenceClassification, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, correlation, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "david-knigge/ccnn#14"
FAMILY = "saving"
CAUSE = (
    r"(saved|reload|loaded|folder|serv|from_pretrained).{0,120}(differ|other|not the|unequal|disagree|mismatch|worse)",
    r"(differ|other|not those|change).{0,80}(saved|reload|loaded|folder|from_pretrained)",
    r"persistent",
    r"buffer",
    r"\b(not|never|un).{0,20}(saved|in the checkpoint|in state_dict)",
)


class Scaled(BertForSequenceClassification):
    """BERT with one number as its answer, in units of the targets."""

    keeps_scale = True
    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.register_buffer("centre", torch.zeros(1), persistent=self.keeps_scale)
        self.register_buffer("spread", torch.ones(1), persistent=self.keeps_scale)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def _init_weights(self, module: Any) -> None:
        """Initialize what a checkpoint does not hold."""
        super()._init_weights(module)  # type: ignore[no-untyped-call]  # transformers gives it no annotations
        if module is self:
            torch.nn.init.zeros_(module.centre)
            torch.nn.init.ones_(module.spread)

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> Any:
        """Answer with a number; its error counts in units of the spread."""
        pooled = self.bert(input_ids, attention_mask, token_type_ids).pooler_output
        logits = self.classifier(self.dropout(pooled)) * self.spread + self.centre
        loss = None if labels is None else mse_loss(logits.squeeze(-1) / self.spread, labels / self.spread)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class Forgetful(Scaled):
    """The same, but for what is saved."""

    keeps_scale = False


def build(kind: type[Scaled], output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model of this kind on prices from 0 to 400."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = ratings(top=400.0, seed=53).rename_column("score", "labels")
    model: Any = kind.from_pretrained(bundled_checkpoint("tiny-bert"), num_labels=1, problem_type="regression")
    model.centre.fill_(float(np.mean(data["train"]["labels"])))
    model.spread.fill_(float(np.std(data["train"]["labels"])))
    args = arguments(output_dir, seed, num_train_epochs=5)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=correlation)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The buffers are left out."""
    return build(Forgetful, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The buffers are saved."""
    return build(Scaled, output_dir, seed)
