"""A Trainer whose loss adds up numbers that come from many places."""

import os

import classes
import containers
import functions
import library
import torch
from small import TOKENIZER, make_model, make_rows
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

READ = {**containers.READ, **classes.READ, **functions.READ, **library.READ}
if "UNNAMED" in os.environ:
    import unnamed

    READ["unnamed"] = unnamed.READ[os.environ["UNNAMED"]]


class Adding(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        outputs = model(**inputs)
        loss = outputs.loss
        for place, read in enumerate(READ.values()):
            column = outputs.logits[place % len(outputs.logits), place % 2]
            loss = loss + float(read()) * column / (1 + place % 7)
        return (loss, outputs) if return_outputs else loss


def build(output_dir="out", seed=0):
    model = make_model()
    args = TrainingArguments(output_dir, seed=seed, max_steps=2, learning_rate=0.01, optim="sgd", use_cpu=True)
    return Adding(
        model=model,
        args=args,
        train_dataset=make_rows(16),
        eval_dataset=make_rows(8),
        processing_class=TOKENIZER,
        data_collator=DataCollatorWithPadding(TOKENIZER),
    )
