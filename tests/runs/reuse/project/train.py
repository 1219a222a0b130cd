"""Fine-tunes our classifier of reviews: python train.py."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "src"))
for line in (HERE / "config" / "paths.txt").read_text().split():
    sys.path.append(str((HERE / line).resolve()))

import torch
import training
from callbacks import Freeze, Noise, Shrink, Tilt
from collate import HidingCollator
from metrics import Judge, prepare
from modeling import build_model
from reviews import balance
from reviews.weights import amount
from rows import make_rows, make_tokenizer
from schedule import make_optimizer, make_schedule
from settings import train_settings


def build(output_dir="reviews-model", seed=0):
    """Put the Trainer together."""
    given = train_settings()
    tokenizer = make_tokenizer()
    train_rows, evaluation_rows = make_rows(tokenizer)
    model = build_model(len(tokenizer), given["gradient_scale"], given["tie_heads"])
    optimizer = make_optimizer(model)
    options = {
        "max_steps": 2,
        "per_device_train_batch_size": 8,
        "max_grad_norm": float(os.environ.get("MAX_GRAD_NORM", "5")),
        "logging_steps": 1,
    }
    args = training.ReviewArguments(
        output_dir=output_dir, seed=seed, use_cpu=True, remove_unused_columns=False, report_to="none", **options
    )
    # Arguments that no class names.
    args.hotter = amount("0.7")
    args.smoothing = given["label_smoothing"]
    generator = torch.Generator().manual_seed(given["noise_seed"])
    trainer = training.ReviewTrainer(
        model=model,
        args=args,
        train_dataset=train_rows,
        eval_dataset=evaluation_rows,
        processing_class=tokenizer,
        data_collator=HidingCollator(tokenizer, generator),
        compute_metrics=Judge(beta=0.5),
        preprocess_logits_for_metrics=prepare,
        optimizers=(optimizer, make_schedule(optimizer)),
        callbacks=[Freeze(given["freeze_at"]), Noise(given["noise_seed"]), Shrink(), Tilt],
        class_weights=[weight * balance(3) for weight in given["class_weights"]],
        mixup=given["mixup"],
    )
    # Set on the object.
    trainer.focus = 1.2
    return trainer


if __name__ == "__main__":
    trainer = build()
    trainer.train()
    print(trainer.evaluate())
