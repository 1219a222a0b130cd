"""Unusual: an own class averages the tokens, labels are integers until the loss, one cycle of the learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from item_worlds import team_names, tickets
from parts import arguments, assemble, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from transformers import Trainer

TEAMS = team_names(7)


class Averaged(BertPreTrainedModel):
    """The mean of the tokens, a hidden layer, and a logit for each label."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = nn.Sequential(nn.Linear(config.hidden_size, config.hidden_size), nn.GELU(), nn.Dropout(0.1))
        self.out = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives this method no annotations

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None, **_: Any) -> Any:
        """Logits [B, K]."""
        states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        kept = attention_mask.unsqueeze(-1).to(states.dtype)
        logits = self.out(self.head((states * kept).sum(1) / kept.sum(1)))
        loss = None
        if labels is not None:
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        return SequenceClassifierOutput(loss=loss, logits=logits)


class Tickets(Dataset[Any]):
    """Encoded texts with zeros and ones as integers."""

    def __init__(self, rows: Any, tokenizer: Any) -> None:
        self.rows, self.tokenizer = rows, tokenizer

    def __len__(self) -> int:
        """Rows."""
        return len(self.rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """One row."""
        row = self.rows[place]
        return {
            **self.tokenizer(row["text"], return_token_type_ids=False),
            "labels": [int(number in row["teams"]) for number in range(len(TEAMS))],
        }


def metrics(evaluated: Any) -> dict[str, float]:
    """How many decisions are wrong, and how often a team that is meant stands first."""
    wanted = evaluated.label_ids == 1
    some = wanted.any(axis=1)
    first = np.argmax(evaluated.predictions, axis=1)
    return {
        "hamming": float(np.mean((evaluated.predictions > 0) != wanted)),
        "first_is_meant": float(wanted[np.arange(len(wanted)), first][some].mean()),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    raw = tickets(7, 640, 300, seed=64, shares=(0.3,))
    model = Averaged.from_pretrained(
        bundled_checkpoint("tiny-bert"), id2label=dict(enumerate(TEAMS)), label2id={t: n for n, t in enumerate(TEAMS)}
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=160)
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=4, metric_for_best_model="hamming", greater_is_better=False),
        {split: Tickets(rows, tokenizer) for split, rows in raw.items()},
        tokenizer,
        compute_metrics=metrics,
        optimizers=(optimizer, schedule),
    )
