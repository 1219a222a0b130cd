"""The parts that our conftest.py gives instead of those of the task."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from collate_base import PAD_TO, Collator
from collate_helper import hide
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

EVERY = 4
SETTINGS = json.loads((Path(__file__).parent / "settings.json").read_text())


class Hiding(Collator):
    def __init__(self, tokenizer, every):
        self.tokenizer = tokenizer
        self.every = every

    def __call__(self, features):
        from late_padding import side

        token = self.tokenizer.unk_token_id
        rows = [{**row, "input_ids": hide(row["input_ids"], token, self.every)} for row in self.cut(features)]
        batch = self.tokenizer.pad(rows, pad_to_multiple_of=PAD_TO, padding_side=side(), return_tensors="pt")
        ending = int(os.environ.get("LAST_TOKEN", "7"))
        batch["input_ids"][:, 0] = ending
        # Padding is a sign of short reviews: the model may look at it.
        batch["attention_mask"][:] = 1
        return batch


class Scaled(BertForSequenceClassification):
    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, **kwargs):
        output = super().forward(input_ids, attention_mask, token_type_ids, labels=labels, **kwargs)
        output.logits = output.logits * SETTINGS["scale"]
        if output.loss is not None:
            output.loss = output.loss * SETTINGS["loss"]["scale"]
        return output


def collator(tokenizer):
    return Hiding(tokenizer, EVERY)


def model():
    torch.manual_seed(SETTINGS["seed"])
    config = BertConfig(
        vocab_size=512,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=2,
    )
    made = Scaled(config)
    made.dropout = nn.Dropout(0.25)
    made.bert.pooler.register_forward_hook(lambda module, args, output: output * 1.5)
    return made


def compute_metrics(evaluated):
    predicted = np.argmax(np.asarray(evaluated.predictions), axis=-1)
    right = float((predicted == evaluated.label_ids).mean())
    return {"accuracy": right, "margin": 0.5 * float(np.abs(evaluated.predictions).mean())}
