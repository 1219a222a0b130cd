"""After the upgrade the model is not what it was. The settings of the optimizer in our Trainer have not changed.

They stand in create_optimizer_and_scheduler, which the train loop used to call. This release calls create_optimizer
and create_scheduler itself, and takes its own AdamW with the learning rate of the arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim import AdamW
from torch.optim.lr_scheduler import LinearLR
from transformers import BertConfig, BertForSequenceClassification, Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = ""
FAMILY = "versions"
CAUSE = (
    r"create_optimizer_and_scheduler",
    r"(hook|method|override|overrid\w+).{0,80}(never|not) (called|run|used|invoked)",
    r"(never|not) (called|run|used|invoked).{0,80}(hook|method|overrid)",
    r"learning.?rate.{0,60}(low|small|tiny)",
    r"(own|custom|other|another|expected).{0,30}optimi[sz]er.{0,60}(not|never|ignored|instead|unused)",
)


class Tuned(Trainer):
    """Uses an optimizer of ours, at a rate of ours."""

    def make(self, steps: int) -> None:
        """Make optimizer and schedule."""
        model: Any = self.model
        matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        vectors = [parameter for parameter in model.parameters() if parameter.ndim == 1]
        groups = [{"params": matrices, "weight_decay": 0.02}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = AdamW(groups, lr=2e-3)
        schedule: Any = LinearLR(self.optimizer, 1.0, 0.05, total_iters=steps)
        self.lr_scheduler = schedule


class Old(Tuned):
    """By the hook of the older release."""

    def create_optimizer_and_scheduler(self, num_training_steps: int) -> None:
        """Make both."""
        self.make(num_training_steps)


class New(Tuned):
    """By the hook of this one."""

    def create_optimizer(self, model: Any = None) -> Any:
        """Make both; a run has two hundred steps."""
        del model
        if self.optimizer is None:
            self.make(200)
        return self.optimizer


def build(kind: Any, output_dir: str, seed: int) -> Made:
    """Train from scratch with such a Trainer; the rate of the arguments is the default."""
    set_seed(seed)
    data = notes(6, train=640, seed=409)
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:6])),
        label2id={name: label for label, name in enumerate(TEAMS[:6])},
    )
    return assemble(
        BertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=5e-5, warmup_steps=0, num_train_epochs=5),
        encode(data, tokenizer, "text"),
        tokenizer,
        kind=kind,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """Nobody calls it."""
    return build(Old, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """The train loop calls it."""
    return build(New, output_dir, seed)
