"""Evaluation says 0.95. Behind the API, where texts come one by one, it is far less.

The classifier reads what stands at the last position, as one does with a decoder. All rows are padded to forty tokens,
so that it is padding, always at the same place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2Model, GPT2PreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "zihangdai/xlnet#73"
FAMILY = "model"
CAUSE = (
    r"\bpad(ding|ded|s)?\b",
    r"(batch|alone|together|company|neighbo\w+|longer|longest).{0,120}(differ|chang|depend|not the same|other)",
    r"last (\w+ ){0,3}(token|position)",
    r"pool",
    r"(logit|predict|answer|score)\w*.{0,80}(chang|depend|differ|vary|varies).{0,80}(batch|pad|alone|company)",
)


class LastToken(GPT2PreTrainedModel):
    """A decoder with a classifier on the last token of a text."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.score = nn.Linear(config.n_embd, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def read(self, hidden: Any, mask: Any) -> Any:
        """Return the state of the last token."""
        return hidden[torch.arange(len(hidden)), mask.sum(1) - 1]

    def forward(self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None) -> Any:
        """Classify."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        hidden = self.transformer(input_ids=input_ids, attention_mask=mask).last_hidden_state
        logits = self.score(self.read(hidden, mask))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class LastPosition(LastToken):
    """A decoder with a classifier on the last position."""

    def read(self, hidden: Any, mask: Any) -> Any:
        """Return the state of the last position."""
        del mask
        return hidden[:, -1]


def build(kind: Any, output_dir: str, seed: int) -> Trainer:
    """Train a small decoder from scratch."""
    set_seed(seed)
    data = notes(5, train=800, validation=300, seed=121, length=(5, 24))
    tokenizer = word_tokenizer(data["train"]["text"], model_input_names=["input_ids", "attention_mask"])
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=64,
        n_layer=2,
        n_head=2,
        n_positions=128,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5)
    data = encode(data, tokenizer, "text", padding="max_length", max_length=40)
    return assemble(kind(config), args, data, tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The last position is padding."""
    return build(LastPosition, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The last token is one of the text."""
    return build(LastToken, output_dir, seed)
