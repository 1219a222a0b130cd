"""Trainers of other heads than those that are judged, and unusual ones of those that are."""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    DataCollatorForLanguageModeling,
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
    T5ForSequenceClassification,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    default_data_collator,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

TOKENIZER = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))
ENCODED = dict(TOKENIZER([f"row {row} of the text" for row in range(16)], padding=True))
WITHOUT_TYPES = {name: ENCODED[name] for name in ("input_ids", "attention_mask")}
BERT: dict[str, Any] = {
    "vocab_size": len(TOKENIZER),
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}
GPT2: dict[str, Any] = {"vocab_size": len(TOKENIZER), "n_embd": 16, "n_layer": 1, "n_head": 2, "pad_token_id": 0}
T5: dict[str, Any] = {
    "vocab_size": len(TOKENIZER),
    "d_model": 16,
    "d_ff": 16,
    "d_kv": 8,
    "num_layers": 1,
    "num_heads": 2,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
}
BART: dict[str, Any] = {
    "vocab_size": len(TOKENIZER),
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "max_position_embeddings": 64,
}
CLASSES = [0, 1] * 8


def rows(encoded: dict[str, Any] = ENCODED, **columns: Any) -> Dataset:
    return Dataset.from_dict({**encoded, **columns})


def trainer(model: Any, data: Dataset, collator: Any = default_data_collator, kind: type[Trainer] = Trainer) -> Trainer:
    made: Any = Seq2SeqTrainingArguments if kind is Seq2SeqTrainer else TrainingArguments
    args = made(output_dir="heads-out", max_steps=2, use_cpu=True)
    return kind(
        model=model,
        args=args,
        train_dataset=data,
        eval_dataset=data,
        data_collator=collator,
        processing_class=TOKENIZER,
    )


def causal() -> Trainer:
    collator = DataCollatorForLanguageModeling(TOKENIZER, mlm=False)
    return trainer(GPT2LMHeadModel(GPT2Config(**GPT2)), rows(WITHOUT_TYPES), collator)


def masked() -> Trainer:
    return trainer(BertForMaskedLM(BertConfig(**BERT)), rows(), DataCollatorForLanguageModeling(TOKENIZER))


def every_token_labelled() -> Trainer:
    """Labels from a collator that forgets to ignore the tokens that are not masked."""

    def collate(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = default_data_collator(features)
        return {**batch, "labels": batch["input_ids"].clone()}

    return trainer(masked().model, rows(), collate)


def collator_fails() -> Trainer:
    """Only the collator makes labels, and it wants a column that the Trainer removes."""

    def collate(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {"labels": torch.tensor([row["special_tokens_mask"] for row in features])}

    return trainer(masked().model, rows(special_tokens_mask=ENCODED["input_ids"]), collate)


def tokens() -> Trainer:
    labels = [[1] * len(row) for row in ENCODED["input_ids"]]
    return trainer(BertForTokenClassification(BertConfig(**BERT | {"num_labels": 3})), rows(labels=labels))


def spans(first: float = 1, last: float = 2) -> Trainer:
    places: dict[str, Any] = {"start_positions": [first] * 16, "end_positions": [last] * 16}
    return trainer(BertForQuestionAnswering(BertConfig(**BERT)), rows(**places))


def spans_in_shares() -> Trainer:
    return trainer(
        SharesForQuestionAnswering(BertConfig(**BERT)), rows(start_positions=[0.5] * 16, end_positions=[0.5] * 16)
    )


def spans_out_of_range() -> Trainer:
    return spans(-7, -7)


class Finder(BertForQuestionAnswering):
    """Its name does not tell the Trainer which columns are labels."""


def spans_of_an_own_class() -> Trainer:
    places: dict[str, Any] = {"start_positions": [1] * 16, "end_positions": [2] * 16}
    return trainer(Finder(BertConfig(**BERT)), rows(**places))


class SharesForQuestionAnswering(BertForQuestionAnswering):
    """Its labels are shares of the row's length."""

    def forward(
        self, input_ids: Any = None, start_positions: Any = None, end_positions: Any = None, **inputs: Any
    ) -> Any:
        """Take any logit for the loss."""
        del start_positions, end_positions
        output = super().forward(input_ids=input_ids, **inputs)
        output["loss"] = output["start_logits"].mean()
        return output


def with_labels(label: list[float], **config: Any) -> Trainer:
    model = BertForSequenceClassification(BertConfig(**BERT | {"num_labels": 3} | config))
    return trainer(model, rows(labels=[label] * 16))


def several_labels() -> Trainer:
    return with_labels([1.0, 0.0, 1.0])


def several_labels_as_integers() -> Trainer:
    return with_labels([1, 0, 1], problem_type="multi_label_classification")


def labels_in_shares() -> Trainer:
    return with_labels([0.8, 0.6, 0.0], problem_type="multi_label_classification")


def several_values() -> Trainer:
    return with_labels([1.5, 0.0, -1.0], problem_type="regression")


def values_from_0_to_1() -> Trainer:
    return with_labels([0.2, 0.0, 1.0], problem_type="regression")


def shares_of_classes() -> Trainer:
    return with_labels([0.2, 0.0, 0.8])


def labels_of_another_width() -> Trainer:
    made = with_labels([1.0, 0.0, 1.0, 0.0])
    made.compute_loss = _no_loss  # type: ignore[assignment]
    return made


def _no_loss(model: Any, inputs: Any, **_: Any) -> Any:
    return 0 * inputs["labels"].sum(), model(input_ids=inputs["input_ids"])


def choices() -> Trainer:
    doubled = {name: [[row, row] for row in values] for name, values in ENCODED.items()}
    return trainer(BertForMultipleChoice(BertConfig(**BERT)), rows(doubled, labels=CLASSES))


def generating() -> Trainer:
    data = rows(WITHOUT_TYPES, labels=ENCODED["input_ids"])
    return trainer(T5ForConditionalGeneration(T5Config(**T5)), data, kind=Seq2SeqTrainer)


def denoising() -> Trainer:
    data = rows(WITHOUT_TYPES, labels=ENCODED["input_ids"])
    return trainer(BartForConditionalGeneration(BartConfig(**BART)), data, kind=Seq2SeqTrainer)


def pictures() -> Trainer:
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    model = ViTForImageClassification(ViTConfig(**sizes | {"image_size": 8, "patch_size": 4, "num_labels": 2}))
    data = Dataset.from_dict({"pixel_values": torch.rand(16, 3, 8, 8).tolist(), "labels": CLASSES})
    return trainer(model, data)


def plain_module() -> Trainer:
    return trainer(torch.nn.Linear(3, 2), rows(labels=CLASSES))


def causal_classifier() -> Trainer:
    model = GPT2ForSequenceClassification(GPT2Config(**GPT2 | {"num_labels": 2}))
    return trainer(model, rows(WITHOUT_TYPES, labels=CLASSES))


def encoder_decoder_classifier() -> Trainer:
    data = rows({**WITHOUT_TYPES, "input_ids": [[*row, 1] for row in ENCODED["input_ids"]]}, labels=CLASSES)
    data = data.remove_columns("attention_mask")
    model = T5ForSequenceClassification(T5Config(**T5 | {"num_labels": 2, "eos_token_id": 1}))
    return trainer(model, data)


def with_hidden_states() -> Trainer:
    model = BertForSequenceClassification(BertConfig(**BERT | {"output_hidden_states": True}))
    return trainer(model, rows(labels=CLASSES))


def regressor() -> Trainer:
    model = BertForSequenceClassification(BertConfig(**BERT | {"num_labels": 1}))
    return trainer(model, rows(labels=[float(label) for label in CLASSES]))


def label_out_of_range() -> Trainer:
    model = BertForSequenceClassification(BertConfig(**BERT | {"num_labels": 2}))
    return trainer(model, rows(labels=[7] * 16))


class ComplexBert(BertForSequenceClassification):
    def forward(self, input_ids: Any, attention_mask: Any = None, labels: Any = None) -> Any:
        found = super().forward(input_ids, attention_mask, labels=labels)
        found.logits = found.logits.to(torch.complex64)
        return found


def complex_numbers() -> Trainer:
    return trainer(ComplexBert(BertConfig(**BERT | {"num_labels": 3})), rows(labels=CLASSES))
