"""The collator: it pads, and hides some words."""

import torch
from collate_base import Padder

EVERY = 5


def hidden(column, every):
    return column % every == 2


class HidingCollator(Padder):
    def __init__(self, tokenizer, generator):
        self.tokenizer = tokenizer
        self.generator = generator

    def __call__(self, features):
        rows = [{"input_ids": feature["input_ids"]} for feature in features]
        batch = self.tokenizer.pad(rows, padding="max_length", max_length=self.length(features), return_tensors="pt")
        columns = torch.arange(batch["input_ids"].shape[1])
        batch["input_ids"][:, hidden(columns, EVERY)] = self.tokenizer.unk_token_id
        if features[0]["train"]:
            drawn = torch.rand(batch["input_ids"].shape, generator=self.generator)
            batch["input_ids"][drawn < 0.1] = self.tokenizer.unk_token_id
        return {**batch, "labels": self.labels(features)}
