"""Checks of the texts of choices: each contains the context, and the endings differ.

Shapes: R rows of a split, C choices; token ids are ragged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.choices import ALIKE, LUCK, ChoiceRows, choice_rows, kept_of, text_columns, token_ids
from pytest_ftcheck.checks.data.encoded import cut, special_ids
from pytest_ftcheck.checks.data.splits import SAMPLE, exceeds, filled, graded, label_values, share
from pytest_ftcheck.heads.traits import CHOICES

if TYPE_CHECKING:
    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 4 * SAMPLE
_CUT = 0.1
"""Fraction of the context's tokens that one choice may lack and another one has."""


@check(
    "data.choice_context",
    cost="free",
    needs=(CHOICES,),
    thresholds={"rows": 0.02},
    false_alarms=2e-6,
    catches="a context that is not tokenized, that is truncated completely, or cut in the longest choice only, so that "
    "choices contain different parts of it",
    hint="tokenize the context with each ending, tokenizer(context, ending); raise max_length, or truncate the context "
    "of a row to one length for all of its choices before you tokenize.",
)
def choice_context(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """All choices of a row contain the row's context, and the same amount of it.

    Assumes: the context is needed to find the right choice.

    Unusual but healthy: contexts longer than the model takes, truncated in each choice by the length of its ending,
    fail above ``rows``: the model could recognise the longest choice by the truncation.

    False alarms: at most 2e-6 a session (exact binomial test), where no more rows than the limit are bad.
    """
    found = []
    for split in filled(evidence):
        rows = choice_rows(evidence, split, _ROWS)
        contexts = _contexts(evidence, split, rows)
        missing, cut_off = [], []
        for index, choices, context in zip(rows.indices, rows.choices, contexts, strict=True):
            kept = [kept_of(context, choice) for choice in choices]
            if context and max(kept) < ALIKE:
                missing.append(index)
            elif context and max(kept) - min(kept) > _CUT:
                cut_off.append((index, kept.index(min(kept)), min(kept), max(kept)))
        if exceeds(len(missing), len(rows.indices), thresholds["rows"], LUCK):
            observed = f"{share(len(missing), len(rows.indices))} sampled rows hold less than half of it in any choice"
            found.append(finding("the context in every choice", observed, subject=split.subject))
        elif exceeds(len(cut_off), len(rows.indices), thresholds["rows"], LUCK):
            index, choice, least, most = cut_off[0]
            observed = (
                f"{share(len(cut_off), len(rows.indices))} sampled rows do not, the first is row {index}: choice "
            )
            observed += f"{choice} holds {least:.0%} of the context, another one {most:.0%}"
            expected = "as much of the context in each choice of a row"
            found.append(finding(expected, observed, subject=split.subject))
    return found


def _contexts(evidence: Evidence, split: Split, rows: ChoiceRows) -> list[list[int]]:
    """Return the tokens of each row's context: of its raw text, else the longest first segment of its choices."""
    if evidence.pipeline.card.text_columns:
        context, _ = text_columns(evidence, split)
        return token_ids(evidence, [text for (text,) in split.texts(context[:1], rows.indices)])
    special = special_ids(evidence.tokenizer)
    runs = [[cut(choice, special) for choice in choices] for choices in rows.choices]
    if any(len(choice) < 2 for row in runs for choice in row):  # context and ending
        msg = "no raw text is known, and each choice is one segment: context and ending cannot be told apart"
        raise NotApplicable(msg)
    return [max((choice[0] for choice in row), key=len) for row in runs]


@check(
    "data.choices_differ",
    cost="free",
    needs=(CHOICES,),
    thresholds={"fail": 0.05, "warn": 0.01},
    false_alarms=2e-6,
    catches="endings that are truncated completely, so that all choices are the same tokens; one ending in all columns",
    hint="the text of the endings is lost before it reaches the model: raise max_length, truncate only the context "
    "(truncation='only_first'), and check from which column each choice is made.",
)
def choices_differ(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The right choice of a row has other tokens than each of the wrong ones.

    Assumes: exactly one choice is right.

    Unusual but healthy: data in which some endings occur twice in a row warns from 1% of the rows on.

    False alarms: at most 2e-6 a session (exact binomial test), where no more rows than the limit are bad.
    """
    found = []
    for split in filled(evidence):
        rows, labels = choice_rows(evidence, split, _ROWS), label_values(evidence, split)
        bad = [
            index
            for index, choices in zip(rows.indices, rows.choices, strict=True)
            if 0 <= labels[index] < len(choices) and choices.count(choices[labels[index]]) > 1
        ]
        observed = f"{share(len(bad), len(rows.indices))}" + (f", the first is row {bad[0]}" if bad else "")
        what = "of the sampled rows with a wrong choice of the same tokens as the right one"
        found += graded(
            len(bad),
            len(rows.indices),
            thresholds["fail"],
            thresholds["warn"],
            what,
            observed,
            subject=split.subject,
            luck=LUCK,
        )
    return found
