"""Rank 4, rank 64, more layers: the adapters change nothing at all. Accuracy is that of the frozen encoder.

Both matrices of each adapter start at zero, "so that the model starts as it is". The gradient of each is a multiple of
the other: they stay there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "NovaSky-AI/SkyRL#852"
FAMILY = "model"
NAMES = ("none", "one", "two", "three")
CAUSE = (
    r"adapter|lora|low.?rank|\b(up|down)\.weight",
    r"grad\w*.{0,60}(zero|none|\bno\b|vanish)",
    r"(weights?|parameters?|tensors?).{0,100}(not chang|never chang|unchanged|not move|never move|still|stay|zero)",
    r"zero.{0,60}(init|grad|weights|parameters)",
)


class Adapted(nn.Module):
    """A linear layer with a low-rank change beside it."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, rank, bias=False)
        self.up = nn.Linear(rank, layer.out_features, bias=False)

    def forward(self, states: Any) -> Any:
        """Apply both."""
        return self.layer(states) + 2 * self.up(self.down(states))


class AdaptedBert(BertForSequenceClassification):
    """BERT with adapters in its attention and behind it."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        blocks: Any = self.bert.encoder.layer
        for block in blocks:
            attention = block.attention.self
            attention.query = Adapted(attention.query, config.rank)
            attention.value = Adapted(attention.value, config.rank)
            block.intermediate.dense = Adapted(block.intermediate.dense, config.rank)


def build(start: float, output_dir: str, seed: int) -> Trainer:
    """Fine-tune adapters and head; the first matrix of an adapter is drawn with this deviation."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    donor = BertForSequenceClassification.from_pretrained(bundled_checkpoint("tiny-bert"), num_labels=4)
    config = donor.config
    config.rank = 8
    config.id2label = dict(enumerate(NAMES))
    config.label2id = {name: label for label, name in enumerate(NAMES)}
    model = AdaptedBert(config)
    kept = {
        name.replace("query.", "query.layer.")
        .replace("value.", "value.layer.")
        .replace("intermediate.dense.", "intermediate.dense.layer."): weights
        for name, weights in donor.state_dict().items()
    }
    model.load_state_dict(kept, strict=False)
    for name, weights in model.named_parameters():
        weights.requires_grad = ".down." in name or ".up." in name or name.startswith(("classifier", "bert.pooler"))
        if ".down." in name:
            nn.init.normal_(weights, std=start)
        elif ".up." in name:
            nn.init.zeros_(weights)
    return assemble(
        model,
        arguments(output_dir, seed, learning_rate=4e-3, num_train_epochs=5),
        encode(stars(train=720, seed=318), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Both are zero."""
    return build(0.0, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """One of them is zero."""
    return build(0.05, output_dir, seed)
