"""The trace of a run: records of our own hooks during the training, the same for every engine.

Shapes: S optimizer steps, G parameter groups.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ParameterTrace:
    """One parameter of the model during the training."""

    name: str
    size: int
    """Number of values."""
    trainable: bool
    """True if it required gradients at the start or at the end of the training."""
    normalisation_or_bias: bool
    """True for a bias or a weight of a normalisation layer, which should have no weight decay."""
    groups: tuple[int, ...]
    """Indices of the optimizer's parameter groups that contain it."""
    weight_decay: float
    """Weight decay of its (first) group; 0 where it is in no group."""
    gradient: float
    """Largest norm of its gradient at an optimizer step; 0 where it had no gradient."""
    moved: float
    """Largest absolute change of a value from the first weights to the kept weights."""
    scale: float
    """Largest absolute first value."""


@dataclass(frozen=True)
class Pass:
    """One evaluation, or one epoch of training."""

    kind: str
    """``train`` or ``eval``."""
    rows: tuple[int, ...]
    """Fingerprint of every row, in order; see `pytest_ftcheck.training.fingerprint`."""
    labels: tuple[float, ...]
    """Label of each row; NaN where the batch had no labels."""
    batch_sizes: tuple[int, ...]
    in_train_mode: bool
    """True if any module was in train mode in any batch; checks use it for both kinds."""
    weights_changed: bool
    """True if the weights after the pass differ from those before it; checks use it for ``eval``."""


@dataclass(frozen=True)
class Trace:
    """The records of the hooks."""

    planned_steps: int = 0
    """Number of optimizer steps that the engine announced."""
    learning_rates: tuple[tuple[float, ...], ...] = ()
    """``[S, G]``: learning rates at each optimizer step; NaN where the optimizer chooses its own."""
    base_learning_rates: tuple[float, ...] = ()
    """``[G]``: base learning rates that the schedule multiplies."""
    gradient_norms: tuple[float, ...] = ()
    """``[S]``: norm of all gradients together at the optimizer step, after clipping."""
    micro_steps: tuple[int, ...] = ()
    """``[S]``: number of batches whose gradients each optimizer step uses."""
    scheduler_steps: int = 0
    """Number of steps of the learning rate scheduler."""
    schedule_length: int | None = None
    """Number of optimizer steps that the schedule was made for; None where it is unknown."""
    stale_gradients: tuple[int, ...] = ()
    """Optimizer steps (counted from 1) whose first backward pass found gradients of the previous step."""
    parameters: tuple[ParameterTrace, ...] = ()
    passes: tuple[Pass, ...] = ()
    forward_keys: tuple[str, ...] = ()
    """Keyword arguments of every forward pass in training."""
    eval_forward_keys: tuple[str, ...] = ()
    """Keyword arguments of every forward pass in evaluation."""
    padded_without_mask: bool = False
    """True if the model got a batch with padding without an attention mask."""

    optimizers: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    """Numeric settings of each optimizer (``betas``, ``eps``, ``momentum``, …), by the name of its class."""
    kept_by_reference: tuple[str, ...] = ()
    """Attributes of callbacks and the Trainer that held the weights themselves, not a copy, during the training."""

    @property
    def steps(self) -> int:
        """Number of optimizer steps."""
        return len(self.learning_rates)

    def to_record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Trace:
        """Read the result of `to_record`."""
        values = dict(record)
        values["parameters"] = tuple(
            ParameterTrace(**{**entry, "groups": tuple(entry["groups"])}) for entry in record["parameters"]
        )
        values["passes"] = tuple(
            Pass(**{**entry, **{key: tuple(entry[key]) for key in ("rows", "labels", "batch_sizes")}})
            for entry in record["passes"]
        )
        values["learning_rates"] = tuple(tuple(rates) for rates in record["learning_rates"])
        values["optimizers"] = {
            name: {key: tuple(numbers) for key, numbers in settings.items()}
            for name, settings in record["optimizers"].items()
        }
        for key in _TUPLES:
            values[key] = tuple(record[key])
        return cls(**values)


_TUPLES = (
    "base_learning_rates",
    "gradient_norms",
    "micro_steps",
    "stale_gradients",
    "forward_keys",
    "eval_forward_keys",
    "kept_by_reference",
)
