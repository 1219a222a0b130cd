"""The folder loads without an error, and every prediction of the API is nonsense.

Rows were tokenized with the vocabulary of the project; the one that the Trainer saves is another, of the same size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import DistilBertConfig, DistilBertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#5777"
FAMILY = "saving"
CAUSE = (
    r"tokenizer",
    r"vocabular",
    r"(token|input_ids|id)s?.{0,80}(not those|differ|do not|don't|other|not what|mismatch)",
    r"(saved|reload|folder|serv).{0,100}(differ|other|not the|disagree|worse)",
)


def build(same: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune from scratch; the tokenizer that is saved is the one that was used, or one that counts backwards."""
    set_seed(seed)
    data = notes(4)
    used = word_tokenizer(data["train"]["text"])
    other = word_tokenizer(f"{word[::-1]}" for text in data["train"]["text"] for word in text.split())
    config = DistilBertConfig(
        vocab_size=len(used),
        dim=64,
        hidden_dim=128,
        n_layers=1,
        n_heads=2,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        DistilBertForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=4),
        encode(data, used, "text"),
        used,
        processing_class=used if same else other,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Another one is saved."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The one that was used is saved."""
    return build(True, output_dir, seed)
