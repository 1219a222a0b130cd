"""Parts of a head for its model: rules for the model, its loss, its outputs, and their metrics.

Shapes: N rows, B rows of a batch, K columns of logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.rows import EvaluatedRows
    from pytest_ftcheck.heads.trivial import Trivial

Reduction = Literal["none", "mean", "sum"]


class ModelRules(Protocol):
    """Rules for the model with such a head; `pytest_ftcheck.heads.model.TransformersModel` is one."""

    @property
    def words(self) -> str:
        """Task of the model, in messages: ``sequence classification``."""

    @property
    def problem_type(self) -> str | None:
        """``problem_type`` of the configuration, by which the model chooses its loss."""

    @property
    def mistaken_problem_type(self) -> str:
        """A ``problem_type`` of another head, which a checkpoint of another task may have."""

    @property
    def auto_class(self) -> str:
        """Name of the class of transformers that loads the model."""

    def takes(self, model: Any) -> bool:
        """Return whether a user's `transformers.PreTrainedModel` with outputs of these shapes has this head."""

    def configure(self, config: Any, num_labels: int, label_names: Sequence[str]) -> None:
        """Set the fields of a `transformers.PretrainedConfig` that the head needs, in place."""

    def labels_in_words(self, num_labels: int) -> str:
        """Describe a row's labels: ``one of 3 classes a row``."""


class Loss(Protocol):
    """The loss that transformers computes for this head."""

    @property
    def name(self) -> str:
        """Name for messages: ``cross entropy``."""

    def __call__(
        self, logits: Tensor, labels: Tensor, *, reduction: Reduction = "mean", label_smoothing: float = 0.0
    ) -> Tensor:
        """Compute the loss of logits ``[B, K]`` and labels ``[B, …]``.

        Args:
            logits: floats.
            labels: labels of a batch.
            reduction: ``mean`` and ``sum`` return a scalar, ``none`` returns ``[B]``.
            label_smoothing: as `transformers.TrainingArguments.label_smoothing_factor`.

        """

    def of_constant(self, labels: NDArray[Any], num_labels: int, label_smoothing: float = 0.0) -> float:
        """Return the mean loss of the best constant prediction."""

    def at_start(self, labels: Tensor, num_labels: int, thresholds: Mapping[str, float]) -> tuple[float, float, str]:
        """Return the lowest and the highest expected loss of an untrained model, and both in words.

        Args:
            labels: labels of a batch.
            num_labels: K.
            thresholds: thresholds of the check ``model.loss_at_start``: ``above``, ``below``, ``times``.

        """


class Outputs(Protocol):
    """Rules for the model's outputs."""

    def shapes(self, rows: int, num_labels: int) -> Mapping[str, tuple[int | None, ...]]:
        """Return the shapes of ``logits`` and ``labels`` that N evaluated rows must have; None: of any size."""

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Return whether a batch's logits and labels are those of this head, and of no other head of this package.

        Args:
            logits: logits of a user's model in evaluation: a tensor, or a tuple of tensors.
            labels: labels of the batch: a tensor, or a tuple of tensors.
            num_labels: ``num_labels`` of the model's configuration.

        """

    def judged(self, logits: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return the logits of evaluated rows without those of padding, as a matrix ``[M, …]``.

        Args:
            logits: ``[N, …]``, with the shape of `shapes`; a size that is None there may be smaller than that of the
                labels.
            label_ids: ``[N, …]``.

        """

    def normalised(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Return logits as ``[N, K]``; a model may omit an axis of size one."""

    def references(self, label_ids: NDArray[Any]) -> NDArray[Any]:
        """Return label ids in the shape for metrics, ``[N, …]``; an evaluation may add an axis of size one.

        Raises:
            TaskError: the label ids have another shape.

        """

    def predictions(self, logits: NDArray[np.float64]) -> NDArray[Any]:
        """Convert logits ``[N, K]`` to predictions for metrics, ``[N, …]``.

        Raises:
            TaskError: the logits have another shape.

        """

    def raw_predictions(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Convert logits to predictions without a check of their values."""

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert logits ``[N, K]`` to the scores ``[N, K]`` that `transformers.pipeline` returns."""


class Scoring(Protocol):
    """Metrics of predictions, and trivial models."""

    @property
    def default_metric(self) -> str:
        """Key and path of the metric for a Trainer without metrics."""

    @property
    def of_logits(self) -> tuple[str, ...]:
        """Metrics that a run does not report and that can be computed from logits; smaller is better."""

    @property
    def own_metrics(self) -> Mapping[str, Mapping[str, bool]]:
        """Metrics of this head only, by their name in ``metric.path`` of a card.

        Each has the keys that it returns, and whether greater is better; `row_metric` computes them.
        """

    @property
    def averages(self) -> Mapping[str, tuple[str, ...]]:
        """Names for `row_metric` of a reported key that may mean several metrics."""

    def row_metric(self, name: str, rows: EvaluatedRows) -> RowMetric | None:
        """Return a metric of these rows; None where it cannot be computed from them."""

    def constants(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[tuple[str, EvaluatedRows]]:
        """Return constant predictions for all rows, each with a name for messages.

        Args:
            metric: a name for `row_metric`.
            label_ids: label ids of the N evaluated rows, at least one.
            train_label_ids: label ids of the train rows, at least one.
            label_names: the card's label names.

        """

    def guesses(
        self, metric: str, label_ids: NDArray[Any], train_label_ids: NDArray[Any], label_names: Sequence[str]
    ) -> list[Trivial]:
        """Return the scores of trivial models with random predictions; see `constants`."""
