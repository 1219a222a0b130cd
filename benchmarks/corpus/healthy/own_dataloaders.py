"""Unusual: the Trainer makes its loaders itself, with torch's DataLoader and samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import answers

if TYPE_CHECKING:
    from transformers import Trainer as Made

COLUMNS = ["input_ids", "token_type_ids", "attention_mask", "label"]


class OwnLoaders(Trainer):
    """Makes its loaders itself."""

    def loader(self, rows: Any, size: int, sampler: Any) -> Any:
        """Make a loader with the collator of the Trainer."""
        return self.accelerator.prepare(
            DataLoader(rows.select_columns(COLUMNS), batch_size=size, sampler=sampler, collate_fn=self.data_collator)
        )

    def get_train_dataloader(self) -> Any:
        """All rows in a new order every epoch."""
        generator = torch.Generator().manual_seed(self.args.seed)
        rows: Any = self.train_dataset
        return self.loader(rows, self.args.train_batch_size, RandomSampler(rows, generator=generator))

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """All rows as they are."""
        rows: Any = self.eval_dataset if eval_dataset is None else eval_dataset
        return self.loader(rows, self.args.eval_batch_size, SequentialSampler(rows))


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    args = arguments(output_dir, seed, per_device_train_batch_size=20, per_device_eval_batch_size=48)
    data = encode(answers(seed=79), tokenizer, "question", "answer")
    return assemble(load_model(("other", "answers")), args, data, tokenizer, kind=OwnLoaders)
