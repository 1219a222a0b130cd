"""Our own hooks in a model and its optimizer, which record the training of any engine as a `Trace`."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from pytest_ftcheck.compat.of_torch import norms_of
from pytest_ftcheck.runs.trace import ParameterTrace, Trace
from pytest_ftcheck.training.pass_tracer import PassTracer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

_LOOKS = 20
"""Number of optimizer steps whose first backward pass is checked; such defects are in every step."""


class Tracer(PassTracer):
    """Records one run: its passes, and what its optimizers do."""

    def __init__(self, pad_id: int | None) -> None:
        super().__init__(pad_id)
        self._parameters: list[tuple[str, nn.Parameter]] = []
        self._watched: set[int] = set()
        self._trainable: set[str] = set()
        self._first: dict[str, Tensor] = {}
        self._largest: Tensor | None = None
        self._optimizers: dict[int, torch.optim.Optimizer] = {}
        self._stepped: set[int] = set()
        self._nested = 0
        self._groups: list[Mapping[str, Any]] = []
        self._rates: list[tuple[float, ...]] = []
        self._norms: list[Tensor] = []
        self._micro_steps: list[int] = []
        self._micro = 0
        self._stale: list[int] = []
        self._checked_step = 0
        self._scheduler: Any = None
        self.planned_steps = 0
        self.kept_by_reference: dict[str, None] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record the steps of every optimizer in this context; the model is recorded after `watch`."""
        self._handles: list[Any] = [
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        try:
            yield
        finally:
            for registered in self._handles:
                registered.remove()

    def watch(self, model: nn.Module) -> None:
        """Record a model from its first weights on; a second call with the same model changes nothing."""
        if model is self.model:
            return
        super().watch(model)
        self._parameters = list(model.named_parameters())
        self._watched = {id(parameter) for _, parameter in self._parameters}
        self._trainable = {name for name, parameter in self._parameters if parameter.requires_grad}
        self._first = {name: parameter.detach().clone() for name, parameter in self._parameters}
        self._handles.append(model.register_forward_pre_hook(self.before_forward, with_kwargs=True))
        self._handles.append(model.register_forward_hook(self._after_forward))

    def scheduled_by(self, scheduler: object) -> None:
        """Store the learning rate scheduler, which counts its own steps."""
        self._scheduler = getattr(scheduler, "scheduler", scheduler)

    def train_batch(self, batch: Mapping[str, Any]) -> None:
        """Record the rows of a training batch, before the engine or a user's loss changes it."""
        self._micro += 1
        self._stepped.clear()
        super().train_batch(batch)

    def _after_forward(self, model: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        del model, args
        if not torch.is_grad_enabled() or self._micro != 1 or len(self._rates) > _LOOKS:
            return
        values = output.values() if hasattr(output, "values") else output if isinstance(output, tuple) else [output]
        for value in values:
            if isinstance(value, torch.Tensor) and value.requires_grad:
                value.register_hook(self._first_backward)

    def _first_backward(self, gradient: Tensor) -> None:
        """Check at the start of the first backward pass of an optimizer step that there are no gradients."""
        del gradient
        step = len(self._rates) + 1
        # In a step with several backward passes, as in adversarial training, later passes find gradients of the first.
        if step in (1, self._checked_step):
            return
        self._checked_step = step
        if any(p.grad is not None and bool((p.grad != 0).any()) for _, p in self._parameters):
            self._stale.append(step)

    def _before_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        del args, kwargs
        self._nested += 1
        # An optimizer that wraps another one calls its step: this is one update.
        if self._nested > 1 or not self._holds_parameters(optimizer):
            return
        if id(optimizer) not in self._optimizers:
            self._optimizers[id(optimizer)] = optimizer
        self._note_groups()
        rates = tuple(_number(group["lr"]) for group in optimizer.param_groups)
        if self._stepped and id(optimizer) not in self._stepped:
            # Several optimizers share the parameters: their steps together are one step.
            self._rates[-1] += rates
        else:
            self._rates.append(rates)
            self._note_gradients()
        self._stepped.add(id(optimizer))

    def _after_step(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        del optimizer, args, kwargs
        self._nested -= 1

    def _holds_parameters(self, optimizer: torch.optim.Optimizer) -> bool:
        return any(id(parameter) in self._watched for group in optimizer.param_groups for parameter in group["params"])

    def _note_groups(self) -> None:
        """Record the current parameter groups: layers that are unfrozen later are added later."""
        groups = [group for optimizer in self._optimizers.values() for group in optimizer.param_groups]
        if len(groups) != len(self._groups):
            self._groups = [{**group, "params": {id(p) for p in group["params"]}} for group in groups]

    def _note_gradients(self) -> None:
        gradients = [p.grad.detach() for _, p in self._parameters if p.grad is not None]
        found = iter(norms_of(gradients, torch.float32))
        zero = torch.zeros((), device=self._parameters[0][1].device)
        norms = torch.stack([zero if p.grad is None else next(found) for _, p in self._parameters])
        self._norms.append(torch.linalg.vector_norm(norms))
        self._largest = norms if self._largest is None else torch.maximum(self._largest, norms)
        self._micro_steps.append(self._micro)
        self._micro = 0

    def finish(self) -> Trace:
        """Read the values that are still on the device, and return the trace."""
        return Trace(
            planned_steps=self.planned_steps,
            learning_rates=tuple(self._rates),
            base_learning_rates=tuple(_number(group.get("initial_lr", group["lr"])) for group in self._groups),
            gradient_norms=tuple(float(norm) for norm in self._norms),
            micro_steps=tuple(self._micro_steps),
            scheduler_steps=int(getattr(self._scheduler, "last_epoch", 0)),
            schedule_length=_schedule_length(self._scheduler),
            stale_gradients=tuple(self._stale),
            parameters=tuple(self._traced()),
            passes=self.passes,
            forward_keys=self.forward_keys("train"),
            eval_forward_keys=self.forward_keys("eval"),
            padded_without_mask=self.padded_without_mask,
            optimizers={_class_name(optimizer): _settings(optimizer) for optimizer in self._optimizers.values()},
            kept_by_reference=tuple(self.kept_by_reference),
        )

    def _traced(self) -> Iterator[ParameterTrace]:
        special = _normalisation_or_bias(self.model) if self.model is not None else set()
        largest = self._largest.tolist() if self._largest is not None else [0.0] * len(self._parameters)
        for (name, parameter), gradient in zip(self._parameters, largest, strict=True):
            groups = tuple(index for index, group in enumerate(self._groups) if id(parameter) in group["params"])
            first = self._first[name]
            yield ParameterTrace(
                name=name,
                size=parameter.numel(),
                trainable=parameter.requires_grad or name in self._trainable,
                normalisation_or_bias=name in special,
                groups=groups,
                weight_decay=float(self._groups[groups[0]].get("weight_decay", 0.0)) if groups else 0.0,
                gradient=float(gradient),
                moved=float((parameter.detach() - first).abs().max()) if first.numel() else 0.0,
                scale=float(first.abs().max()) if first.numel() else 0.0,
            )


def _normalisation_or_bias(model: nn.Module) -> set[str]:
    """Return the names of biases, and of weights of normalisation layers."""
    names = {name for name, _ in model.named_parameters() if name.endswith("bias")}
    for prefix, module in model.named_modules():
        if "norm" in type(module).__name__.casefold():
            names |= {f"{prefix}.{name}" for name, _ in module.named_parameters(recurse=False)}
    return names


def _number(rate: Any) -> float:
    """Return a learning rate; NaN where there is none."""
    return math.nan if rate is None else float(rate)


def _class_name(optimizer: torch.optim.Optimizer) -> str:
    """Return the public name of a class: ``torch.optim.AdamW``, not its private module."""
    kind = type(optimizer)
    public = getattr(torch.optim, kind.__name__, None) is kind
    return f"torch.optim.{kind.__name__}" if public else f"{kind.__module__}.{kind.__qualname__}"


def _settings(optimizer: torch.optim.Optimizer) -> dict[str, tuple[float, ...]]:
    """Return the numeric settings of an optimizer, without those that differ between groups."""
    found = {}
    for name, value in optimizer.defaults.items():
        values = value if isinstance(value, (tuple, list)) else (value,)
        if name not in ("lr", "weight_decay") and all(isinstance(each, (int, float)) for each in values):
            found[name] = tuple(float(each) for each in values)
    return found


def _schedule_length(scheduler: Any) -> int | None:
    """Return the number of optimizer steps that a schedule of transformers was made for."""
    for function in getattr(scheduler, "lr_lambdas", ()):
        length = getattr(function, "keywords", {}).get("num_training_steps")
        if length is not None:
            return int(length)
    return None
