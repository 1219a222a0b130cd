"""Unusual: the two texts of a pair go through the encoder one by one; the score is the cosine of what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cosine_similarity, mse_loss
from transformers import BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, correlation, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import similarity

if TYPE_CHECKING:
    from transformers import Trainer


class Towers(BertPreTrainedModel):
    """BERT for each text, the mean of its tokens, and their cosine."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def embed(self, input_ids: Any, attention_mask: Any) -> Any:
        """Return the mean of a text's tokens."""
        hidden = self.bert(input_ids, attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1)
        return (hidden * mask).sum(1) / mask.sum(1)

    def forward(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        second_input_ids: Any = None,
        second_attention_mask: Any = None,
        labels: Any = None,
    ) -> SequenceClassifierOutput:
        """Compare the texts."""
        first, second = (
            self.embed(input_ids, attention_mask),
            self.embed(second_input_ids, second_attention_mask),
        )
        logits = cosine_similarity(first, second)
        loss = None if labels is None else mse_loss(logits, labels.float())
        return SequenceClassifierOutput(loss=loss, logits=logits)


def batches(tokenizer: Any) -> Any:
    """Return a function that pads the first texts and the second ones, each among themselves."""

    def collate(rows: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = {}
        for prefix in ("", "second_"):
            names = ("input_ids", "attention_mask")
            padded = tokenizer.pad([{name: row[prefix + name] for name in names} for row in rows], return_tensors="pt")
            batch |= {prefix + name: padded[name] for name in names}
        return {**batch, "labels": torch.tensor([row["labels"] for row in rows])}

    return collate


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()

    def tokenize(row: dict[str, Any]) -> dict[str, Any]:
        first, second = (tokenizer(row[column], truncation=True, max_length=64) for column in ("first", "second"))
        return {
            "input_ids": first["input_ids"],
            "attention_mask": first["attention_mask"],
            "second_input_ids": second["input_ids"],
            "second_attention_mask": second["attention_mask"],
            "labels": row["score"],
        }

    data = similarity(train=800, validation=300, seed=207, top=1.0).map(tokenize)
    args = arguments(output_dir, seed, num_train_epochs=5)
    model = Towers.from_pretrained(bundled_checkpoint("tiny-bert"), num_labels=1)
    return assemble(model, args, data, tokenizer, data_collator=batches(tokenizer), compute_metrics=correlation)
