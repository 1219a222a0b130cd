"""Checks of the texts of both splits: both are prepared in the same way, so that words and lengths agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.presence import content_of, presence, word
from pytest_ftcheck.checks.data.splits import filled, share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 1000
_SHOWN = 6
_RARER = 0.1
"""A token is lost if less than a tenth of the expected number of rows contains it."""
_FEWEST = 3
"""Smallest number of rows that chance does not explain."""


@check(
    "data.words_alike",
    cost="free",
    single_texts=True,
    false_alarms=1e-5,
    thresholds={"rows": 0.2, "alpha": 1e-8},  # a frequent token; probability that chance loses one
    catches="stop words, case or punctuation removed from one split only; splits of different languages or sources",
    hint="prepare the texts of both splits, and the texts in serving, with one function.",
)
def words_alike(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Tokens that are frequent in one split also occur in the other.

    A token is lost if a fraction ``rows`` of one split's rows contains it, and less than a tenth of that fraction of
    the other's; the probability that chance does this is below ``alpha`` (binomial). If tokens are lost in one
    direction only, they were removed. If both splits lack tokens of the other, as with two languages, the check warns:
    this may be intended.

    Assumes: both splits are of one kind of text.

    Unusual but healthy: an evaluation in another language or from another source only warns. A split that lacks a
    frequent word by nature, such as questions without a question mark, fails.

    False alarms: at most 1e-5 a session (binomial test at ``alpha``, for up to 1,000 frequent tokens).
    """
    train, evaluated = _both(evidence)
    rows = [content_of(evidence, split, _ROWS) for split in (train, evaluated)]
    width = 1 + max((token for split in rows for row in split for token in row), default=0)
    counts = [np.asarray(presence(split, width).sum(axis=0), float).ravel() for split in rows]
    sizes = [len(split) for split in rows]
    lost = lost_tokens(counts[0], sizes[0], counts[1], sizes[1], thresholds)
    gained = lost_tokens(counts[1], sizes[1], counts[0], sizes[0], thresholds)
    found = []
    for missing, (there, here), split in ((lost, (0, 1), evaluated), (gained, (1, 0), train)):
        if not missing.size:
            continue
        names = (train.name, evaluated.name)
        examples = ", ".join(word(evidence, token) for token in missing[:_SHOWN])
        most = missing[0]
        expected = f"tokens that are frequent in {names[there]}, such as {examples}"
        often, seldom = share(counts[there][most], sizes[there]), share(counts[here][most], sizes[here])
        observed = (
            f"{len(missing)} frequent tokens of {names[there]} are missing; {word(evidence, most)} is in {often} rows "
            f"there, and in {seldom} here"
        )
        if missing.size > 1 and bool((counts[there][missing] == sizes[there]).all()):  # as words of a text hardly are
            observed += f": a template, prefix or prompt that each row of {names[there]} has"
        if lost.size and gained.size:
            found.append(warning(expected, observed, subject=split.subject, share=1.0))
        else:
            found.append(finding(expected, observed, subject=split.subject))
    return found


def _both(evidence: Evidence) -> tuple[Split, Split]:
    both = filled(evidence)
    if len(both) != 2:  # train and evaluation
        msg = "a split has no rows"
        raise NotApplicable(msg)
    return both[0], both[1]


def lost_tokens(
    there: NDArray[np.float64], rows: int, here: NDArray[np.float64], others: int, thresholds: Thresholds
) -> NDArray[np.int64]:
    """Return the tokens that are frequent among some rows and hardly among others, the most frequent first.

    Args:
        there: ``[V]``, rows with the token where it is frequent.
        rows: number of rows where it is frequent.
        here: ``[V]``, rows with the token among the others.
        others: number of the other rows.
        thresholds: ``rows`` and ``alpha``.

    """
    rates = there / rows
    rare = (rates >= thresholds["rows"]) & (here / others < _RARER * rates)
    # Take the lower end of the rate: the rate is estimated from a sample too.
    floor = np.maximum(rates - 2 * np.sqrt(rates * (1 - rates) / rows), 0.0)
    chance = stats.binom.cdf(here, others, floor)
    lost = np.flatnonzero(rare & (chance < thresholds["alpha"]))
    return lost[np.argsort(-there[lost], kind="stable")]


@check(
    "data.lengths_alike",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.02},
    catches="splits that are truncated to different lengths: the evaluation sees less of a text than the training did",
    hint="tokenize both splits with one max_length.",
)
def lengths_alike(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Both splits are truncated to the same length.

    A split counts as truncated if far more rows have its greatest length than the two lengths below: without
    truncation, the longest rows are the rarest. If evaluation rows are longer than train rows, the check warns.

    Assumes: the longest rows are rare where nothing is cut.

    Unusual but healthy: if evaluation rows have one fixed length by nature and train rows are longer, the check fails.

    False alarms: none by chance: many rows of exactly the greatest length do not occur at random.
    """
    train, evaluated = _both(evidence)
    lengths = [np.array([len(row) for row in content_of(evidence, split, _ROWS)]) for split in (train, evaluated)]
    found = []
    for cut, other, level in ((1, 0, "fail"), (0, 1, "warn")):
        most = int(lengths[cut].max())
        longer = int((lengths[other] > most).sum())
        if not _truncated(lengths[cut], thresholds) or longer < max(_FEWEST, thresholds["rows"] * len(lengths[other])):
            continue
        names = (train.name, evaluated.name)
        expected = (
            f"{names[cut]} rows as long as those of {names[other]}, of up to {int(lengths[other].max())} tokens of text"
        )
        at_most = int((lengths[cut] == most).sum())
        observed = (
            f"{share(at_most, len(lengths[cut]))} are cut at {most} tokens, and none is longer; of {names[other]}, "
            f"{share(longer, len(lengths[other]))} are longer"
        )
        subject = (train, evaluated)[cut].subject
        if level == "fail":
            found.append(finding(expected, observed, subject=subject))
        else:
            found.append(warning(expected, observed, subject=subject, share=longer / len(lengths[other])))
    return found


def _truncated(lengths: NDArray[np.int64], thresholds: Thresholds) -> bool:
    """Return whether rows pile up at the greatest length, ``lengths`` being ``[N]``."""
    at, below = ((lengths == lengths.max() - step).sum() for step in (0, 1))
    below = below + (lengths == lengths.max() - 2).sum()
    return bool(at >= max(_FEWEST, thresholds["rows"] * len(lengths)) and at >= 3 * below + _FEWEST)
