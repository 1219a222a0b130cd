"""Whether the other rows of a batch have an effect on the logits of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding
from pytest_ftcheck.checks.model.deterministic import require_repeatable
from pytest_ftcheck.checks.model.logits import (
    TOLERANCE,
    allowed,
    evaluated_features,
    logits_of,
    row_of,
    show,
    token_batch,
    tolerance_of,
)

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "model.batch_invariance",
    cost="forward",
    tolerance=TOLERANCE,
    catches="batch statistics in the model, reshapes that mix rows, a head that reads the next row",
    hint="look for normalisation over the batch, and for view, reshape or squeeze that mix the rows with the columns.",
)
def batch_invariance(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A row has the same logits whatever other rows are in its batch.

    Assumes: a row's logits do not depend on the other rows.

    Unusual but healthy: a model that compares rows on purpose, or normalises over a batch in evaluation, fails:
    silence the check.

    False alarms: none by chance.
    """
    model = evidence.fresh_model
    batch = token_batch(evidence, evaluated_features(evidence, 4))
    rows = len(batch["input_ids"])
    together = logits_of(model, batch)
    if len(together) != rows:
        return [finding(f"{rows} rows of logits for a batch of {rows} rows", f"{len(together)} rows")]
    for row in range(rows):
        alone = logits_of(model, row_of(batch, row))
        off = float((alone - together[row : row + 1]).abs().max())
        if not off <= allowed(tolerance_of(model, thresholds), together):
            require_repeatable(evidence)
            subject = f"row {row} of a batch of {rows}, equally padded"
            return [finding(f"logits {show(alone)}, as alone", show(together[row]), subject=subject)]
    return []
