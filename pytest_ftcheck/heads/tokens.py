"""The head of token classification: one of K tags a word, for example for named entities.

A row is a list of words and a tag for each of them. The first token of a word has the word's tag; special tokens and
the later tokens of a word have `IGNORED`, which loss and metrics ignore.
"""

from __future__ import annotations

import math
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.arrays import softmax
from pytest_ftcheck.heads.classes import NO_CLASS, CardOfClasses, LabelsOfClasses
from pytest_ftcheck.heads.entities import ScoringOfEntities
from pytest_ftcheck.heads.head import Head, Serving
from pytest_ftcheck.heads.model import TransformersModel
from pytest_ftcheck.heads.outputs import OutputsAsTheyAre
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import BatchEncoding, PreTrainedTokenizerBase

    from pytest_ftcheck.heads.model_parts import Reduction

_AXES = 3
"""Number of axes of logits [N, T, K]."""


class CardOfTags(CardOfClasses):
    """See `CardRules`: names of tags; types of entities have their own metrics instead of slices."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Require at least two tags, and refuse slices of classes, which rows do not have."""
        if "class" in slices:
            return (
                "slices: a row of words has no class. Declare metrics of types, such as PER_f1 = true, in "
                "metric.greater_is_better"
            )
        return super().refusal(label_names, slices)


class WordInputs:
    """See `InputRules`: one column of lists of words."""

    recipe_keys: tuple[str, ...] = ()
    column = "a list of words"

    def refusal(self, columns: Sequence[str]) -> str:
        """Require one column."""
        return "" if len(columns) == 1 else f"text_columns must be one column of words, not {list(columns)!r}"

    def holds(self, column: str, columns: Sequence[str], kind: pa.DataType) -> bool:
        """Accept lists of strings."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        del column, columns
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        return bool(is_list and (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)))

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize the words of each row separately."""
        encoded: BatchEncoding = tokenizer(list(*columns.values()), is_split_into_words=True, verbose=False, **options)
        return encoded

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Tokenize words; the first token of each word has the word's tag.

        Raises:
            DataError: the numbers of tags and words differ, or the tokenizer does not return the word of a token.

        """
        del options
        (rows,) = columns.values()
        for words, tags in zip(rows, labels, strict=True):
            if len(words) != len(tags):
                msg = (
                    f"{len(words)} words but {len(tags)} tags in the row {' '.join(words[:8])!r}: give one tag a word."
                )
                raise DataError(msg)
        if not tokenizer.is_fast:
            msg = f"{type(tokenizer).__name__} does not return the word of a token: use a fast tokenizer."
            raise DataError(msg)
        encoded = self.tokens(tokenizer, columns, truncation=True, max_length=max_length)
        tagged = [tags_of_tokens(encoded.word_ids(row), tags) for row, tags in enumerate(labels)]
        return {**encoded, "labels": tagged}

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[dict[str, Any]]], Any]:
        """Pad the tokenizer's columns and the tags to the longest row of the batch."""
        from transformers import DataCollatorForTokenClassification  # noqa: PLC0415 - slow to import

        return DataCollatorForTokenClassification(tokenizer, label_pad_token_id=IGNORED)


def tags_of_tokens(word_ids: Sequence[int | None], tags: Sequence[int]) -> list[int]:
    """Return the tag of each token: `IGNORED` for special tokens and for all but the first of a word.

    Args:
        word_ids: ``[T]``, index of each token's word; None for special tokens.
        tags: of the words.

    """
    before = [None, *word_ids[:-1]]
    return [
        IGNORED if word is None or word == last else tags[word] for word, last in zip(word_ids, before, strict=True)
    ]


class LabelsOfTokens(LabelsOfClasses):
    """See `LabelRules`: a list of class ids, one a token, or `IGNORED`."""

    def arrow_type(self) -> pa.DataType:
        """Return lists of int64."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        return pa.list_(pa.int64())

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> Any:
        """Convert a list of names or class ids, one a word.

        Raises:
            DataError: the value is not a list, or a tag is unknown.

        """
        if not isinstance(value, list):
            msg = f"{where}: label {value!r} is not a list of tags, one a word. Correct the row."
            raise DataError(msg)
        read = super().encode
        return [read(tag, label_names, f"{where}, word {word}") for word, tag in enumerate(value)]

    def expected(self, num_labels: int) -> str:
        """Name the range of the ids."""
        return f"a list of class ids from 0 to {num_labels - 1}, or {IGNORED} where a token has no tag"

    def fits(self, label: Any, num_labels: int) -> bool:
        """Return whether all elements are integers from 0 to K - 1, or ignored."""
        return all(isinstance(tag, Integral) and (tag == IGNORED or 0 <= int(tag) < num_labels) for tag in label)

    def stacked(self, labels: Sequence[Any]) -> NDArray[np.int64]:
        """Pad to ``[N, T]`` with `IGNORED`."""
        width = max(map(len, labels), default=0)
        padded = np.full((len(labels), width), IGNORED, dtype=np.int64)
        for row, tags in enumerate(labels):
            padded[row, : len(tags)] = tags
        return padded

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return every class, in a row of one token."""
        del known
        return [[tag] for tag in range(num_labels)]

    def made_up(self, row: int, num_labels: int) -> Any:
        """Return the classes in turn, each in a row of one token."""
        return [row % num_labels]


class TokenCrossEntropy:
    """See `Loss`: the mean over the tokens that have a tag."""

    name = "cross entropy of the tagged tokens"

    def __call__(
        self, logits: Tensor, labels: Tensor, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> Tensor:
        """Compute the loss of logits ``[B, T, K]`` and tags ``[B, T]``; ``none`` returns a mean for each row."""
        import torch  # noqa: PLC0415 - slow to import

        each = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2),
            labels.long(),
            reduction="none",
            ignore_index=IGNORED,
            label_smoothing=label_smoothing,
        )
        tagged = labels != IGNORED
        if reduction == "none":
            return each.sum(dim=1) / tagged.sum(dim=1).clamp(min=1)
        return each.sum() if reduction == "sum" else each.sum() / tagged.sum()

    def of_constant(self, labels: NDArray[Any], num_labels: int, label_smoothing: float = 0.0) -> float:
        """Return the entropy of the tags in nats."""
        shares = np.bincount(labels[labels != IGNORED], minlength=num_labels) / max(int((labels != IGNORED).sum()), 1)
        shares = (1 - label_smoothing) * shares + label_smoothing / len(shares)
        return float(-(shares * np.log(np.where(shares > 0, shares, 1))).sum())

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the range around ln K."""
        del labels
        nats = math.log(num_labels)
        low, high = thresholds["below"] * nats, nats + thresholds["above"]
        words = f"{low:.3g} to {high:.3g}: the loss of a guess among {num_labels} tags is ln {num_labels} = {nats:.3g}"
        return low, high, words


class OutputsOfTokens(OutputsAsTheyAre):
    """See `Outputs`: logits ``[N, T, K]`` and tags ``[N, T]``, padded to the longest row."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int | None, ...]]:
        """Return the shapes of an evaluation, for any T."""
        return {"logits": (rows, None, num_labels), "labels": (rows, None)}

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Accept logits ``[B, T, K]`` and integers ``[B, T]``."""
        if not hasattr(logits, "shape") or not hasattr(labels, "shape") or len(logits.shape) != _AXES:
            return False
        whole = not labels.is_floating_point()
        return bool(whole and logits.shape[:2] == labels.shape and logits.shape[2] == num_labels)

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return the logits of tokens with a tag, ``[M, K]``."""
        width = min(logits.shape[1], label_ids.shape[1])
        return np.asarray(logits[:, :width][label_ids[:, :width] != IGNORED])

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the class of the highest logit of each token, ``[N, T]``; `NO_CLASS` where one is not finite."""
        if logits.ndim != _AXES:
            msg = f"head {HEAD.name!r} takes logits [N, T, K], got shape {logits.shape}."
            raise TaskError(msg)
        finite = np.isfinite(logits).all(axis=-1)
        return np.where(finite, logits.argmax(axis=-1), NO_CLASS).astype(np.int64)

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the class of the highest logit of each token."""
        return np.asarray(logits.argmax(axis=-1))

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities ``[N, T, K]``: the softmax."""
        return softmax(logits)


HEAD = Head(
    name="token-classification",
    traits=frozenset({LABEL_PER_TOKEN}),
    card=CardOfTags(),
    labels=LabelsOfTokens(),
    model=TransformersModel(
        auto_class="AutoModelForTokenClassification",
        words="token classification",
        problem_type=None,
        mistaken_problem_type="multi_label_classification",
        one_label="one of {} tags a word",
    ),
    loss=TokenCrossEntropy(),
    outputs=OutputsOfTokens(),
    scoring=ScoringOfEntities(),
    inputs=WordInputs(),
    serving=Serving(
        task="token-classification", made_with={"aggregation_strategy": "first"}, called_with={}, takes_strings=True
    ),
)
