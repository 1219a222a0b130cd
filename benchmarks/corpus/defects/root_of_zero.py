"""Training breaks at a random step, differently with each seed: from there on, everything is NaN.

The score is made of the Euclidean distance of two embeddings. In a few pairs both texts are the same, and the root of
zero has an infinite derivative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import mse_loss
from transformers import BertConfig, BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, correlation, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import similarity

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "keras-team/keras#9097"
FAMILY = "precision"
CAUSE = (
    r"sqrt|square root|\broot\b|distance|euclid",
    r"(identical|same|equal) (texts?|pairs?|rows?|inputs?|embeddings?)",
    r"grad\w*.{0,60}(\bnan\b|not finite|non-finite|\binf)",
    r"(\bnan\b|not finite|non-finite|infinit\w*).{0,60}(grad|backward|derivative|step \d|row \d)",
    r"division by zero|zero (distance|division)|derivative|backward",
)


class Apart(BertPreTrainedModel):
    """BERT for each text, the mean of its tokens, and how far they are apart."""

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
        first = self.embed(input_ids, attention_mask)
        second = self.embed(second_input_ids, second_attention_mask)
        squares = (first - second).square().mean(1)
        logits = torch.exp(-torch.sqrt(squares + self.config.added)).unsqueeze(1)
        loss = None if labels is None else mse_loss(logits.squeeze(1), labels.float())
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


def build(added: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune without dropout; so much is added below the root."""
    set_seed(seed)
    tokenizer = load_tokenizer(model_input_names=["input_ids", "attention_mask"])

    def tokenize(row: dict[str, Any], index: int) -> dict[str, Any]:
        same = index % 40 == 7
        texts = (row["first"], row["first"] if same else row["second"])
        first, second = (tokenizer(text, truncation=True, max_length=64) for text in texts)
        return {
            "first": texts[0],
            "second": texts[1],
            "score": 1.0 if same else row["score"],
            "input_ids": first["input_ids"],
            "attention_mask": first["attention_mask"],
            "second_input_ids": second["input_ids"],
            "second_attention_mask": second["attention_mask"],
            "labels": 1.0 if same else row["score"],
        }

    config = BertConfig.from_pretrained(
        bundled_checkpoint("tiny-bert"),
        num_labels=1,
        problem_type="regression",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config.added = added
    return assemble(
        Apart.from_pretrained(bundled_checkpoint("tiny-bert"), config=config),
        arguments(output_dir, seed, num_train_epochs=5),
        similarity(train=800, validation=280, seed=332, top=1.0).map(tokenize, with_indices=True),
        tokenizer,
        data_collator=batches(tokenizer),
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The root alone."""
    return build(0.0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The root of a little more."""
    return build(1e-6, output_dir, seed)
