"""The head of extractive question answering: it predicts the characters of a context that answer a question.

A raw row is a question with its context. If the context is too long for the model, the row becomes several tokenized
rows, its windows (`pytest_ftcheck.heads.windows`). A label is the first and the last token of the answer in a window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.answer_metrics import ScoringOfAnswers
from pytest_ftcheck.heads.answers import AnswersOfWindows
from pytest_ftcheck.heads.arrays import softmax
from pytest_ftcheck.heads.head import Head, Serving
from pytest_ftcheck.heads.model import TransformersModel
from pytest_ftcheck.heads.outputs import OutputsAsTheyAre
from pytest_ftcheck.heads.traits import POSITIONS, QUESTIONS
from pytest_ftcheck.heads.windows import WindowInputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.heads.model_parts import Reduction

_AXES = 3
"""Number of axes of logits [N, T, 2]."""
ENDS = 2
"""Number of columns of logits and labels: start and end."""


class CardOfSpans:
    """See `CardRules`."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Refuse label names, and slices of classes or of the lengths of windows."""
        if label_names:
            return "label_names must be absent: an answer is not a class"
        taken = [name for name in ("class", "length", "truncated") if name in slices]
        todo = "a question has no class, and may have several windows: name a column, or package.module:function"
        return f"slices {', '.join(map(repr, taken))}: {todo}" if taken else ""

    def width(self, label_names: Sequence[str]) -> int:
        """Return 2: each token has a logit for the start and a logit for the end."""
        del label_names
        return ENDS


class LabelsOfSpans:
    """See `LabelRules`: in raw rows texts and positions of the answers, in a batch first and last token."""

    def arrow_type(self) -> pa.DataType:
        """Return the type of texts and first characters of the answers."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        return pa.struct({"text": pa.list_(pa.string()), "answer_start": pa.list_(pa.int64())})

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> dict[str, Any]:
        """Return answers in the form of SQuAD.

        Raises:
            DataError: the value is not a mapping with as many texts as positions.

        """
        del label_names
        found: dict[str, Any] = value if isinstance(value, dict) else {}
        texts, starts = (found.get(key) for key in ("text", "answer_start"))
        typed = (
            isinstance(texts, list)
            and isinstance(starts, list)
            and len(texts) == len(starts)
            and all(isinstance(text, str) for text in texts)
            and all(isinstance(start, int) for start in starts)
        )
        if not typed:
            msg = (
                f"{where}: answers {value!r}: expected {{'text': [texts], 'answer_start': [first characters]}}, with "
                "two lists of the same length, which are empty if the question has no answer. Correct the row."
            )
            raise DataError(msg)
        return {"text": texts, "answer_start": starts}

    def expected(self, num_labels: int) -> str:
        """Describe the first and the last token."""
        del num_labels
        return "a first and a last token of the window, the first not after the last"

    def fits(self, label: Any, num_labels: int) -> bool:
        """Return whether a label is two positions in order."""
        del num_labels
        return len(label) == ENDS and 0 <= label[0] <= label[1]

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Return int64: cross entropy indexes with them."""
        del own_loss
        return ("int64",)

    def stacked(self, labels: Sequence[Any]) -> NDArray[np.int64]:
        """Return ``[N, 2]``."""
        return np.asarray(labels, dtype=np.int64).reshape(-1, ENDS)

    def kept_dtype(self) -> str:
        """Return the dtype of strings: a baseline stores the right answers of each question."""
        return "str"

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return the position of the first token, which every row has."""
        del known, num_labels
        return [[0, 0], [0, 1], [1, 1]]

    def made_up(self, row: int, num_labels: int) -> Any:
        """Return the positions of the first tokens in turn."""
        return [row % num_labels, row % num_labels]


class SpanCrossEntropy:
    """See `Loss`: the mean of the cross entropies of start and end over the tokens of a row."""

    name = "cross entropy of start and end"

    def __call__(
        self, logits: Tensor, labels: Tensor, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> Tensor:
        """Compute the loss of logits ``[B, T, 2]`` and positions ``[B, 2]``; positions beyond the row are ignored."""
        import torch  # noqa: PLC0415 - slow to import

        width = logits.shape[1]
        places = labels.long().clamp(0, width)
        start, end = (
            torch.nn.functional.cross_entropy(
                logits[:, :, column],
                places[:, column],
                reduction=reduction,
                ignore_index=width,
                label_smoothing=label_smoothing,
            )
            for column in range(ENDS)
        )
        return (start + end) / 2

    def of_constant(self, labels: NDArray[Any], num_labels: int, label_smoothing: float = 0.0) -> float:
        """Return the mean entropy of the positions in nats."""
        del num_labels, label_smoothing
        shares = [np.unique(column, return_counts=True)[1] / max(len(column), 1) for column in labels.T]
        return float(np.mean([-(share * np.log(share)).sum() for share in shares]))

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the range around ln T; only the length of the longest possible row is known."""
        del num_labels
        low, high = 0.0, math.log(max(int(labels.max()), 1) + 1) + thresholds["above"] + math.log(_LONGEST)
        return low, high, f"at most {high:.3g}: the loss of a guess among the tokens of a row"


_LONGEST = 512
"""Maximum number of tokens of a row in most models."""


class OutputsOfSpans(OutputsAsTheyAre):
    """See `Outputs`: logits ``[N, T, 2]`` of N windows, positions ``[N, 2]``."""

    def shapes(self, rows: int, num_labels: int) -> dict[str, tuple[int | None, ...]]:
        """Return the shapes of an evaluation, for any T."""
        return {"logits": (rows, None, num_labels), "labels": (rows, ENDS)}

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Return False: a batch does not show the question of a window; only a card names this head."""
        del logits, labels, num_labels
        return False

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return the logits of all tokens, ``[N, 2 T]``."""
        del label_ids
        return logits.reshape(len(logits), -1)

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the positions of the highest start and the highest end logit of each window, ``[N, 2]``."""
        if logits.ndim != _AXES:
            msg = f"head {HEAD.name!r} takes logits [N, T, 2], got shape {logits.shape}."
            raise TaskError(msg)
        return np.asarray(logits.argmax(axis=1), dtype=np.int64)

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return the positions of the highest logits."""
        return np.asarray(logits.argmax(axis=1))

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities of start and end over the tokens, ``[N, T, 2]``."""
        return softmax(logits, axis=1)


MODEL = TransformersModel(
    auto_class="AutoModelForQuestionAnswering",
    words="question answering",
    problem_type=None,
    mistaken_problem_type="multi_label_classification",
    one_label="a first and a last token",
)

HEAD = Head(
    name="question-answering",
    traits=frozenset({POSITIONS, QUESTIONS}),
    card=CardOfSpans(),
    labels=LabelsOfSpans(),
    model=MODEL,
    loss=SpanCrossEntropy(),
    outputs=OutputsOfSpans(),
    scoring=ScoringOfAnswers(),
    inputs=WindowInputs(),
    serving=Serving(task=""),
    answers=AnswersOfWindows(),
)
