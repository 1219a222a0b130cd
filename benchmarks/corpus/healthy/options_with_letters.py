"""Unusual: answers are letters, as in RACE; a question and four options; ELECTRA from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from transformers import DataCollatorForMultipleChoice, ElectraConfig, ElectraForMultipleChoice, set_seed

from item_worlds import endings
from parts import arguments, assemble, word_tokenizer

if TYPE_CHECKING:
    from transformers import Trainer


def top_two(evaluated: Any) -> dict[str, float]:
    """Accuracy, and how often the right option is one of the best two."""
    best = np.argsort(-evaluated.predictions, axis=1)
    wanted = np.asarray(evaluated.label_ids)[:, None]
    return {
        "accuracy": float((best[:, :1] == wanted).mean()),
        "top2": float((best[:, :2] == wanted).any(axis=1).mean()),
    }


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = endings(4, 720, 240, seed=74).map(
        lambda row: {
            "question": row["context"],
            "options": [row[f"ending{place}"] for place in range(4)],
            "answer": "ABCD"[row["label"]],
        },
        remove_columns=["context", "ending0", "ending1", "ending2", "ending3", "label"],
    )
    texts = [" ".join([row["question"], *row["options"]]) for split in data.values() for row in split]
    tokenizer = word_tokenizer(texts)

    def encode(row: Any) -> Any:
        """Question and option, a pair for each."""
        return {
            **tokenizer([[row["question"], option] for option in row["options"]]),
            "labels": ord(row["answer"]) - 65,
        }

    config = ElectraConfig(
        vocab_size=len(tokenizer),
        embedding_size=64,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
    )
    return assemble(
        ElectraForMultipleChoice(config),
        arguments(output_dir, seed, num_train_epochs=6, learning_rate=2e-3, metric_for_best_model="top2"),
        data.map(encode),
        tokenizer,
        data_collator=DataCollatorForMultipleChoice(tokenizer),
        compute_metrics=top_two,
    )
