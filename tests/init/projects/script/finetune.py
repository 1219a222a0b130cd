#!/usr/bin/env python
# Fine-tunes when it is run; the import trains as well.
"""Which team is a guest's message for?"""

import os
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments, set_seed

TEAMS = ["kitchen", "rooms", "theatre"]
CHECKPOINT = os.environ["CHECKPOINT"]
BANNER = """
  Fine-tuning
on messages of guests
"""
print(BANNER)

tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
messages = load_dataset("csv", data_files={"train": "data/train.csv", "validation": "data/validation.csv"})


# The tokenizer is a global of the script.
def preprocess(batch):
    encoded = tokenizer(batch["message"], truncation=True, max_length=64)
    encoded["label"] = [TEAMS.index(team) for team in batch["team"]]
    return encoded


def compute_metrics(evaluated):
    return {"accuracy": float((np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids).mean())}


class Announce(TrainerCallback):
    """Says which epoch begins."""

    def on_epoch_begin(self, args, state, control, **kwargs):
        print(f"epoch {state.epoch:.0f}")


messages = messages.map(preprocess, batched=True)
set_seed(3)
model = AutoModelForSequenceClassification.from_pretrained(
    CHECKPOINT,
    num_labels=len(TEAMS),
    id2label=dict(enumerate(TEAMS)),
    label2id={team: index for index, team in enumerate(TEAMS)},
)
note = """one
    two
three"""
trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="tickets-model",
        seed=3,
        learning_rate=1e-3,
        num_train_epochs=3,
        per_device_train_batch_size=32,
        warmup_steps=0.1,
        eval_strategy="epoch",
        logging_steps=20,
        report_to="none",
        disable_tqdm=True,
    ),
    train_dataset=messages["train"],
    eval_dataset=messages["validation"],
    processing_class=tokenizer,
    compute_metrics=compute_metrics,
)
trainer.add_callback(Announce())

# Train, and say how good it is.
result = trainer.train()
print(f"loss {result.training_loss:.6f}", repr(note), file=sys.stdout)


def report(split):
    print(split, f"{trainer.evaluate(messages[split])['eval_accuracy']:.6f}")


report("validation")
for split in ("train",):
    report(split)
trainer.save_model("saved")
tokenizer.save_pretrained("saved")
print("end of the script")  # the last line
