"""The first log line looks fine, and from the second one on the loss is flat for good.

StepLR is to divide the rate by ten after four epochs. It counts calls, and it is called after every batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.optim import AdamW
from torch.optim.lr_scheduler import StepLR
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "Lornatang/SRGAN-PyTorch#1"
FAMILY = "schedule"
CAUSE = (
    r"(learning.?rate|\blr\b).{0,80}(fall|fell|drop|decay|zero|\b0\b|vanish|collaps|early|too (small|low))",
    r"schedul",
    r"steplr|step_size|gamma",
    r"\brate\b.{0,60}(zero|fall|fell|drop|vanish|collaps|tiny|decay)",
)


def build(after: int, output_dir: str, seed: int) -> Trainer:
    """Train from scratch, with a rate that falls to a tenth after so many calls of the schedule."""
    set_seed(seed)
    data = notes(5, train=640, seed=405)
    tokenizer = word_tokenizer(data["train"]["text"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:5])),
        label2id={name: label for label, name in enumerate(TEAMS[:5])},
    )
    model: Any = BertForSequenceClassification(config)
    optimizer = AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)
    return assemble(
        model,
        arguments(output_dir, seed, learning_rate=2e-3, weight_decay=0.0, warmup_steps=0, num_train_epochs=6),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
        optimizers=(optimizer, StepLR(optimizer, step_size=after, gamma=0.1)),
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Four, the number of epochs."""
    return build(4, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The steps of four epochs, which have forty each."""
    return build(4 * 40, output_dir, seed)
