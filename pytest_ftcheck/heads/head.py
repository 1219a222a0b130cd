"""What a head is: a name, traits, and eight small parts, each of which answers one kind of question.

Shapes: N rows, B rows of a batch, K columns of logits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pytest_ftcheck.heads.inputs import TextInputs
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import BatchEncoding, PreTrainedTokenizerBase

    from pytest_ftcheck.heads.answer_rules import AnswerRules
    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.rows import EvaluatedRows
    from pytest_ftcheck.heads.trivial import Trivial

Reduction = Literal["none", "mean", "sum"]


class CardRules(Protocol):
    """What a task card must say."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Say what is wrong with a card's ``label_names`` and ``slices``; an empty text where nothing is."""

    def width(self, label_names: Sequence[str]) -> int:
        """Return K."""


class InputRules(Protocol):
    """How raw rows become what the model takes; `pytest_ftcheck.heads.inputs.TextInputs` is one."""

    @property
    def recipe_keys(self) -> tuple[str, ...]:
        """Which keys of a recipe `encode` takes by name, beside ``max_length``."""

    @property
    def column(self) -> str:
        """What a cell of a text column holds, in messages: ``a text``."""

    def refusal(self, columns: Sequence[str]) -> str:
        """Say what is wrong with a card's ``text_columns``; an empty text where nothing is."""

    def holds(self, column: str, columns: Sequence[str], kind: pa.DataType) -> bool:
        """Tell whether one of the text columns may be of an Arrow type."""

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize rows as `encode` does, without their labels.

        Args:
            tokenizer: of the checkpoint.
            columns: the text columns by name, in the card's order, N values each.
            options: of the tokenizer's call, such as ``truncation``.

        """

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Tokenize rows; nothing is padded yet.

        Args:
            tokenizer: of the checkpoint.
            columns: the text columns by name, in the card's order, N values each.
            labels: N encoded labels.
            max_length: longer rows are truncated to so many tokens; None: to the tokenizer's own limit.
            options: what the recipe says of `recipe_keys`.

        Returns:
            Columns of N values each by name, among them those of the labels; where the head has `Head.answers`, of as
            many values as the rows become.

        """

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[dict[str, Any]]], Any]:
        """Make what pads encoded rows to a batch."""


class LabelRules(Protocol):
    """What a label is."""

    def arrow_type(self) -> pa.DataType:
        """Return the type of the label column."""

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> Any:
        """Turn a stored label into what the model learns.

        Args:
            value: as the data has it; the id where it is a name of a `datasets.ClassLabel`.
            label_names: of the card.
            where: split and row, for messages.

        Raises:
            DataError: it is not a label of this head.

        """

    def expected(self, num_labels: int) -> str:
        """Say in words which labels a model of K outputs takes."""

    def fits(self, label: Any, num_labels: int) -> bool:
        """Tell whether an encoded label is one that a model of K outputs takes."""

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Return the names of the torch dtypes that labels of a batch may have, the best one first.

        Args:
            own_loss: the user computes the loss, which may take labels of more types.

        """

    def stacked(self, labels: Sequence[Any]) -> NDArray[Any]:
        """Return N encoded labels as one array, ``[N, …]``, as an evaluation hands them over."""

    def kept_dtype(self) -> str:
        """Return the name of the numpy dtype in which a baseline keeps label ids."""

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return labels for generated batches, the simplest one first.

        Args:
            known: labels of real rows, maybe none.
            num_labels: K, at least 1.

        """

    def made_up(self, row: int, num_labels: int) -> Any:
        """Return a label for row number ``row`` of a batch that is made up: other rows have other labels."""


class ModelRules(Protocol):
    """Which model has such a head; `pytest_ftcheck.heads.model.TransformersModel` is one."""

    @property
    def words(self) -> str:
        """What the model is for, in messages: ``sequence classification``."""

    @property
    def problem_type(self) -> str | None:
        """``problem_type`` of the configuration, by which the model chooses its loss."""

    @property
    def mistaken_problem_type(self) -> str:
        """A ``problem_type`` of another head, as a checkpoint of another task may have it."""

    @property
    def auto_class(self) -> str:
        """Name of the class of transformers that loads the model."""

    def configure(self, config: Any, num_labels: int, label_names: Sequence[str]) -> None:
        """Set in a `transformers.PretrainedConfig` what the head needs, in place."""

    def labels_in_words(self, num_labels: int) -> str:
        """Say what a row's labels are: ``one of 3 classes a row``."""


class Loss(Protocol):
    """The loss that transformers computes for this head."""

    @property
    def name(self) -> str:
        """In words: ``cross entropy``."""

    def __call__(
        self, logits: Tensor, labels: Tensor, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> Tensor:
        """Compute the loss of logits ``[B, K]`` and labels ``[B, …]``.

        Args:
            logits: floats.
            labels: as a batch has them.
            reduction: ``mean`` and ``sum`` give a scalar, ``none`` gives ``[B]``.
            label_smoothing: as `transformers.TrainingArguments.label_smoothing_factor`.

        """

    def of_constant(self, labels: NDArray[Any], num_labels: int, label_smoothing: float = 0.0) -> float:
        """Return the mean loss of the best prediction that is the same for all rows."""

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the lowest and the highest loss of an untrained model, and both in words.

        Args:
            labels: of a batch.
            num_labels: K.
            thresholds: of the check ``model.loss_at_start``: ``above``, ``below``, ``times``.

        """


class Outputs(Protocol):
    """What the model gives."""

    def shapes(self, rows: int, num_labels: int) -> Mapping[str, tuple[int | None, ...]]:
        """Return the shapes of ``logits`` and ``labels`` that N evaluated rows must have; None: of any size."""

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Tell whether a batch's logits and labels are such as this head gives, and no other head of this package.

        Args:
            logits: of a user's model, in evaluation: a tensor, or a tuple of tensors.
            labels: likewise.
            num_labels: of the model's configuration.

        """

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return the logits that count of evaluated rows, as a matrix ``[M, …]``: those of no padding.

        Args:
            logits: ``[N, …]``, as `shapes` says; where a size is open, it may be smaller than that of the labels.
            label_ids: ``[N, …]``.

        """

    def normalised(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return logits as ``[N, K]``, where a model may leave a column of one out."""

    def references(self, label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return label ids as a metric takes them, ``[N, …]``, where an evaluation may give them a column of their own.

        Raises:
            TaskError: label ids of another shape.

        """

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[Any]:
        """Turn logits ``[N, K]`` into what a metric takes as predictions, ``[N, …]``.

        Raises:
            TaskError: logits of another shape.

        """

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Turn logits into predictions without any look at what they hold."""

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn logits ``[N, K]`` into the scores ``[N, K]`` that `transformers.pipeline` answers with."""


class Scoring(Protocol):
    """How predictions are judged."""

    @property
    def default_metric(self) -> str:
        """Key and path of the metric of a Trainer that has none."""

    @property
    def of_logits(self) -> tuple[str, ...]:
        """Metrics that no run reports and that logits give; smaller is better."""

    @property
    def own_metrics(self) -> Mapping[str, Mapping[str, bool]]:
        """Metrics that a card may name as ``metric.path`` and only this head has, by that name.

        Of each, the keys that it gives, and whether greater is better; `row_metric` computes them.
        """

    @property
    def averages(self) -> Mapping[str, tuple[str, ...]]:
        """Which names `row_metric` knows for a reported key that may mean several metrics."""

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return a metric of these rows; None where it cannot be computed from them."""

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return trivial models that answer the same for all rows, by a name for messages.

        Args:
            metric: as `row_metric` takes it.
            label_ids: of the N evaluated rows, at least one.
            train_label_ids: of the training rows, at least one.
            label_names: of the card.

        """

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return trivial models that draw their answers, with what they score; see `constants`."""


class SingleTexts(Protocol):
    """Rows of several texts taken apart into rows of one text, or of one pair."""

    @property
    def head(self) -> str:
        """Name of the head of such a row."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Of such a row."""

    def text_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Name the text columns of such rows, for those of a card."""

    def orders(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield the ways in which text columns of a user's rows may be those of a card, the likeliest first."""

    def rows(self, table: pa.Table, columns: Sequence[str], labels: str) -> pa.Table:
        """Take the rows of a table apart, each into as many as it has texts, in order.

        Args:
            table: raw rows, tokenized ones, or both.
            columns: the text columns of the card.
            labels: name of the label column.

        """

    def collator(self, collator: Callable[[list[dict[str, Any]]], Any], choices: int) -> Any:
        """Make a collator of such rows of one of rows with so many texts."""


@dataclass(frozen=True)
class Serving:
    """How a server asks the saved model: the arguments of `transformers.pipeline`."""

    task: str = "text-classification"
    """Empty where transformers has no pipeline for such a model."""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `pipeline` itself."""
    called_with: Mapping[str, Any] = field(default_factory=lambda: {"top_k": None})
    """Arguments of what it returns."""
    takes_strings: bool = False
    """It takes a string, and not ``{"text": …}``."""


@dataclass(frozen=True)
class Head:
    """All that depends on what a model's head learns."""

    name: str
    """As a task card names it."""
    traits: frozenset[str]
    """See `pytest_ftcheck.heads.traits`."""
    card: CardRules
    labels: LabelRules
    model: ModelRules
    loss: Loss
    outputs: Outputs
    scoring: Scoring
    inputs: InputRules = field(default_factory=TextInputs)
    serving: Serving = field(default_factory=Serving)
    answers: AnswerRules | None = None
    """Where a raw row may become several tokenized rows; None: row i of both is the same."""
    single_texts: SingleTexts | None = None
    """How rows of several texts are taken apart; None: a row has one text, or one pair."""

    def __post_init__(self) -> None:
        """Refuse one label a row that is neither a class nor a value: checks take it for one of both.

        Raises:
            ValueError: as above.

        """
        if LABEL_PER_ROW in self.traits and len(self.traits & {CLASSES, VALUES}) != 1:
            msg = f"head {self.name!r}: with trait {LABEL_PER_ROW!r}, it needs either {CLASSES!r} or {VALUES!r}."
            raise ValueError(msg)

    def logits_shape(self, label_ids: NDArray[Any], num_labels: int) -> tuple[int, ...]:
        """Return the shape of an evaluation's logits; where the head leaves a size open, that of the labels."""
        shape = self.outputs.shapes(len(label_ids), num_labels)["logits"]
        return tuple(label_ids.shape[axis] if size is None else size for axis, size in enumerate(shape))

    @property
    def values(self) -> bool:
        """Whether labels and predictions are numbers on a scale, not classes."""
        return VALUES in self.traits
