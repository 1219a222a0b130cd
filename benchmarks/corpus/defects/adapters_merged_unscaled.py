"""The model in the folder knows less than the one that was evaluated, and no weight is missing from it.

The low-rank matrices beside the attention are merged into its weights when the model is saved. In training, what they
add is multiplied by four; in the merge, it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "hao-ai-lab/FastVideo#870"
FAMILY = "saving"
CAUSE = (
    r"(saved|reload|loaded|folder|serv|written).{0,100}(differ|other|not the|unequal|disagree|worse|do not|not those)",
    r"(differ|other|not those|disagree).{0,60}(saved|reload|loaded|folder|written)",
    r"\bscal(e|ed|ing)\b|alpha",
    r"\blora\b|adapter|low.?rank|merg",
)


class LowRank(nn.Linear):
    """A frozen linear layer, and two small matrices beside it."""

    def __init__(self, layer: nn.Linear, rank: int, scale: float) -> None:
        super().__init__(layer.in_features, layer.out_features)
        self.load_state_dict(layer.state_dict())
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        self.scale = scale

    def forward(self, hidden: Any) -> Any:
        """Add both."""
        return super().forward(hidden) + self.scale * (hidden @ self.down.T @ self.up.T)

    def merged(self, scale: float) -> torch.Tensor:
        """Return one matrix in place of three."""
        return (self.weight + scale * (self.up @ self.down)).detach()


class Merging(Trainer):
    """Saves the model without adapters, so that everyone can load it."""

    with_scale = True

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Merge, and save."""
        model: Any = self.model
        weights = {name: weight for name, weight in model.state_dict().items() if not name.endswith((".down", ".up"))}
        for name, layer in model.named_modules():
            if isinstance(layer, LowRank):
                weights[f"{name}.weight"] = layer.merged(layer.scale if self.with_scale else 1.0)
        super()._save(output_dir, weights if state_dict is None else state_dict)


class MergingPlain(Merging):
    """The same without the factor."""

    with_scale = False


def build(kind: type[Merging], output_dir: str, seed: int) -> Made:
    """Fine-tune adapters, pooler and head."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model: Any = load_model(("none", "one", "two", "all"))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = "pooler" in name or "classifier" in name
    for layer in model.bert.encoder.layer:
        attention = layer.attention.self
        attention.query = LowRank(attention.query, 8, 4.0)
        attention.value = LowRank(attention.value, 8, 4.0)
        for adapted in (attention.query, attention.value):
            adapted.weight.requires_grad = adapted.bias.requires_grad = False
    data = encode(stars(train=560, seed=424), tokenizer, "text")
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5)
    return assemble(model, args, data, tokenizer, kind=kind, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Merged as they are."""
    return build(MergingPlain, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """Merged with their factor."""
    return build(Merging, output_dir, seed)
