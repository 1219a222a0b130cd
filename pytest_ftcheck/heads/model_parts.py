"""Parts of a head that know its model: which one it is, its loss, its outputs, and how they are scored.

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
    """Which model has such a head; `pytest_ftcheck.heads.model.TransformersModel` is one."""

    @property
    def words(self) -> str:
        """Task of the model, in messages: ``sequence classification``."""

    @property
    def problem_type(self) -> str | None:
        """``problem_type`` of the configuration, by which the model chooses its loss."""

    @property
    def mistaken_problem_type(self) -> str:
        """A ``problem_type`` of another head, as a checkpoint of another task may have it."""

    @property
    def auto_class(self) -> str:
        """Name of the class of transformers that loads the model."""

    def takes(self, model: Any) -> bool:
        """Tell whether a user's `transformers.PreTrainedModel`, which gives outputs of such shapes, is such a model."""

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
        """Turn logits into predictions without a check of their values."""

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn logits ``[N, K]`` into the scores ``[N, K]`` that `transformers.pipeline` answers with."""


class Scoring(Protocol):
    """Metrics of predictions, and trivial models."""

    @property
    def default_metric(self) -> str:
        """Key and path of the metric of a Trainer that has none."""

    @property
    def of_logits(self) -> tuple[str, ...]:
        """Metrics that no run reports and that can be computed from logits; smaller is better."""

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
