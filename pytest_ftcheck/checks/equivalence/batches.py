"""Checks of the same rows in other batches: micro-batches, more padding, evaluation. Shapes: N rows, K classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check
from pytest_ftcheck.checks.equivalence.residuals import Residuals, residuals
from pytest_ftcheck.checks.equivalence.ways import (
    BATCH,
    FALSE_ALARMS,
    LIMITS,
    REPETITIONS,
    TOLERANCE,
    compared,
    other_way,
    reference,
    require_same_rows,
    same_length,
    same_weights,
    verdict,
)
from pytest_ftcheck.checks.model.logits import require_mask
from pytest_ftcheck.checks.training.accumulation import HINT, require_accumulation, require_counted_items
from pytest_ftcheck.checks.training.declared import own_loss, probed
from pytest_ftcheck.training.variants import Padded, Rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

_COLUMNS = 8
_EVALUATED = 128
_SMALL, _LARGE = 1, 8
"""Numbers of rows of an evaluation batch."""


@check(
    "equivalence.accumulation",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="a loss of micro-batches that is a little too large or too small, for example by a wrong count of rows",
    hint=HINT,
)
def accumulation(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """8 accumulated micro-batches of one row give the losses and gradients of one batch of these 8 rows.

    The check compares the loss and the length of the gradient of each optimizer step, in units of their means over the
    steps, with the same weights at every step, without dropout and clipping. A loss of the user's own whose weights
    depend on the other rows of the batch is compared over batches that contain one row eight times.

    Assumes: a loss is a mean over rows, or is divided by the number of micro-batches.

    Unusual but healthy: models of transformers that ignore num_items_in_batch, and samplers that depend on the
    batch size, are skipped.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    evidence.require_training()
    require_accumulation(evidence)
    first, ways = reference(evidence), f"1 batch of {BATCH} rows and {BATCH} of 1 row"
    second = other_way(evidence, first, per_device_train_batch_size=1, gradient_accumulation_steps=BATCH)
    require_same_rows(evidence, first.probe, second, BATCH)
    if found := same_length(first.probe, second, ways):
        return found
    times = float(np.median(np.divide(second.trace.gradient_norms, first.probe.trace.gradient_norms)))
    if math.isclose(times, BATCH, rel_tol=1e-2):
        require_counted_items(evidence)
    own = own_loss(evidence)
    hint = f"the Trainer has a {' and a '.join(own)} of its own: {HINT}" if own else ""
    found = verdict(evidence, compared(first.probe, second, first.null), thresholds, ways=ways, hint=hint)
    if found and own and _alike_of_one_row(evidence, thresholds):
        msg = "its loss depends on the other rows of a batch: with batches of one row, both ways give the same"
        raise NotApplicable(msg)
    return found


def _alike_of_one_row(evidence: Evidence, thresholds: Thresholds) -> bool:
    """Return whether batches of one row, eight times, give the same: in them, every loss weights all rows equally."""

    def one_step(size: int, **changes: Any) -> Probe:
        changes |= {"per_device_train_batch_size": size, "gradient_accumulation_steps": BATCH // size}
        return same_weights(evidence, (0,) * BATCH, 1, **changes)

    null = [one_step(BATCH, variant=Rounded(seed)) for seed in range(1, REPETITIONS + 1)]
    return not any(one.judge(thresholds) for one in compared(one_step(BATCH), one_step(1), null))


@check(
    "equivalence.padding",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="a mask that lets a little of the padding through, a mean over columns that counts the padding",
    hint="the model or the loss reads padding: check that the attention mask reaches all layers, and that the head "
    "does not pool over padding.",
)
def padding(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Batches with 8 more columns of padding, or up to the model's limit, give the same losses and gradients.

    The comparison is that of ``equivalence.accumulation``.

    Assumes: the mask distinguishes padding from text.

    Unusual but healthy: models without a mask, and rows with the model's maximum length, are skipped.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    first, ways = reference(evidence), f"batches as the collator makes them and {_COLUMNS} columns longer ones"
    require_mask(evidence.fresh_model)
    pad_id = evidence.pipeline.pad_id
    if pad_id is None:
        msg = "no pad token is known"
        raise NotApplicable(msg)
    longest = _longest(evidence)
    batch = evidence.collate(evidence.features(evidence.pipeline.train_dataset, list(range(BATCH))))
    width = batch["input_ids"].shape[-1] if "input_ids" in batch else 0
    if not width or width >= longest:
        msg = f"batches have {width} columns, and the model takes {longest}: there is no room for padding"
        raise NotApplicable(msg)
    left = getattr(evidence.pipeline.processing_class, "padding_side", "right") == "left"
    second = other_way(evidence, first, variant=Padded(_COLUMNS, longest, pad_id, left))
    require_same_rows(evidence, first.probe, second)
    return same_length(first.probe, second, ways) or verdict(
        evidence, compared(first.probe, second, first.null), thresholds, ways=ways
    )


def _longest(evidence: Evidence) -> int:
    """Return how many columns the model takes, according to its configuration and the tokenizer."""
    config: Any = getattr(evidence.fresh_model, "config", None)
    positions = getattr(config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        # RoBERTa counts its positions from the pad id plus 1.
        return positions - (evidence.pipeline.pad_id or 0) - 1
    return int(getattr(evidence.pipeline.processing_class, "model_max_length", 10**6))


@check(
    "equivalence.evaluation_batches",
    cost="extra-training",
    thresholds=LIMITS,
    false_alarms=FALSE_ALARMS,
    tolerance=TOLERANCE,
    catches="logits that depend a little on the other rows of an evaluation batch, or on its padding",
    hint="look for normalisation over the batch, for a head that pools over padding, and for a last batch that is not "
    "full.",
)
def evaluation_batches(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Evaluation in batches of 1 row gives the logits of batches of 8.

    The check compares the scale of the logits, as a projection of each row on its first logits, and each logit, in
    units of the root mean square of all; over at most 128 rows, after a training step that does not change the weights.

    Assumes: a row's logits do not depend on other rows.

    Unusual but healthy: a model that uses statistics of the batch in evaluation on purpose fails.

    False alarms: at most 1.25e-3 a session (t test, Bonferroni over the family's tests), where it is asked for.
    """
    first, ways = reference(evidence), f"evaluation batches of {_SMALL} and {_LARGE} rows"

    def evaluated(size: int, **changes: Any) -> Probe:
        return probed(
            evidence,
            steps=1,
            train_rows=first.rows,
            eval_rows=_EVALUATED,
            dropout=False,
            learning_rate_factor=0.0,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=size,
            gradient_accumulation_steps=1,
            **changes,
        )

    one, two = evaluated(_SMALL), evaluated(_LARGE)
    null = [evaluated(_SMALL, variant=Rounded(seed, permuted=False)).logits for seed in (1, 2)]
    return verdict(evidence, logit_residuals(one.logits, two.logits, null), thresholds, ways=ways, of="rows")


def logit_residuals(first: NDArray[Any], second: NDArray[Any], null: Sequence[NDArray[Any]]) -> list[Residuals]:
    """Compare logits ``[N, K]``: their scale, and each of them."""
    one = first.astype(np.float64)
    size = float(np.sqrt(np.mean(one**2))) or 1.0

    def along(logits: NDArray[Any]) -> NDArray[np.float64]:
        """Return ``[N]``: the mean is 1 for the first logits, and 1.001 for logits that are scaled by 1.001."""
        moved: NDArray[np.float64] = 1 + ((logits.astype(np.float64) - one) * one).mean(axis=1) / size**2
        return moved

    def of_column(logits: NDArray[Any], column: int) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = 1 + (logits[:, column].astype(np.float64) - one[:, column]) / size
        return moved

    unit = np.full(len(one), 1.0)
    scale = residuals("scale of the logits", unit, along(second), [along(other) for other in null])
    columns = [
        residuals(f"logit {column}", unit, of_column(second, column), [of_column(other, column) for other in null])
        for column in range(one.shape[1])
    ]
    # Test only the column with the largest difference: otherwise many classes mean many tests.
    worst = max(columns, key=lambda column: float(np.abs(np.nan_to_num(column.values, nan=np.inf)).max()))
    return [scale, worst]
