"""Five Trainers of named entities, each built in another way that users build them; none has a defect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from seqeval.metrics import f1_score, precision_score, recall_score
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    EvalPrediction,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint, fixtures_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CHECKPOINT = bundled_checkpoint("tiny-bert")


def read(split: str, task: str = "wnut_17") -> list[dict[str, Any]]:
    lines = (fixtures_folder() / "data" / task / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def names_of(task: str) -> list[str]:
    """Sorted by type, O first, as a project finds them in its data."""
    found = {tag for row in read("train", task) for tag in row["ner_tags"]} - {"O"}
    return ["O", *sorted(found, key=lambda tag: (tag[2:], tag[0]))]


def model_of(names: list[str]) -> Any:
    return AutoModelForTokenClassification.from_pretrained(
        CHECKPOINT, id2label=dict(enumerate(names)), label2id={name: index for index, name in enumerate(names)}
    )


def arguments(**changes: Any) -> TrainingArguments:
    given: dict[str, Any] = {
        "output_dir": "out",
        "learning_rate": 2e-3,
        "num_train_epochs": 3,
        "per_device_train_batch_size": 32,
        "per_device_eval_batch_size": 64,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
    }
    return TrainingArguments(**(given | changes))


# -- 1: a script in the style of the official examples: columns of the Hub, label_all_tokens off, seqeval -------------


def official() -> Trainer:
    names, tokenizer = names_of("conll2003"), AutoTokenizer.from_pretrained(CHECKPOINT)
    features = Features(
        {"id": Value("string"), "tokens": Sequence(Value("string")), "ner_tags": Sequence(ClassLabel(names=names))}
    )
    tables = {}
    for split in ("train", "validation"):
        rows = read(split, "conll2003")
        columns = {
            "id": [str(row["idx"]) for row in rows],
            "tokens": [row["tokens"] for row in rows],
            "ner_tags": [[names.index(tag) for tag in row["ner_tags"]] for row in rows],
        }
        tables[split] = Dataset.from_dict(columns, features=features)

    def tokenize_and_align(examples: Mapping[str, Any]) -> Any:
        encoded = tokenizer(examples["tokens"], truncation=True, max_length=128, is_split_into_words=True)
        labels = []
        for index, tags in enumerate(examples["ner_tags"]):
            previous, row = None, []
            for word in encoded.word_ids(batch_index=index):
                row.append(-100 if word is None or word == previous else tags[word])
                previous = word
            labels.append(row)
        encoded["labels"] = labels
        return encoded

    train, evaluation = (tables[split].map(tokenize_and_align, batched=True) for split in ("train", "validation"))

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        predicted = np.argmax(evaluated.predictions, axis=2)
        truth, answers = [], []
        for row, known in zip(predicted, evaluated.label_ids, strict=True):
            truth.append([names[tag] for tag in known if tag != -100])
            answers.append([names[answer] for answer, tag in zip(row, known, strict=True) if tag != -100])
        words = [tag for row in truth for tag in row]
        found = [tag for row in answers for tag in row]
        return {
            "precision": float(precision_score(truth, answers)),
            "recall": float(recall_score(truth, answers)),
            "f1": float(f1_score(truth, answers)),
            "accuracy": sum(map(str.__eq__, words, found)) / len(words),
        }

    return Trainer(
        model=model_of(names),
        args=arguments(),
        train_dataset=train,
        eval_dataset=evaluation,
        processing_class=tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=8),
        compute_metrics=compute_metrics,
    )


# -- 2: a subclass with weights of the tags, rows of a torch Dataset without texts ------------------------------------


class Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Encoded when they are read."""

    def __init__(self, rows: list[dict[str, Any]], names: list[str], tokenizer: Any) -> None:
        self.rows, self.names, self.tokenizer = rows, names, tokenizer

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        encoded = self.tokenizer(row["tokens"], is_split_into_words=True, truncation=True, max_length=64)
        seen: set[int] = set()
        labels = []
        for word in encoded.word_ids():
            labels.append(-100 if word is None or word in seen else self.names.index(row["ner_tags"][word]))
            seen.update(() if word is None else (word,))
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"], "labels": labels}


class Weighted(Trainer):
    """O counts half as much as the tags of entities."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: Any = None, num_items_in_batch: Any = None) -> Any:
        del num_items_in_batch
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        weights = torch.ones(outputs.logits.shape[-1])
        weights[0] = 0.5
        loss = torch.nn.functional.cross_entropy(outputs.logits.flatten(0, 1), labels.flatten(), weight=weights)
        inputs["labels"] = labels
        return (loss, outputs) if return_outputs else loss


def weighted() -> Trainer:
    names, tokenizer = names_of("wnut_17"), AutoTokenizer.from_pretrained(CHECKPOINT)
    return Weighted(
        model=model_of(names),
        args=arguments(),
        train_dataset=Rows(read("train"), names, tokenizer),
        eval_dataset=Rows(read("validation"), names, tokenizer),
        processing_class=tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
    )


# -- 3: a collator and an optimizer of one's own, the last token of a word has its tag --------------------------------


def last_piece() -> Trainer:
    names, tokenizer = names_of("wnut_17"), AutoTokenizer.from_pretrained(CHECKPOINT)
    tag_ids = {name: index for index, name in enumerate(names)}

    def encode(row: Mapping[str, Any]) -> dict[str, Any]:
        encoded = tokenizer(row["tokens"], is_split_into_words=True, truncation=True, max_length=64)
        words = encoded.word_ids()
        after = [*words[1:], None]
        labels = [
            -100 if w is None or w == n else tag_ids[row["ner_tags"][w]] for w, n in zip(words, after, strict=True)
        ]
        return {**encoded, "labels": labels}

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        def padded(name: str, value: int) -> torch.Tensor:
            return pad_sequence([torch.tensor(row[name]) for row in rows], batch_first=True, padding_value=value)

        return {
            "input_ids": padded("input_ids", tokenizer.pad_token_id),
            "attention_mask": padded("attention_mask", 0),
            "labels": padded("labels", -100),
        }

    train, evaluation = (Dataset.from_list([encode(row) for row in read(split)]) for split in ("train", "validation"))
    model = model_of(names)
    head = [parameter for name, parameter in model.named_parameters() if name.startswith("classifier")]
    body = [parameter for name, parameter in model.named_parameters() if not name.startswith("classifier")]
    optimizer = torch.optim.AdamW([{"params": body, "lr": 2e-3}, {"params": head, "lr": 4e-3}], weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 - step / 45)
    return Trainer(
        model=model,
        args=arguments(),
        train_dataset=train,
        eval_dataset=evaluation,
        data_collator=collate,
        optimizers=(optimizer, schedule),
        processing_class=tokenizer,
    )


# -- 4: all pieces of a word are labelled on purpose, predictions made before the metrics, IOB1 and texts -------------


def all_pieces() -> Trainer:
    names, tokenizer = names_of("conll2003"), AutoTokenizer.from_pretrained(CHECKPOINT)

    def encode(rows: Mapping[str, Any]) -> dict[str, Any]:
        encoded = tokenizer(
            rows["tokens"], is_split_into_words=True, padding="max_length", truncation=True, max_length=48
        )
        labels = []
        for index, tags in enumerate(rows["ner_tags"]):
            previous, row = None, []
            for word in encoded.word_ids(index):
                tag = "O" if word is None else tags[word]
                if word is not None and word == previous and tag.startswith("B-"):
                    tag = f"I-{tag[2:]}"
                row.append(-100 if word is None else names.index(tag))
                previous = word
            labels.append(row)
        return {**encoded, "labels": labels}

    def best_tags(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        del labels
        return logits.argmax(dim=-1)

    def compute_metrics(evaluated: EvalPrediction) -> dict[str, float]:
        mask = np.not_equal(evaluated.label_ids, -100)
        known = [[names[tag] for tag in row[keep]] for row, keep in zip(evaluated.label_ids, mask, strict=True)]
        found = [[names[tag] for tag in row[keep]] for row, keep in zip(evaluated.predictions, mask, strict=True)]
        return {
            "f1": float(f1_score(known, found, zero_division=0)),
            "macro_f1": float(f1_score(known, found, average="macro", zero_division=0)),
        }

    train, evaluation = (
        Dataset.from_list(read(split, "conll2003")).map(encode, batched=True, remove_columns=["idx", "ner_tags"])
        for split in ("train", "validation")
    )
    return Trainer(
        model=model_of(names),
        args=arguments(lr_scheduler_type="constant", eval_accumulation_steps=2),
        train_dataset=train,
        eval_dataset=evaluation,
        processing_class=tokenizer,
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=best_tags,
    )


# -- 5: BIOES tags made of the data's, the body of the model smaller, the best epoch kept by a callback's log ----------


class Log(TrainerCallback):
    """Keeps what was logged."""

    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        del args, state, control, kwargs
        self.seen.append(dict(logs or {}))


def bioes(tags: list[str]) -> list[str]:
    after = [*tags[1:], "O"]
    made = []
    for tag, following in zip(tags, after, strict=True):
        ends = following != f"I-{tag[2:]}"
        prefix = {"B": "S" if ends else "B", "I": "E" if ends else "I"}.get(tag[0], "O")
        made.append(tag if tag == "O" else f"{prefix}-{tag[2:]}")
    return made


def other_scheme() -> Trainer:
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    kinds = sorted({tag[2:] for row in read("train", "conll2003") for tag in row["ner_tags"] if tag != "O"})
    names = ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BIES")]

    def encode(row: Mapping[str, Any]) -> dict[str, Any]:
        encoded = tokenizer(row["tokens"], is_split_into_words=True)
        tags, words = bioes(row["ner_tags"]), encoded.word_ids()
        first = [word is not None and word not in words[:place] for place, word in enumerate(words)]
        return {
            **encoded,
            "labels": [names.index(tags[word]) if new else -100 for word, new in zip(words, first, strict=True)],
        }

    train, evaluation = (
        Dataset.from_list([{"tokens": row["tokens"], **encode(row)} for row in read(split, "conll2003")])
        for split in ("train", "validation")
    )
    return Trainer(
        model=model_of(names),
        args=arguments(
            num_train_epochs=4, save_strategy="epoch", load_best_model_at_end=True, metric_for_best_model="eval_loss"
        ),
        train_dataset=train,
        eval_dataset=evaluation,
        processing_class=tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        callbacks=[Log()],
    )


FACTORIES: dict[str, Callable[[], Trainer]] = {
    "official": official,
    "weighted": weighted,
    "last_piece": last_piece,
    "all_pieces": all_pieces,
    "other_scheme": other_scheme,
}
