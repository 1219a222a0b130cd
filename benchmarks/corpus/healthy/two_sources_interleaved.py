"""Unusual: train is drawn from a large and a small source, half of each, so that rows of the small one come again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import concatenate_datasets, interleave_datasets
from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer


def sources(rows: Any, mails: int) -> list[Any]:
    """Return so many tickets as they come by mail, and the others as people write them in a chat."""

    def shorten(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "text": row["text"].rstrip(".").replace(" said that", "")}

    mail, chat = rows.select(range(mails)), rows.select(range(mails, len(rows))).map(shorten)
    return [part.add_column("source", [name] * len(part)) for part, name in ((mail, "mail"), (chat, "chat"))]


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = topics(5, train=800, validation=300, seed=411)
    mail, chat = sources(data["train"], 600)
    data["train"] = interleave_datasets(
        [mail, chat], probabilities=[0.5, 0.5], seed=seed, stopping_strategy="all_exhausted"
    )
    data["validation"] = concatenate_datasets(sources(data["validation"], 150))
    return assemble(
        load_model(TEAMS[:5]),
        arguments(output_dir, seed, num_train_epochs=2),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
