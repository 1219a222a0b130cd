"""The head of masked language modelling: it predicts the tokens that the mask token replaces.

A row is a text. Its masked tokens are drawn at random (`pytest_ftcheck.heads.masking`), in training again for every
batch, so that train rows have no labels. The logits of an evaluation would have the size rows x tokens x vocabulary:
instead, the loss and the likeliest token of each token are stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.arrays import softmax
from pytest_ftcheck.heads.classes import NO_CLASS
from pytest_ftcheck.heads.head import Head, Serving
from pytest_ftcheck.heads.masked_metrics import ScoringOfMaskedTokens
from pytest_ftcheck.heads.masking import LineInputs, MasksOfRows
from pytest_ftcheck.heads.outputs import OutputsAsTheyAre
from pytest_ftcheck.heads.tokens import TokenCrossEntropy
from pytest_ftcheck.heads.traits import IGNORED, MASKED_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor

_AXES = 3
"""Number of axes of the stored numbers, [N, T, 2]."""


class CardOfMaskedTokens:
    """See `CardRules`: no label names, because the labels are the tokens of the vocabulary."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Refuse label names, and slices of classes."""
        if label_names:
            return "label_names must be absent: the labels are the tokens of the vocabulary"
        return "slices: remove 'class', which needs one class a row; a row has tokens" if "class" in slices else ""

    def width(self, label_names: Sequence[str]) -> int:
        """Return 2, the number of stored numbers for each token: a card does not know the size of the vocabulary."""
        del label_names
        return len(TokenScores.names)


class LabelsOfMaskedTokens:
    """See `LabelRules`: in raw rows the text itself; in a batch the ids of the masked tokens, else `IGNORED`."""

    def arrow_type(self) -> pa.DataType:
        """Return the type of strings."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        return pa.string()

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> str:
        """Return the text.

        Raises:
            DataError: the value is not a string.

        """
        del label_names
        if not isinstance(value, str):
            msg = f"{where}: {value!r} is not a string; this head learns the words of a text. Correct label_column."
            raise DataError(msg)
        return value

    def expected(self, num_labels: int) -> str:
        """Describe a list of token ids."""
        del num_labels
        return f"a list of token ids, {IGNORED} where a token is not masked"

    def fits(self, label: Any, num_labels: int) -> bool:
        """Return whether all elements are integers of at least 0, or ignored."""
        del num_labels
        return all(isinstance(token, Integral) and (token == IGNORED or int(token) >= 0) for token in label)

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Return int64: cross entropy indexes with them."""
        del own_loss
        return ("int64",)

    def stacked(self, labels: Sequence[Any]) -> NDArray[np.int64]:
        """Pad to ``[N, T]`` with `IGNORED`."""
        width = max(map(len, labels), default=0)
        padded = np.full((len(labels), width), IGNORED, dtype=np.int64)
        for row, tokens in enumerate(labels):
            padded[row, : len(tokens)] = tokens
        return padded

    def kept_dtype(self) -> str:
        """Return int32, which is enough for any id."""
        return "int32"

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return a label that masks nothing."""
        del known, num_labels
        return [[IGNORED]]

    def made_up(self, row: int, num_labels: int) -> Any:
        """Return a label that masks nothing."""
        del row, num_labels
        return [IGNORED]


@dataclass(frozen=True)
class MaskedModel:
    """See `ModelRules`: the checkpoint's vocabulary determines the size of the logits; labels have no names."""

    auto_class: str = "AutoModelForMaskedLM"
    words: str = "masked language modelling"
    problem_type: None = None
    mistaken_problem_type: str = "multi_label_classification"

    def takes(self, model: Any) -> bool:
        """Accept the classes of transformers for this task and their subclasses: causal models have the same shapes."""
        from transformers.models.auto.modeling_auto import (  # noqa: PLC0415 - slow to import
            MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        )

        names = set(MODEL_FOR_MASKED_LM_MAPPING_NAMES.values())
        known = any(each.__name__ in names for each in type(model).__mro__)
        # Bart is one of these classes, but generates text.
        writes = any(getattr(model.config, name, False) for name in ("is_decoder", "is_encoder_decoder"))
        return known and not writes

    def configure(self, config: Any, num_labels: int, label_names: Sequence[str]) -> None:
        """Leave the configuration unchanged."""
        del config, num_labels, label_names

    def labels_in_words(self, num_labels: int) -> str:
        """Describe a row's labels."""
        del num_labels
        return "the masked tokens of a row"


class MaskedCrossEntropy(TokenCrossEntropy):
    """See `Loss`: the mean over the masked tokens, of logits ``[B, T, V]`` and labels ``[B, T]``."""

    name = "cross entropy of the masked tokens"

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the range up to a guess among the tokens of a large vocabulary: a card does not know its size."""
        del labels, num_labels
        high = math.log(_LARGEST_VOCABULARY) + thresholds["above"]
        return 0.0, high, f"at most {high:.3g}: the loss of a guess among {_LARGEST_VOCABULARY} tokens"


_LARGEST_VOCABULARY = 300_000
"""Number of tokens; XLM-R has 250,000."""


class OutputsOfMaskedTokens(OutputsAsTheyAre):
    """See `Outputs`: `TokenScores` of N rows, ``[N, T, 2]``, and labels ``[N, T]``, padded to the longest row."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int | None, ...]]:
        """Return the shapes of an evaluation, for any T."""
        return {"logits": (rows, None, num_labels), "labels": (rows, None)}

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Accept logits ``[B, T, V]``, V not the number of labels, and integers ``[B, T]``.

        How many are ignored does not matter: where the collator labels every token, a check reports it.
        """
        if not hasattr(logits, "shape") or not hasattr(labels, "shape") or len(logits.shape) != _AXES:
            return False
        return not labels.is_floating_point() and logits.shape[:2] == labels.shape and logits.shape[2] != num_labels

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return the loss of each masked token, ``[M, 1]``, from stored numbers or logits ``[N, T, V]``."""
        width = min(logits.shape[1], label_ids.shape[1])
        masked = label_ids[:, :width] != IGNORED
        chosen = logits[:, :width][masked]
        if logits.shape[2] == len(TokenScores.names):
            return np.asarray(chosen[:, :1])
        shifted = chosen.astype(np.float64) - chosen.max(axis=1, keepdims=True)
        given = np.take_along_axis(shifted, label_ids[:, :width][masked][:, None], axis=1)
        return np.asarray(np.log(np.exp(shifted).sum(axis=1, keepdims=True)) - given)

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the likeliest tokens, ``[N, T]``; `NO_CLASS` where a loss is not finite."""
        if logits.ndim != _AXES:
            msg = f"head {HEAD.name!r} takes losses and tokens [N, T, 2], got shape {logits.shape}."
            raise TaskError(msg)
        finite = np.asarray(np.isfinite(logits).all(axis=-1))
        return np.where(finite, self.raw_predictions(np.where(finite[..., None], logits, 0)), NO_CLASS).astype(np.int64)

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[np.int64]:
        """Return the likeliest tokens, from stored numbers or logits ``[N, T, V]``."""
        if logits.shape[2] == len(TokenScores.names):
            return np.asarray(logits[..., 1], dtype=np.int64)
        return np.asarray(logits.argmax(axis=-1), dtype=np.int64)

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities over the vocabulary: the softmax."""
        return softmax(logits)


class TokenScores:
    """See `KeptRules`: the loss of each token, 0 where it is not masked, and the likeliest token."""

    names = ("token_losses", "token_ids")

    def of_batch(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return both in float32, ``[B, T, 2]``, exact for ids up to 16 million; NaN where a logit is not finite."""
        import torch  # noqa: PLC0415 - slow to import

        losses = torch.nn.functional.cross_entropy(
            logits.float().transpose(1, 2), labels.long(), reduction="none", ignore_index=IGNORED
        )
        finite = logits.isfinite().all(dim=-1)
        return torch.stack([torch.where(finite, losses, torch.nan), logits.argmax(dim=-1).float()], dim=-1)

    def losses(self, kept: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean loss of the masked tokens of each row."""
        masked = label_ids != IGNORED
        sums = np.where(masked, kept[..., 0].astype(np.float64), 0.0).sum(axis=1)
        return np.asarray(sums / np.maximum(masked.sum(axis=1), 1))


HEAD = Head(
    name="masked-language-modelling",
    traits=frozenset({MASKED_TOKENS}),
    card=CardOfMaskedTokens(),
    labels=LabelsOfMaskedTokens(),
    model=MaskedModel(),
    loss=MaskedCrossEntropy(),
    outputs=OutputsOfMaskedTokens(),
    scoring=ScoringOfMaskedTokens(),
    inputs=LineInputs(),
    serving=Serving(task="fill-mask", called_with={"top_k": 1}, takes_strings=True),
    kept=TokenScores(),
    masks=MasksOfRows(),
    leaves_out_empty=True,
)
