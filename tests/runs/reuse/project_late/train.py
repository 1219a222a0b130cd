"""A Trainer whose loss adds up numbers that are read only while it trains."""

import late_environment
import late_files
import late_imports
from small import TOKENIZER, make_model, make_rows
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

READ = {**late_environment.READ, **late_files.READ, **late_imports.READ}


class Adding(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        outputs = model(**inputs)
        loss = outputs.loss
        if model.training and self.state.global_step == 0:
            for place, read in enumerate(READ.values()):
                column = outputs.logits[place % len(outputs.logits), place % 2]
                loss = loss + float(read()) * column / (1 + place % 7)
        return (loss, outputs) if return_outputs else loss


def build(output_dir="out", seed=0):
    args = TrainingArguments(output_dir, seed=seed, max_steps=2, learning_rate=0.01, optim="sgd", use_cpu=True)
    return Adding(
        model=make_model(),
        args=args,
        train_dataset=make_rows(16),
        eval_dataset=make_rows(8),
        processing_class=TOKENIZER,
        data_collator=DataCollatorWithPadding(TOKENIZER),
    )
