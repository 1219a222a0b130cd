"""Unusual: predictions are tags before they are gathered, rows are tensors of 48 positions, an own class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from torch import nn
from torch.utils.data import Dataset
from transformers import (
    BertModel,
    BertPreTrainedModel,
    DataCollatorForTokenClassification,
    set_seed,
)
from transformers.modeling_outputs import TokenClassifierOutput

from item_worlds import entities
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer

TAGS = ["B-DAY", "B-LOC", "B-PER", "I-LOC", "I-PER", "O", "I-DAY"]


class Tagger(BertPreTrainedModel):
    """BERT, a recurrent layer in both directions, a score for each tag."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.recurrent = nn.GRU(config.hidden_size, 48, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(96, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives this method no annotations

    def _init_weights(self, module: Any) -> None:
        """Give the recurrent layer weights as well, which transformers does not know how to do."""
        super()._init_weights(module)  # type: ignore[no-untyped-call]  # transformers gives this method no annotations
        if isinstance(module, nn.GRU):
            for weight in module.parameters():
                nn.init.uniform_(weight, -0.1, 0.1)

    def forward(self, input_ids: Any, attention_mask: Any = None, labels: Any = None, **_: Any) -> Any:
        """Logits [B, T, K]; the recurrent layer stops where a row does."""
        states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        sizes = attention_mask.sum(dim=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(states, sizes, batch_first=True, enforce_sorted=False)
        states, _sizes = nn.utils.rnn.pad_packed_sequence(
            self.recurrent(packed)[0], batch_first=True, total_length=input_ids.shape[1]
        )
        logits = self.classifier(states)
        loss = None if labels is None else nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return TokenClassifierOutput(loss=loss, logits=logits)


class Rows(Dataset[Any]):
    """Rows of tensors, all of the same length."""

    def __init__(self, data: Any, tokenizer: Any) -> None:
        self.encoded = tokenizer(
            list(data["tokens"]), is_split_into_words=True, padding="max_length", max_length=48, return_tensors="pt"
        )
        self.labels = torch.full(self.encoded["input_ids"].shape, -100)
        for row, tags in enumerate(data["tags"]):
            for place, word in reversed(list(enumerate(self.encoded.word_ids(row)))):
                if word is not None:
                    self.labels[row, place] = TAGS.index(tags[word])
                    if self.encoded.word_ids(row)[place - 1] == word:
                        self.labels[row, place] = -100

    def __len__(self) -> int:
        """Rows."""
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        """One row."""
        return {**{name: values[row] for name, values in self.encoded.items()}, "labels": self.labels[row]}


def chosen(logits: Any, _labels: Any) -> Any:
    """The tag of each token: less to gather than its scores."""
    return logits.argmax(dim=-1)


def entity_f1(evaluated: Any) -> dict[str, float]:
    """F1 of entities, strictly by the scheme."""
    true, found = [], []
    for predicted, wanted in zip(evaluated.predictions, evaluated.label_ids, strict=True):
        true.append([TAGS[w] for w in wanted if w != -100])
        found.append([TAGS[p] for p, w in zip(predicted, wanted, strict=True) if w != -100])
    return {"f1": float(f1_score(true, found, mode="strict", scheme=IOB2))}


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    raw = entities(seed=54)
    model = Tagger.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label=dict(enumerate(TAGS)), label2id={t: n for n, t in enumerate(TAGS)}
    )
    return assemble(
        model,
        arguments(output_dir, seed, learning_rate=2e-3),
        {split: Rows(rows, tokenizer) for split, rows in raw.items()},
        tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=entity_f1,
        preprocess_logits_for_metrics=chosen,
    )
