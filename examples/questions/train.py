"""Fine-tune a model that finds answers in reports, in the way of run_qa.py of transformers.

    python train.py

A context becomes windows that overlap. Training rows have the tokens of the answer; evaluation rows know their question
and the characters of their tokens, of which the Trainer makes answers before it computes exact match and F1.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from datasets import load_dataset
from transformers import (
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    EvalPrediction,
    Trainer,
    TrainingArguments,
    default_data_collator,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

DATA = Path(__file__).parent / "data"
WINDOW, SHARED, LONGEST = 48, 16, 10

Rows = dict[str, Any]


class AnsweringTrainer(Trainer):
    """Evaluates answers to questions, not positions in windows."""

    def __init__(self, *args: Any, eval_examples: Any, post_process_function: Any, **kwargs: Any) -> None:
        """Keep the questions, and the function that answers them."""
        super().__init__(*args, **kwargs)
        self.eval_examples = eval_examples
        self.post_process_function = post_process_function

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Predict all windows, answer all questions, and compare the answers."""
        windows: Any = self.eval_dataset if eval_dataset is None else eval_dataset
        compute, self.compute_metrics = self.compute_metrics, None
        try:
            output = self.evaluation_loop(
                self.get_eval_dataloader(windows),
                "Evaluation",
                prediction_loss_only=False,
                ignore_keys=ignore_keys,
                metric_key_prefix=metric_key_prefix,
            )
        finally:
            self.compute_metrics = compute
        metrics = dict(output.metrics or {})
        if compute is not None:
            answered = self.post_process_function(self.eval_examples, windows, output.predictions)
            metrics |= {f"{metric_key_prefix}_{name}": value for name, value in compute(answered).items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def with_answers(row: Rows) -> Rows:
    """Put text and place into one column, as SQuAD has them."""
    return {"answers": {"text": [row["answer_text"]], "answer_start": [row["answer_start"]]}}


def windows_of(rows: Rows, tokenizer: Any) -> tuple[Any, list[int]]:
    """Cut contexts into windows; return them, and of each the row that it is of."""
    encoded = tokenizer(
        rows["question"],
        rows["context"],
        truncation="only_second",
        max_length=WINDOW,
        stride=SHARED,
        padding="max_length",
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    encoded["offset_mapping"] = [
        [place if part == 1 else None for part, place in zip(encoded.sequence_ids(window), places, strict=True)]
        for window, places in enumerate(encoded["offset_mapping"])
    ]
    return encoded, encoded.pop("overflow_to_sample_mapping")


def training_windows(rows: Rows, tokenizer: Any) -> Rows:
    """Return windows with first and last token of the answer, those of [CLS] where it is not in the window."""
    encoded, samples = windows_of(rows, tokenizer)
    firsts, lasts = [], []
    for sample, places in zip(samples, encoded.pop("offset_mapping"), strict=True):
        begin = rows["answers"][sample]["answer_start"][0]
        end = begin + len(rows["answers"][sample]["text"][0])
        first = [token for token, place in enumerate(places) if place and place[0] == begin]
        last = [token for token, place in enumerate(places) if place and place[1] == end]
        firsts.append(first[0] if first and last else 0)
        lasts.append(last[0] if first and last else 0)
    return {**encoded, "start_positions": firsts, "end_positions": lasts}


def evaluation_windows(rows: Rows, tokenizer: Any) -> Rows:
    """Return windows with the id of their question and the characters of their tokens."""
    encoded, samples = windows_of(rows, tokenizer)
    return {**encoded, "example_id": [rows["id"][sample] for sample in samples]}


def post_process(questions: Any, windows: Any, predictions: Any) -> EvalPrediction:
    """Answer each question with the best span of its windows."""
    of_question = defaultdict(list)
    for window, question in enumerate(windows["example_id"]):
        of_question[question].append(window)
    answers = []
    for question in questions:
        best, text = -np.inf, ""
        for window in of_question[question["id"]]:
            places, (start, end) = windows[window]["offset_mapping"], (part[window] for part in predictions)
            tokens = [token for token, place in enumerate(places) if place]
            for first in tokens:
                for last in tokens[tokens.index(first) : tokens.index(first) + LONGEST]:
                    if start[first] + end[last] > best:
                        best, text = start[first] + end[last], question["context"][places[first][0] : places[last][1]]
        answers.append(text)
    right: Any = [question["answer_text"] for question in questions]
    given: Any = answers
    return EvalPrediction(predictions=given, label_ids=right)


def compute_metrics(answered: EvalPrediction) -> dict[str, float]:
    """Exact match, and F1 of the words of answers, in percent."""
    exact, f1 = [], []
    for given, right in zip(answered.predictions, answered.label_ids, strict=True):
        words = str(given).lower().split(), str(right).lower().split()
        shared = sum((Counter(words[0]) & Counter(words[1])).values())
        exact.append(words[0] == words[1])
        f1.append(2 * shared / max(len(words[0]) + len(words[1]), 1))
    return {"exact_match": 100 * float(np.mean(exact)), "f1": 100 * float(np.mean(f1))}


def build_trainer(output_dir: str = "answers-model", seed: int = 42) -> Trainer:
    """Put the Trainer together."""
    checkpoint = str(bundled_checkpoint("tiny-bert"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    files = {split: str(DATA / f"{split}.jsonl") for split in ("train", "validation")}
    rows = load_dataset("json", data_files=files).map(with_answers)
    columns, options = rows["train"].column_names, {"fn_kwargs": {"tokenizer": tokenizer}, "batched": True}
    args = TrainingArguments(
        output_dir=output_dir,
        seed=seed,
        learning_rate=2e-3,
        num_train_epochs=5,
        per_device_train_batch_size=32,
        per_device_eval_batch_size=64,
        warmup_steps=0.1,
        weight_decay=0.01,
        eval_strategy="epoch",
        logging_steps=25,
        report_to="none",
    )
    return AnsweringTrainer(
        model=AutoModelForQuestionAnswering.from_pretrained(checkpoint),
        args=args,
        train_dataset=rows["train"].map(training_windows, remove_columns=columns, **options),
        eval_dataset=rows["validation"].map(evaluation_windows, remove_columns=columns, **options),
        eval_examples=rows["validation"],
        processing_class=tokenizer,
        data_collator=default_data_collator,
        post_process_function=post_process,
        compute_metrics=compute_metrics,
    )


if __name__ == "__main__":
    trainer = build_trainer()
    trainer.train()
    print(trainer.evaluate())
    trainer.save_model()
