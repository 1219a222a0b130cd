"""The last evaluation is as good as ever, and the model in the folder is far behind it.

A callback sets the smallest weights to zero. It does so when all is over, where no step can make up for it and no
evaluation follows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import TrainerCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "VainF/Torch-Pruning#347"
FAMILY = "callbacks"
CAUSE = (
    r"prun|spars",
    r"\bzero(s|es|ed)?\b.{0,60}(weight|parameter|matri|entr)|(weight|parameter|matri|entr)\w*.{0,60}\bzero",
    r"callback|on_train_end",
    r"(after|end of) (the )?(training|last|final).{0,120}(chang|alter|differ|other|worse|overwr)",
    r"(last|final) (logged )?evaluation.{0,100}(differ|worse|not|than|higher|lower)",
    r"(weights?|parameters?|model).{0,60}(chang|alter|modif|overwr).{0,60}(after|when|at the end)",
)


class Prune(TrainerCallback):
    """Sets the smallest weights of linear layers to zero from a step on, and keeps them there."""

    def __init__(self, share: float, begin: int) -> None:
        self.share, self.begin = share, begin
        self.masks: dict[str, Any] = {}

    def prune(self, model: Any) -> None:
        """Choose weights, the first time, and set them to zero."""
        for name, layer in model.named_modules():
            if isinstance(layer, nn.Linear) and "classifier" not in name:
                if name not in self.masks:
                    size = layer.weight.detach().abs()
                    self.masks[name] = size > size.flatten().quantile(self.share)
                layer.weight.data.mul_(self.masks[name])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Prune while training goes on."""
        del args, control
        if state.global_step >= self.begin:
            self.prune(kwargs["model"])

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Prune what is left."""
        del args, state, control
        self.prune(kwargs["model"])


def build(begin: int, output_dir: str, seed: int) -> Trainer:
    """Fine-tune a model of which seven tenths of the weights are dropped from this step on."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=5)
    model = load_model(("none", "one", "two", "all"), "tiny-distilbert")
    data = encode(stars(train=560, seed=413), tokenizer, "text")
    parts: dict[str, Any] = {"callbacks": [Prune(0.7, begin)], "compute_metrics": accuracy_and_f1}
    return assemble(model, args, data, tokenizer, **parts)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """After the last step."""
    return build(10_000, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """After the first epoch."""
    return build(35, output_dir, seed)
