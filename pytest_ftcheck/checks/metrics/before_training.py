"""Checks that a model does not predict the evaluated rows before it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import stats
from torch.nn.functional import cross_entropy

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.metrics.rows import SingleLabelRows, chance_of_hits, judged
from pytest_ftcheck.checks.model.logits import affordable, logits_of_rows
from pytest_ftcheck.checks.model.weights import newly_initialised, parts_of
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW
from pytest_ftcheck.pipeline.checkpoint_files import weight_shapes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_DRAWS = 10


@check(
    "metrics.before_training",
    cost="run",
    needs=(CLASSES, LABEL_PER_ROW),
    # Required gain of the accuracy by the training of an already trained model; two p-values.
    thresholds={"gain": 0.01, "alpha": 1e-6, "membership": 1e-4},
    false_alarms=1e-4,
    catches="a model that continues from the last fold, or from a checkpoint that was fine-tuned on the evaluated rows",
    hint="load the pretrained checkpoint again for every training. If the checkpoint is fine-tuned on purpose, make "
    "sure that its training did not contain these rows.",
)
def before_training(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The model does not predict the evaluated rows before training.

    A new head is judged by `model.loss_at_start`: it differs with another seed. A head that is not new, and is right
    more often than chance, fails in two cases: its checkpoint does not have that head and training gains nothing; or
    its loss is smaller on evaluation rows than on train rows (Mann-Whitney test at ``membership``, after Shokri et al.,
    2017), which shows that it was trained on them. In other cases the check warns: a checkpoint may be fine-tuned on
    purpose.

    Assumes: a head that is not new comes from the checkpoint that the configuration names.

    Unusual but healthy: a checkpoint that was fine-tuned before, on other rows, only warns. A head that the factory
    trained itself fails if the training then gains nothing.

    False alarms: at most 1e-4 a session (Mann-Whitney test), for a model that is already trained.
    """
    evidence.require_training()
    final = judged(evidence)
    differs, (train, evaluated) = _differs_with_seed(evidence), splits(evidence)
    count = affordable(evidence, 300, 64)
    losses, rows = _losses_and_rows(evidence, evidence.fresh_model, evaluated, evaluated.few(count))
    if not chance_of_hits(rows) < thresholds["alpha"] or (
        differs and not _is_always_right(evidence, evaluated, thresholds)
    ):
        return []
    seen, _ = _losses_and_rows(evidence, evidence.fresh_model, train, train.few(count))
    before, after = (float((some.predictions == some.labels).mean()) for some in (rows, final))
    observed = f"{before:.4f} of {len(rows)} rows are right before training, {after:.4f} after it"
    expected = "a model that does not know the evaluated rows before it is trained"
    if stats.mannwhitneyu(losses, seen, alternative="less").pvalue < thresholds["membership"]:
        observed += f"; it knows them better than train rows (a loss of {losses.mean():.3g} against {seen.mean():.3g})"
        return [finding(expected, observed)]
    if not _has_head(evidence) and after < before + thresholds["gain"]:
        observed += (
            f", and its checkpoint, {evidence.pipeline.checkpoint.name}, has no such head: it was trained before"
        )
        return [finding(expected, observed)]
    expected += ", or a checkpoint that was fine-tuned on purpose, and not on them"
    return [warning(expected, observed, share=before)]


def _differs_with_seed(evidence: Evidence) -> bool:
    """Return whether another seed gives another head: a random one, or one that the factory trains.

    Raises:
        NotApplicable: the head cannot be separated from the rest.

    """
    head = {name for name, parameter in parts_of(evidence.fresh_model).head.items() if parameter.dim() > 1}
    return bool(newly_initialised(evidence) & head)


def _is_always_right(evidence: Evidence, split: Split, thresholds: Thresholds) -> bool:
    """Return whether a head is right more often than chance with every seed: then it was trained.

    If the features separate two classes, a random head is right with probability 1/2; all heads are right in one of a
    thousand cases.
    """
    indices = split.few(affordable(evidence, 128, 64))
    for seed in range(evidence.seed + 1, evidence.seed + 1 + _DRAWS):
        _, rows = _losses_and_rows(evidence, evidence.make_model(seed), split, indices)
        if not chance_of_hits(rows) < thresholds["alpha"]:
            return False
    return True


def _has_head(evidence: Evidence) -> bool:
    """Return whether a file of the checkpoint holds the head's matrices."""
    folder = evidence.pipeline.checkpoint.folder
    head = [name for name, parameter in parts_of(evidence.fresh_model).head.items() if parameter.dim() > 1]
    return folder is not None and set(head) <= set(weight_shapes(folder))


def _losses_and_rows(
    evidence: Evidence, model: PreTrainedModel, split: Split, indices: list[int]
) -> tuple[NDArray[np.float64], SingleLabelRows]:
    """Return a model's cross entropy of some rows, ``[N]``, and its predictions.

    Raises:
        NotApplicable: labels are not classes of the head.

    """
    values = split.values(evidence.pipeline.label_column, indices)
    logits = logits_of_rows(evidence, model, evidence.features(split.rows, indices))
    classes = logits.shape[-1]
    if not all(isinstance(value, int) and 0 <= value < classes for value in values):
        msg = f"the labels of {split.name} are no class ids"
        raise NotApplicable(msg)
    losses = cross_entropy(logits, torch.tensor(values), reduction="none")
    rows = SingleLabelRows(np.array(values), logits.argmax(dim=-1).numpy(), logits.double().numpy(), classes, ())
    return losses.double().numpy(), rows
