"""The plain parts of a fine-tune, as the helper module of a team holds them: what no case is about is from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, f1_score
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import EvalPrediction

SIDES = ("negative", "positive")


def load_tokenizer(checkpoint: str = "tiny-bert", **changes: Any) -> Any:
    """Load the tokenizer of a bundled checkpoint."""
    return AutoTokenizer.from_pretrained(bundled_checkpoint(checkpoint), **changes)


def load_model(names: Iterable[str] = SIDES, checkpoint: str = "tiny-bert", **changes: Any) -> Any:
    """Load a bundled checkpoint with a new head for classes of these names."""
    named = dict(enumerate(names))
    return AutoModelForSequenceClassification.from_pretrained(
        bundled_checkpoint(checkpoint),
        id2label=named,
        label2id={name: label for label, name in named.items()},
        **changes,
    )


def load_regressor(checkpoint: str = "tiny-bert", **changes: Any) -> Any:
    """Load a bundled checkpoint with a head of one number."""
    return AutoModelForSequenceClassification.from_pretrained(bundled_checkpoint(checkpoint), num_labels=1, **changes)


def word_tokenizer(texts: Iterable[str], **changes: Any) -> Any:
    """Make a tokenizer that knows the words of these texts, with BERT's special tokens."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = sorted({word for text in texts for word in text.split()})
    backend = Tokenizer(WordLevel({word: number for number, word in enumerate([*special, *words])}, unk_token="[UNK]"))
    backend.pre_tokenizer = WhitespaceSplit()
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=128,
        **changes,
    )


def encode(data: Any, tokenizer: Any, *columns: str, **options: Any) -> Any:
    """Tokenize these columns of every split."""
    options = {"truncation": True, "max_length": 64, **options}
    return data.map(lambda batch: tokenizer(*(batch[column] for column in columns), **options), batched=True)


def arguments(output_dir: str, seed: int, **changes: Any) -> TrainingArguments:
    """Return the recipe, with these changes."""
    recipe: dict[str, Any] = {
        "output_dir": output_dir,
        "seed": seed,
        "learning_rate": 1e-3,
        "num_train_epochs": 3,
        "per_device_train_batch_size": 16,
        "per_device_eval_batch_size": 64,
        "warmup_steps": 0.1,
        "weight_decay": 0.01,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "logging_steps": 10,
        "report_to": "none",
    }
    return TrainingArguments(**{**recipe, **changes})


def accuracy(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of right answers."""
    return {"accuracy": float(accuracy_score(evaluated.label_ids, np.argmax(evaluated.predictions, axis=-1)))}


def accuracy_and_f1(evaluated: EvalPrediction) -> dict[str, float]:
    """Share of right answers, and F1 averaged over the classes."""
    predicted = np.argmax(evaluated.predictions, axis=-1)
    return {
        "accuracy": float(accuracy_score(evaluated.label_ids, predicted)),
        "f1": float(f1_score(evaluated.label_ids, predicted, average="macro")),
    }


def correlation(evaluated: EvalPrediction) -> dict[str, float]:
    """Pearson's correlation and the root of the mean squared error."""
    predicted, wanted = np.ravel(evaluated.predictions), np.ravel(evaluated.label_ids)
    error = float(np.sqrt(np.mean((predicted - wanted) ** 2)))
    return {"pearson": float(pearsonr(predicted, wanted).statistic), "rmse": error}


def assemble(model: Any, args: TrainingArguments, data: Any, tokenizer: Any, **changes: Any) -> Trainer:
    """Put a Trainer together from its usual parts, with these changes."""
    kind = changes.pop("kind", Trainer)
    parts: dict[str, Any] = {
        "model": model,
        "args": args,
        "train_dataset": data["train"],
        "eval_dataset": data["validation"],
        "processing_class": tokenizer,
        "data_collator": DataCollatorWithPadding(tokenizer),
        "compute_metrics": accuracy,
    }
    made: Trainer = kind(**{**parts, **changes})
    return made
