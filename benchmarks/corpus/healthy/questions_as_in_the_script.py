"""Unusual: a Trainer that makes answers in its evaluate, as run_qa.py does, of evaluation rows without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import EvalPrediction, Trainer, default_data_collator, set_seed

from parts import arguments, load_tokenizer
from questions import answers_of, features, labelled, load_span_model, questions, squad_metrics

if TYPE_CHECKING:
    from transformers import Trainer as Made


class QuestionAnsweringTrainer(Trainer):
    """Evaluates answers, not positions."""

    def __init__(self, *args: Any, eval_examples: Any = None, post_process_function: Any = None, **kwargs: Any) -> None:
        """Keep the raw rows, and what makes answers."""
        super().__init__(*args, **kwargs)
        self.eval_examples = eval_examples
        self.post_process_function = post_process_function

    def evaluate(  # type: ignore[override]  # it takes the raw rows as well, as the public run_qa.py does
        self,
        eval_dataset: Any = None,
        eval_examples: Any = None,
        ignore_keys: Any = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Compute metrics of the answers."""
        rows: Any = self.eval_dataset if eval_dataset is None else eval_dataset
        examples = self.eval_examples if eval_examples is None else eval_examples
        compute, self.compute_metrics = self.compute_metrics, None
        try:
            output = self.evaluation_loop(
                self.get_eval_dataloader(rows),
                description="Evaluation",
                prediction_loss_only=None if compute else True,
                ignore_keys=ignore_keys,
                metric_key_prefix=metric_key_prefix,
            )
        finally:
            self.compute_metrics = compute
        metrics = dict(output.metrics or {})
        if compute is not None:
            answered = self.post_process_function(examples, rows, output.predictions)
            metrics |= {f"{metric_key_prefix}_{name}": value for name, value in compute(answered).items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def predict(  # type: ignore[override]  # it takes the raw rows as well, as the public run_qa.py does
        self, predict_dataset: Any, predict_examples: Any, ignore_keys: Any = None, metric_key_prefix: str = "test"
    ) -> Any:
        """Answer the questions of a test split."""
        output = super().predict(predict_dataset, ignore_keys, metric_key_prefix)
        return self.post_process_function(predict_examples, predict_dataset, output.predictions, "predict")


def post_processing(examples: Any, rows: Any, predictions: Any, stage: str = "eval") -> EvalPrediction:
    """Make answers of logits."""
    del stage
    texts = answers_of(examples, rows, predictions)
    given: Any = [{"id": example["id"], "prediction_text": text} for example, text in zip(examples, texts, strict=True)]
    right: Any = [{"id": example["id"], "answers": example["answers"]} for example in examples]
    return EvalPrediction(predictions=given, label_ids=right)


def scores(evaluated: EvalPrediction) -> dict[str, float]:
    """Compare answers."""
    given: Any = evaluated.predictions
    return squad_metrics([entry["prediction_text"] for entry in given], evaluated.label_ids)


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer, data = load_tokenizer(), questions(seed=11)
    columns = data["train"].column_names
    return QuestionAnsweringTrainer(
        model=load_span_model(),
        args=arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=4, per_device_train_batch_size=32),
        train_dataset=data["train"].map(lambda rows: labelled(rows, tokenizer), batched=True, remove_columns=columns),
        eval_dataset=data["validation"].map(
            lambda rows: features(rows, tokenizer), batched=True, remove_columns=columns
        ),
        eval_examples=data["validation"],
        processing_class=tokenizer,
        data_collator=default_data_collator,
        post_process_function=post_processing,
        compute_metrics=scores,
    )
