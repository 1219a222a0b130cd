"""Checks whether accumulated small batches give the gradient of one large batch: 4 micro-batches of 2 rows, or of 8."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from transformers import TrainerCallback

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.training.declared import arguments, own_loss, probed

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

_MICRO_STEPS, _ROWS = 4, 2
_RAGGED = tuple(range(13))
"""Rows of two optimizer steps: 4 times 2, and the rest of an epoch, 2, 2 and 1."""
_EQUAL = (0,) * 12
"""The same row everywhere: a loss whose weights depend on the batch then weights all rows equally. 4 and 2 times 2."""
HINT = (
    "divide a loss of your own by num_items_in_batch, or set loss_is_scaled_for_ga = False on the Trainer if it is "
    "a mean over the batch: the Trainer then divides it."
)


@check(
    "training.accumulation",
    cost="extra-training",
    tolerance={"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2},
    catches="a loss that is not divided by the number of micro-batches, divided twice, or by a wrong number; lost "
    "micro-batches",
    hint=HINT,
)
def accumulation(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Accumulated micro-batches give the gradient of one batch of all their rows.

    The check runs without dropout, clipping or changes of the weights; the tolerance is relative. A user's Trainer,
    which does not weight micro-batches by their rows, gets equal batches of one row; else batches are ragged, and the
    last one is smaller.

    Assumes: a batch's loss is the mean over its rows.

    Unusual but healthy: a model of transformers that ignores num_items_in_batch, a sampler that depends on the batch
    size, a recipe without accumulation, and callbacks that get the gradients are skipped.

    False alarms: none by chance. Dropout is off.
    """
    require_accumulation(evidence)
    require_untouched_gradients(evidence)
    weighs = evidence.pipeline.source.loss.weighs_micro_batches
    rows = _RAGGED if weighs else _EQUAL
    if len(evidence.pipeline.train_dataset) <= max(rows):
        msg = f"{len(evidence.pipeline.train_dataset)} training rows are too few"
        raise NotApplicable(msg)
    whole, parts = _probe(evidence, rows, _MICRO_STEPS * _ROWS, 1), _probe(evidence, rows, _ROWS, _MICRO_STEPS)
    if rows_by_step(whole, 1) != rows_by_step(parts, _MICRO_STEPS):
        msg = "batches of another size contain other rows: its sampler depends on the batch size"
        raise NotApplicable(msg)
    ones, many = whole.trace.gradient_norms, parts.trace.gradient_norms
    if len(ones) != 2 or len(many) != 2:  # 8 rows and the rest
        expected = f"2 optimizer steps over {len(rows)} rows, in batches of 8 and in groups of 4 times 2"
        return [finding(expected, f"{len(ones)} and {len(many)}")]
    if weighs:
        # A control that must differ: otherwise the lengths are no evidence. Two lengths may be equal by chance.
        lengths = [*ones, *_probe(evidence, rows, _ROWS, 1).trace.gradient_norms]
        if all(math.isclose(length, ones[0], rel_tol=thresholds["tolerance"]) for length in lengths):
            observed = f"all {ones[0]:.4g} long: something clips or rescales them"
            return [finding("other gradients of 2 rows than of 8 or 5", observed)]
    return _judge(evidence, [part / one for part, one in zip(many, ones, strict=True)], thresholds["tolerance"])


def require_accumulation(evidence: Evidence) -> None:
    """Stop a check if a user's Trainer does not accumulate: its loss need not support it.

    Raises:
        NotApplicable: the recipe does not accumulate.

    """
    weighs = evidence.pipeline.source.loss.weighs_micro_batches
    if not weighs and evidence.engine == "trainer" and arguments(evidence).gradient_accumulation_steps == 1:
        msg = "the recipe does not accumulate gradients (gradient_accumulation_steps = 1)"
        raise NotApplicable(msg)


def require_untouched_gradients(evidence: Evidence) -> None:
    """Stop a check if callbacks may change gradients before the optimizer gets them.

    Raises:
        NotApplicable: a callback has a method that is called before the optimizer step.

    """
    callbacks = evidence.pipeline.source.own.callbacks
    usual = TrainerCallback.on_pre_optimizer_step
    changing = [type(one).__name__ for one in callbacks if type(one).on_pre_optimizer_step is not usual]
    if changing:
        msg = f"callbacks of its own ({', '.join(changing)}) are called with the gradients, and may change them"
        raise NotApplicable(msg)


def require_counted_items(evidence: Evidence) -> None:
    """Stop a check if transformers itself makes gradients too long by the number of micro-batches.

    Raises:
        NotApplicable: the model ignores ``num_items_in_batch``, and the Trainer has no loss of its own.

    """
    source = evidence.pipeline.source
    if not source.loss.weighs_micro_batches and not own_loss(evidence):
        msg = (
            f"its {source.own.model_class.__name__} takes num_items_in_batch and ignores it, so that transformers "
            "itself multiplies the gradient by the number of micro-batches: your code is right, and only max_grad_norm "
            "is affected"
        )
        raise NotApplicable(msg)


def _judge(evidence: Evidence, ratios: list[float], tolerance: float) -> list[Finding]:
    """Compare lengths of accumulated gradients with those of one batch; the ratio should be 1."""
    if math.isclose(ratios[0], _MICRO_STEPS, rel_tol=tolerance):
        require_counted_items(evidence)
    own = own_loss(evidence)
    hint = f"the Trainer has a {' and a '.join(own)} of its own: {HINT}" if own else ""
    return [
        finding(
            f"{name}: a gradient as long as that of the same rows in one batch", f"{ratio:.4g} times as long", hint=hint
        )
        for ratio, name in zip(ratios, ("4 batches of 2 rows", "the rest of an epoch"), strict=True)
        # Written so that NaN counts as different from 1.
        if not abs(ratio - 1) <= tolerance
    ]


def _probe(evidence: Evidence, rows: tuple[int, ...], batch_size: int, micro_steps: int) -> Probe:
    """Take the optimizer steps of one epoch, at most two, without changing the weights."""
    return probed(
        evidence,
        steps=2,
        train_rows=rows,
        dropout=False,
        learning_rate_factor=0.0,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=micro_steps,
        max_grad_norm=0.0,
        bf16=False,
        fp16=False,
    )


def rows_by_step(probe: Probe, micro_steps: int) -> list[list[int]]:
    """Return the rows of every optimizer step, in any order."""
    steps = []
    for epoch in probe.trace.passes:
        if epoch.kind == "train":
            ends = [sum(epoch.batch_sizes[: end + 1]) for end in range(len(epoch.batch_sizes))]
            bounds = [0, *ends[micro_steps - 1 : -1 : micro_steps], *ends[-1:]]
            steps += [sorted(epoch.rows[start:end]) for start, end in pairwise(bounds)]
    return steps
