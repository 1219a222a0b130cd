"""Whether guesses of masked tokens are worth something, and whether two evaluations ask for the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.columns import LABEL_NAMES
from pytest_ftcheck.heads.masked_metrics import unigram
from pytest_ftcheck.heads.traits import IGNORED, MASKED_TOKENS

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 64


@check(
    "metrics.beats_unigram",
    cost="run",
    needs=(MASKED_TOKENS,),
    thresholds={"errors": 3.0},
    false_alarms=1e-4,
    catches="a model that has learned how frequent tokens are and nothing else, or not even that",
    hint="look at the learning rate, at whether masks and labels fit, and at whether the model was "
    "trained long enough.",
)
def beats_unigram(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Masked tokens cost less than by the share of each token in the training rows, which knows no text.

    The difference of both losses over the masked tokens is judged with rows as units: red where it is not below 0 by
    more than ``errors`` standard errors against the model, a warning where it is within as many of 0.

    Assumes: the texts have more order than the frequencies of their tokens.

    Unusual but healthy: a model at the beginning of a training from scratch is a warning or red: train longer.

    False alarms: an allowance of 1e-4: a healthy model is far below.
    """
    run = evidence.run
    labels, losses = run.label_ids, run.logits[..., 0].astype(np.float64)
    masked = labels != IGNORED
    masks, tokenizer, train = (
        evidence.pipeline.card.head_rules.masks,
        evidence.tokenizer,
        evidence.pipeline.train_dataset,
    )
    known = masks is not None and "input_ids" in train.column_names
    rows = masks.candidates(train, tokenizer) if masks is not None and known else []
    seen = np.array([token for row in rows for token in row if token != IGNORED], dtype=np.int64)
    if not masked.any() or not len(seen):
        msg = "no token of the evaluation is masked, or the training rows have no tokens"
        raise NotApplicable(msg)
    plain, _ = unigram(seen, np.where(masked, labels, IGNORED))
    gaps = np.where(masked, losses - plain, 0.0).sum(axis=1)
    counts = masked.sum(axis=1)
    gap = float(gaps.sum() / counts.sum())
    error = float(np.sqrt(((gaps - gap * counts) ** 2).sum()) / counts.sum())
    expected = f"a lower loss than {plain[masked].mean():.4f}, that of each token's share of the training rows"
    observed = f"{losses[masked].mean():.4f} (difference {gap:+.4f}, standard error {error:.4f})"
    # Written so that a NaN is red.
    if not gap - thresholds["errors"] * error < 0:
        return [finding(expected, observed)]
    if not gap + thresholds["errors"] * error < 0:
        return [warning(expected, observed, share=1.0)]
    return []


@check(
    "metrics.evaluation_masks",
    cost="free",
    needs=(MASKED_TOKENS,),
    catches="evaluation masks that are drawn anew each time: metrics of two epochs, or of two models, are of "
    "other tokens",
    hint="mask the evaluation rows once, with a fixed seed, and give them a collator that only pads; or compare runs "
    "only beyond the noise of the draw.",
)
def evaluation_masks(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Evaluation rows are masked the same each time.

    A collator that draws them anew, in a project whose rows have no labels, is a warning: run_mlm.py of transformers
    does so. Where the rows have labels, which say what is masked, it is red.

    Assumes: two calls of the collator are two evaluations.

    Unusual but healthy: see above.

    False alarms: none by chance.
    """
    del thresholds
    split = splits(evidence)[1]
    features = evidence.features(split.rows, split.few(_ROWS))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        first, second = (evidence.evaluation_collator([dict(row) for row in features]) for _ in range(2))
    if "labels" not in first:
        msg = "the evaluation batches have no labels"
        raise NotApplicable(msg)
    same = [
        first[name].shape == second[name].shape and torch.equal(first[name], second[name])
        for name in ("input_ids", "labels")
    ]
    if all(same):
        return []
    expected, observed = "the same masks in each evaluation", "other tokens are masked when the same rows come again"
    if any(name in split.rows.column_names for name in LABEL_NAMES):
        return [finding(expected, observed, subject=split.subject)]
    observed += ": metrics of two evaluations differ by the draw, also of the very same model"
    return [warning(f"{expected} (fails where the rows have labels)", observed, share=1.0, subject=split.subject)]
