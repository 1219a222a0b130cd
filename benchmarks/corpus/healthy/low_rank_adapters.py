"""Unusual: the encoder is frozen but for small low-rank matrices beside its attention, as in LoRA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import BertForSequenceClassification, set_seed

from parts import SIDES, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer


class Adapter(nn.Module):
    """A frozen linear layer, and a low-rank one beside it that starts at zero."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, rank, bias=False)
        self.up = nn.Linear(rank, layer.out_features, bias=False)

    def forward(self, hidden: Any) -> Any:
        """Add both."""
        return self.layer(hidden) + self.up(self.down(hidden))


class Adapted(BertForSequenceClassification):
    """BERT with adapters on its queries and values."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        layers: Any = self.bert.encoder.layer
        for layer in layers:
            attention = layer.attention.self
            attention.query = Adapter(attention.query, 8)
            attention.value = Adapter(attention.value, 8)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune adapters, pooler and head."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    named = dict(enumerate(SIDES))
    names: dict[str, Any] = {"id2label": named, "label2id": {name: label for label, name in named.items()}}
    plain: Any = BertForSequenceClassification.from_pretrained(bundled_checkpoint("tiny-bert"), **names)
    model: Any = Adapted(plain.config)
    weights = {
        name.replace("self.query.", "self.query.layer.").replace("self.value.", "self.value.layer."): weight
        for name, weight in plain.state_dict().items()
    }
    left = model.load_state_dict(weights, strict=False)
    if left.unexpected_keys or not all(".up." in name or ".down." in name for name in left.missing_keys):
        raise ValueError(str(left))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in (".up.", ".down.", "classifier", "pooler"))
        if ".up." in name:
            nn.init.zeros_(parameter)
    args = arguments(output_dir, seed, learning_rate=4e-3, num_train_epochs=4)
    return assemble(model, args, encode(reviews(), tokenizer, "text"), tokenizer)
