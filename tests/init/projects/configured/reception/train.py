"""Fine-tune by the configuration: python -m reception.train."""

import os

import numpy as np
from datasets import load_dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainingArguments, set_seed

from reception.config import main as with_config
from reception.trainers import SmoothTrainer

TEAMS = ["kitchen", "rooms", "theatre"]


def accuracy(evaluated):
    return {"accuracy": float((np.argmax(evaluated.predictions, axis=-1) == evaluated.label_ids).mean())}


@with_config(config_path="../conf", config_name="config", version_base=None)
def main(cfg):
    """Fine-tune, evaluate, save."""
    set_seed(cfg.seed)
    checkpoint = os.environ["CHECKPOINT"]
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    messages = load_dataset("csv", data_files={"train": "data/train.csv", "validation": "data/validation.csv"})

    def preprocess(batch):
        encoded = tokenizer(batch["message"], truncation=True, max_length=cfg.model.max_length)
        return {**encoded, "label": [TEAMS.index(team) for team in batch["team"]]}

    messages = messages.map(preprocess, batched=True)
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint,
        num_labels=3,
        id2label=dict(enumerate(TEAMS)),
        label2id={team: index for index, team in enumerate(TEAMS)},
    )
    trainer = SmoothTrainer(
        model=model,
        args=TrainingArguments(
            output_dir="out",
            seed=cfg.seed,
            learning_rate=cfg.training.learning_rate,
            num_train_epochs=cfg.training.epochs,
            per_device_train_batch_size=cfg.training.batch_size,
            warmup_steps=0.1,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=messages["train"],
        eval_dataset=messages["validation"],
        processing_class=tokenizer,
        compute_metrics=accuracy,
    )
    print(f"loss {trainer.train().training_loss:.6f}")
    print(f"accuracy {trainer.evaluate()['eval_accuracy']:.6f} of {len(messages['validation'])}")
    trainer.save_model("saved")


if __name__ == "__main__":
    main()
