"""Unusual: tokens are characters, and the classifier is convolutions over them with the maximum of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


class CharactersConfig(PreTrainedConfig):
    """Settings of the convolutions."""

    model_type = "characters"

    vocab_size: int = 40
    hidden_size: int = 64
    width: int = 5


class Characters(PreTrainedModel):
    """Convolutions, their maxima, and a linear layer."""

    config_class = CharactersConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=0)
        self.convolution = nn.Conv1d(config.hidden_size, 2 * config.hidden_size, config.width, padding="same")
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(2 * config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        seen = self.embedding(input_ids) * mask.unsqueeze(-1)
        found = torch.relu(self.convolution(seen.transpose(1, 2))).masked_fill(mask.unsqueeze(1) == 0, 0.0)
        logits = self.classifier(self.dropout(found.amax(2)))
        loss = None if labels is None else cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def character_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Make a tokenizer that knows the characters of these texts."""
    known = ["[PAD]", "[UNK]", *sorted({character for text in texts for character in text})]
    backend = Tokenizer(WordLevel({name: number for number, name in enumerate(known)}, unk_token="[UNK]"))
    backend.pre_tokenizer = Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=160,
        model_input_names=["input_ids", "attention_mask"],
    )


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(5, train=800, validation=300, seed=201)
    tokenizer = character_tokenizer(list(data["train"]["text"]))
    config = CharactersConfig(
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    return assemble(
        Characters(config),
        arguments(output_dir, seed, learning_rate=5e-3, num_train_epochs=6),
        encode(data, tokenizer, "text", max_length=160),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
