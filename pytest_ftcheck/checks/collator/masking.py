"""Whether tokens are masked as masked language modelling needs it: how many, which, and what their labels are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.collator.masked_batches import (
    declared,
    declares,
    examples,
    findings_of,
    masked_rows,
    of_splits,
)
from pytest_ftcheck.heads.traits import MASKED_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.collator.masked_batches import MaskedRow
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_NEEDS = (MASKED_TOKENS,)
_SIGMAS = 6.0
"""Standard errors that a share may lie from what is declared: beyond, once in 5e8."""
_FEWEST = 200
"""Tokens below which a share is not judged."""


@check(
    "collator.mask_rate",
    cost="free",
    needs=_NEEDS,
    false_alarms=1e-6,
    thresholds={"least": 0.05, "most": 0.6, "off": 0.15},
    catches="mlm_probability with a digit too many, a mask that is applied twice, tokens that are never drawn",
    hint="look at mlm_probability: 0.15 is usual, 0.4 is known to work. Far fewer masks teach little in each step.",
)
def mask_rate(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """As many tokens are masked as the collator declares, and neither hardly any nor nearly all.

    Labelled tokens are counted among those that are neither special nor padding. The share must lie within six
    standard errors of ``mlm_probability``, as a binomial test with rows as units, because words are drawn together
    where whole words are masked; a difference of less than ``off`` of it is let through. Without that attribute, only
    ``least`` and ``most`` count.

    Assumes: the same rate in both splits, and for tokens of all rows.

    Unusual but healthy: whole words, a rate of 0.4. A collator that masks one token a row has a rate below ``least``
    where rows are long: lower it.

    False alarms: at most 1e-6 (six standard errors, in each of two splits).
    """
    found = []
    for rows in of_splits(evidence):
        drawn = np.array([(row.labelled & row.ordinary).sum() for row in rows], dtype=np.float64)
        count = np.array([row.ordinary.sum() for row in rows], dtype=np.float64)
        if count.sum() < _FEWEST or _all_labelled(rows):
            continue
        rate, error = share_and_error(drawn, count)
        declared_rate = declared(evidence, "mlm_probability")
        apart = max(_SIGMAS * error, thresholds["off"] * declared_rate)
        off = declares(evidence) and abs(rate - declared_rate) > apart
        if off or not thresholds["least"] <= rate <= thresholds["most"]:
            expected = (
                f"{declared_rate:.3g} of the ordinary tokens masked"
                if off
                else (f"{thresholds['least']:g} to {thresholds['most']:g} of the ordinary tokens masked")
            )
            observed = f"{rate:.4f} of {int(count.sum())} tokens (standard error {error:.4f})"
            found.append(finding(expected, observed, subject=rows[0].subject))
    return found


def share_and_error(drawn: NDArray[np.float64], count: NDArray[np.float64]) -> tuple[float, float]:
    """Return a share of tokens, and its standard error with rows as units, at least that of single tokens.

    Args:
        drawn: tokens of each row, ``[N]``.
        count: of so many.

    """
    share = float(drawn.sum() / count.sum())
    residuals = drawn - share * count
    single = np.sqrt(max(share * (1 - share), 1e-9) / count.sum())
    return share, float(max(np.sqrt((residuals**2).sum()) / count.sum(), single))


@check(
    "collator.mask_shares",
    cost="free",
    needs=_NEEDS,
    false_alarms=1e-6,
    thresholds={"off": 0.05},
    catches="drawn tokens that are all shown as the mask token, a random token for all of them, masks that "
    "hide nothing",
    hint="show 80% of the drawn tokens as the mask token, 10% as any token and 10% as they are, or say what you do in "
    "mask_replace_prob and random_replace_prob of the collator: a model that sees the mask token alone knows no other "
    "token's meaning in its place.",
)
def mask_shares(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Drawn tokens are shown as the mask token, as any token, or as they are, in the shares that the collator declares.

    Each share must lie within six standard errors, or within ``off``, of the collator's ``mask_replace_prob`` and
    ``random_replace_prob``: 80, 10 and 10%.

    Assumes: a collator with these attributes does as they say.

    Unusual but healthy: a collator of one's own without these attributes may show all as the mask token: skipped. A
    random token may be the very token: the shares know.

    False alarms: at most 1e-6 (six standard errors, in each of two splits).
    """
    if not declares(evidence):
        msg = "the collator does not declare in which shares it shows drawn tokens (mask_replace_prob)"
        raise NotApplicable(msg)
    mask, other = declared(evidence, "mask_replace_prob"), declared(evidence, "random_replace_prob")
    mask_id, found = evidence.tokenizer.mask_token_id, []
    for rows in of_splits(evidence):
        drawn = np.array([(row.labelled & row.ordinary).sum() for row in rows], dtype=np.float64)
        if drawn.sum() < _FEWEST or _all_labelled(rows):
            continue
        seen = {
            ("the mask token", mask): [row.shown == mask_id for row in rows],
            ("another token", other): [(row.shown != mask_id) & (row.shown != row.given) for row in rows],
            ("they are", 1 - mask - other): [row.shown == row.given for row in rows],
        }
        if not any(hit.any() for hit in seen["the mask token", mask]) and mask > 0:
            continue  # collator.mask_token tells
        for (name, expected_share), hits in seen.items():
            pairs = zip(rows, hits, strict=True)
            share, error = share_and_error(
                np.array([(hit & row.labelled & row.ordinary).sum() for row, hit in pairs]), drawn
            )
            if abs(share - expected_share) > max(_SIGMAS * error, thresholds["off"]):
                observed = f"{share:.3f} of {int(drawn.sum())} (standard error {error:.3f})"
                found.append(
                    finding(
                        f"{expected_share:.3g} of the drawn tokens shown as {name}", observed, subject=rows[0].subject
                    )
                )
    return found


@check(
    "collator.masked_special",
    cost="free",
    needs=_NEEDS,
    catches="[CLS] and [SEP] that are masked or labelled, a special_tokens_mask of another tokenizer",
    hint="draw from ordinary tokens alone: tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True).",
)
def masked_special(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Special tokens are neither masked nor labelled.

    Assumes: the tokenizer names its special tokens; one for unknown words counts as a word.

    Unusual but healthy: none is known.

    False alarms: none by chance.
    """
    del thresholds
    if _all_labelled(masked_rows(evidence)):
        return []
    return findings_of(
        evidence,
        lambda row: row.special & ~row.padding & (row.labelled | (row.shown != row.given)),
        "special tokens as they are, without a label",
        "special tokens are masked or labelled",
    )


@check(
    "collator.masked_padding",
    cost="free",
    needs=_NEEDS,
    catches="padding that is labelled, and so scored, or masked",
    hint="draw before padding, or leave out what the attention mask leaves out; label padding with -100.",
)
def masked_padding(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Padding is neither masked nor labelled.

    Assumes: a batch is padded on the tokenizer's side.

    Unusual but healthy: blocks of one length have no padding, and pass.

    False alarms: none by chance.
    """
    del thresholds
    mask_id = evidence.tokenizer.mask_token_id
    return findings_of(
        evidence,
        lambda row: row.padding & (row.labelled | (row.shown == mask_id)),
        "padding without a mask and with the label -100",
        "columns of padding are masked or labelled",
    )


@check(
    "collator.unmasked_ignored",
    cost="free",
    needs=_NEEDS,
    catches="labels that are not set to -100 outside of the masks: a loss that is mostly of tokens that the model sees",
    hint="set labels[~masked] = -100: the loss is of the masked tokens alone.",
)
def unmasked_ignored(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Most labelled tokens are hidden from the model: those that are not drawn have the label -100.

    Half or more of the labelled tokens that are shown as they are fail; a tenth is usual.

    Assumes: a label means that a token was drawn.

    Unusual but healthy: a collator that shows drawn tokens as they are more often than not.

    False alarms: none by chance.
    """
    del thresholds
    found = []
    for rows in of_splits(evidence):
        labelled = sum(int(row.labelled.sum()) for row in rows)
        seen = sum(int((row.labelled & (row.shown == row.given)).sum()) for row in rows)
        if labelled and _all_labelled(rows):
            expected = "labels of -100 wherever a token is not drawn"
            observed = f"{seen} of {labelled} labelled tokens are shown as they are"
            shown = examples(rows, lambda row: row.labelled & (row.shown == row.given))
            found.append(finding(expected, observed, subject=rows[0].subject, evidence=shown))
    return found


def _all_labelled(rows: Sequence[MaskedRow]) -> bool:
    """Tell whether most labelled tokens are shown as they are."""
    labelled = sum(int(row.labelled.sum()) for row in rows)
    return 2 * sum(int((row.labelled & (row.shown == row.given)).sum()) for row in rows) > labelled


@check(
    "collator.masked_labels",
    cost="free",
    needs=_NEEDS,
    catches="labels that are shifted, that are taken after masking, or of another row",
    hint="clone input_ids before masking: labels[i] is the token that stood at place i. A model shifts "
    "nothing here, as "
    "a causal one does.",
)
def masked_labels(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A label is the token that stood in its place before it was masked.

    Assumes: rows come out of the collator as they went in.

    Unusual but healthy: none is known.

    False alarms: none by chance.
    """
    del thresholds
    return findings_of(
        evidence,
        lambda row: row.labelled & ~row.padding & (row.labels != row.given),
        "labels that are the tokens before masking",
        "labels are other tokens",
    )


@check(
    "collator.mask_token",
    cost="free",
    needs=_NEEDS,
    catches="another id in the place of the mask token's: that of another tokenizer, of [UNK], or a constant",
    hint="mask with tokenizer.mask_token_id, of the tokenizer that the rows were made with.",
)
def mask_token(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The token that most drawn tokens are shown as is the tokenizer's mask token.

    Assumes: at least a third of the drawn tokens are shown as one token.

    Unusual but healthy: a collator that shows random tokens alone passes.

    False alarms: none by chance.
    """
    del thresholds
    tokenizer, found = evidence.tokenizer, []
    for rows in of_splits(evidence):
        changed = [row.shown[row.labelled & (row.shown != row.given) & ~row.padding] for row in rows]
        ids, counts = np.unique(np.concatenate(changed), return_counts=True)
        if not len(ids) or 3 * counts.max() < counts.sum():
            continue
        most = int(ids[counts.argmax()])
        if most != tokenizer.mask_token_id:
            expected = f"{tokenizer.mask_token!r}, {tokenizer.mask_token_id}, in the place of drawn tokens"
            observed = (
                f"{most}, {tokenizer.convert_ids_to_tokens(most)!r}, in {counts.max()} of {counts.sum()} changed tokens"
            )
            found.append(finding(expected, observed, subject=rows[0].subject))
    return found
