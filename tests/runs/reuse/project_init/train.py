"""Trainers with model_init, a loss function and a sampler of their own."""

import os
from functools import partial

import torch
from shapes import SETTINGS, rows_of
from small import TOKENIZER, make_model
from torch.utils.data import DataLoader, WeightedRandomSampler
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments


def init(std):
    model = make_model()
    torch.nn.init.normal_(model.classifier.weight, std=std)
    return model


def loss_function(outputs, labels, num_items_in_batch=None, power=1.0):
    loss = torch.nn.functional.cross_entropy(outputs.logits, labels, reduction="none")
    return (loss.pow(power) * 0.9).mean()


class Sampled(Trainer):
    def get_train_dataloader(self):
        weights = [SETTINGS["sampler"][place % 2] for place in range(len(self.train_dataset))]
        sampler = WeightedRandomSampler(weights, len(weights), generator=torch.Generator().manual_seed(2))
        return DataLoader(self.train_dataset, batch_size=8, sampler=sampler, collate_fn=self.data_collator)

    def create_optimizer(self, *args, **kwargs):
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.5)
        return self.optimizer


def build(output_dir="out", seed=0):
    shape = os.environ.get("SHAPE", "augmented")
    train_rows, evaluation_rows = rows_of(shape)
    args = TrainingArguments(
        output_dir,
        seed=seed,
        max_steps=2,
        learning_rate=0.05,
        optim="sgd",
        use_cpu=True,
        dataloader_num_workers=1 if shape == "workers" else 0,
        remove_unused_columns=shape != "opened",
    )
    kind = Sampled if shape == "augmented" else Trainer
    return kind(
        model_init=partial(init, SETTINGS["std"]),
        args=args,
        train_dataset=train_rows,
        eval_dataset=evaluation_rows,
        processing_class=TOKENIZER,
        data_collator=DataCollatorWithPadding(TOKENIZER),
        compute_loss_func=partial(loss_function, power=SETTINGS["loss_power"]),
    )
