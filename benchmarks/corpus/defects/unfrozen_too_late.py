"""Gradual unfreezing changes nothing: the encoder's weights are those of the checkpoint at the end.

A callback sets requires_grad after the first epoch; the optimizer took only what needed gradients when it was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer, TrainerCallback, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = ""
FAMILY = "callbacks"
CAUSE = (
    r"optimizer",
    r"frozen",
    r"(head|classifier|encoder|pooler|parameter|weight)s?.{0,80}(never|not|no) (\w+ ){0,2}(train|chang|mov|updat)",
    r"(never|not) (updated|trained|changed|moved|stepped)",
)


class Unfreeze(TrainerCallback):
    """Train the encoder from the second epoch on."""

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Let gradients into the encoder."""
        del args, state, control
        kwargs["model"].distilbert.requires_grad_(requires_grad=True)


class Knowing(Trainer):
    """Has an optimizer of all parameters, also of those that are frozen at first."""

    def create_optimizer(self, model: Any = None) -> Any:
        """Make the optimizer as if nothing was frozen."""
        trained: Any = model or self.model
        frozen = [weight for weight in trained.parameters() if not weight.requires_grad]
        for weight in frozen:
            weight.requires_grad_(requires_grad=True)
        optimizer = super().create_optimizer(model)
        for weight in frozen:
            weight.requires_grad_(requires_grad=False)
        return optimizer


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune the head for an epoch, then all, with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model: Any = load_model(TEAMS[:6], "tiny-distilbert")
    model.distilbert.requires_grad_(requires_grad=False)
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=4),
        encode(topics(6), tokenizer, "text"),
        tokenizer,
        kind=kind,
        callbacks=[Unfreeze()],
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """The optimizer knows the head."""
    return build(Trainer, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The optimizer knows all parameters."""
    return build(Knowing, output_dir, seed)
