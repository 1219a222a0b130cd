"""What must hold for training: both engines do the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

PARITY_STEPS = 12
"""Optimizer steps of the runs that are compared: differences of a recipe show at the first of them."""
PARITY_ROWS = 64
"""Evaluated rows of those runs."""

LOSS_TOLERANCE = {"cpu": 1e-5, "cuda": 1e-3, "mps": 1e-3}
LOGITS_TOLERANCE = {"cpu": 1e-4, "cuda": 1e-2, "mps": 1e-2}
"""Absolute, in float32. GPU kernels sum in another order from run to run."""


@dataclass(frozen=True)
class WithoutDropout:
    """Makes the models of another ``model_init``, with every dropout off: engines draw it in their own order."""

    model_init: Callable[[], PreTrainedModel]

    def __call__(self) -> PreTrainedModel:
        """Make a fresh model without dropout."""
        import torch  # noqa: PLC0415 - heavy

        model = self.model_init()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        return model


def parity_pipeline(pipeline: Pipeline) -> Pipeline:
    """Shorten a pipeline for `engine_parity`: a few steps, a few rows to evaluate, no dropout, the last weights."""
    rows = min(PARITY_ROWS, len(pipeline.eval_dataset))
    short = {"max_steps": PARITY_STEPS, "load_best_model_at_end": False, "save_strategy": "no", "logging_steps": 1}
    return replace(
        pipeline,
        model_init=WithoutDropout(pipeline.model_init),
        eval_dataset=pipeline.eval_dataset.select(range(rows)),
        args={**pipeline.args, **short},
    )


def engine_parity(first: Run, second: Run, subject: str) -> list[Finding]:
    """Same seed, same order, no dropout: both engines have the same losses step by step, and the same logits.

    Args:
        first: run of one engine over a `parity_pipeline`.
        second: run of the other.
        subject: what was trained on what.

    """
    device = first.environment["device"]
    findings = []
    losses, others = np.asarray(first.step_losses), np.asarray(second.step_losses)
    names = f"{first.engine} and {second.engine}"
    hint = "the engines see other rows, another learning rate or another loss: compare recipe, sampler and collator."
    if losses.shape != others.shape or not losses.size:
        expected = f"{names} take equally many steps, at least one"
        observed = f"{losses.size} and {others.size} optimizer steps"
        return [Finding("training.engine_parity", subject, expected, observed, hint)]
    # Written so that a NaN counts as different.
    apart = np.flatnonzero(~(np.abs(losses - others) <= LOSS_TOLERANCE[device]))
    if apart.size:
        step = int(apart[0])
        observed = f"first apart at optimizer step {step + 1}: {losses[step]:.7f} and {others[step]:.7f}"
        expected = f"losses of {names} within {LOSS_TOLERANCE[device]:g} at each of {losses.size} steps"
        findings.append(Finding("training.engine_parity", subject, expected, observed, hint))
    worst = float(np.abs(first.logits - second.logits).max())
    if not worst <= LOGITS_TOLERANCE[device]:
        expected = f"final logits of {names} within {LOGITS_TOLERANCE[device]:g}"
        findings.append(Finding("training.engine_parity", subject, expected, f"{worst:.2e} apart", hint))
    return findings
