"""The trace of a run: what our own hooks saw while an engine trained, whatever the engine is.

Shapes: S optimizer steps, G parameter groups.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ParameterTrace:
    """One parameter of the model, as it was trained."""

    name: str
    size: int
    """Values that it holds."""
    trainable: bool
    """It required gradients when training began, or when it ended."""
    normalisation_or_bias: bool
    """A bias, or a weight of a normalisation layer: what weight decay should leave alone."""
    groups: tuple[int, ...]
    """Indices of the optimizer's groups that hold it."""
    weight_decay: float
    """Of its (first) group; 0 where it is in none."""
    gradient: float
    """Largest norm of its gradient that an optimizer step saw; 0 where there was none."""
    moved: float
    """Largest absolute change of a value from the first weights to those that were kept."""
    scale: float
    """Largest absolute first value."""


@dataclass(frozen=True)
class Pass:
    """One stretch of evaluation, or one epoch of training."""

    kind: str
    """``train`` or ``eval``."""
    rows: tuple[int, ...]
    """Fingerprint of every row that was seen, in order; see `pytest_ftcheck.training.fingerprint`."""
    labels: tuple[float, ...]
    """Label of each row; NaN where the batch had none."""
    batch_sizes: tuple[int, ...]
    in_train_mode: bool
    """Any module was in train mode in any of its batches; of interest in both kinds."""
    weights_changed: bool
    """The weights after the pass differ from those before it (of interest in ``eval``)."""


@dataclass(frozen=True)
class Trace:
    """What the hooks saw."""

    planned_steps: int = 0
    """Optimizer steps that the engine announced."""
    learning_rates: tuple[tuple[float, ...], ...] = ()
    """``[S, G]``: in force when each optimizer step was taken; NaN where the optimizer chooses its own."""
    base_learning_rates: tuple[float, ...] = ()
    """``[G]``: what the schedule multiplies."""
    gradient_norms: tuple[float, ...] = ()
    """``[S]``: of all gradients together, as the optimizer got them, after clipping."""
    micro_steps: tuple[int, ...] = ()
    """``[S]``: batches whose gradients went into each optimizer step."""
    scheduler_steps: int = 0
    """Times that the learning rate scheduler was stepped."""
    schedule_length: int | None = None
    """Optimizer steps that the schedule was made for; None where it does not say."""
    stale_gradients: tuple[int, ...] = ()
    """Optimizer steps (from 1) whose first backward pass found gradients of the step before."""
    parameters: tuple[ParameterTrace, ...] = ()
    passes: tuple[Pass, ...] = ()
    forward_keys: tuple[str, ...] = ()
    """Keywords that every forward pass of training got."""
    eval_forward_keys: tuple[str, ...] = ()
    """Keywords that every forward pass of evaluation got."""
    padded_without_mask: bool = False
    """A batch with padding reached the model without an attention mask."""

    optimizers: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    """Numbers that each optimizer was made with (``betas``, ``eps``, ``momentum``, …), by the name of its class."""
    kept_by_reference: tuple[str, ...] = ()
    """Attributes of callbacks and the Trainer that held the weights, not a copy of them, while training went on."""

    @property
    def steps(self) -> int:
        """Optimizer steps that were taken."""
        return len(self.learning_rates)

    def to_record(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Trace:
        """Read what `to_record` gave."""
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
