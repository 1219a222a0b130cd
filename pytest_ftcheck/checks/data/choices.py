"""Checks of the choices of a row: their number, their places and their labels.

Shapes: N rows, C choices; token ids are ragged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.encoded import is_part, pad_id
from pytest_ftcheck.checks.data.splits import (
    SAMPLE,
    exceeds,
    filled,
    label_values,
    require_column,
    share,
    shorten,
)
from pytest_ftcheck.columns import list_lengths, scalars
from pytest_ftcheck.heads.traits import CHOICES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

ALIKE = 0.5
"""A choice contains a text if it has more than this fraction of the text's tokens."""
LUCK = 1e-6
"""Argument ``luck`` of `exceeds`: a healthy row has no such defect, so that a small value is enough."""
_CORE = 3
"""Number of tokens of an ending from which on its first token is ignored: after a space it may be another token."""


@dataclass(frozen=True)
class ChoiceRows:
    """Some rows of a split: their indices ``[R]``, and the tokens of their choices without padding, ``[R, C]``."""

    indices: list[int]
    choices: list[list[list[int]]]


def choice_rows(evidence: Evidence, split: Split, count: int) -> ChoiceRows:
    """Take at most ``count`` rows of a split, evenly spread.

    Raises:
        NotApplicable: the rows have no token ids.

    """
    require_column(split, "input_ids")
    indices, pad = split.few(count), pad_id(evidence)
    rows = split.values("input_ids", indices)
    return ChoiceRows(indices, [[[token for token in ids if token != pad] for ids in row] for row in rows])


def token_ids(evidence: Evidence, texts: list[str]) -> list[list[int]]:
    """Tokenize texts without special tokens and without truncation."""
    made = evidence.tokenizer(texts, add_special_tokens=False, truncation=False, padding=False, verbose=False)
    return [list(ids) for ids in made["input_ids"]]


def text_columns(evidence: Evidence, split: Split) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the raw columns of the context and those of the endings.

    Raises:
        NotApplicable: the columns are not known.

    """
    columns = evidence.text_columns
    if not set(columns) <= set(split.raw.column_names):
        msg = f"the {split.name} rows have no raw texts in addition to their tokens"
        raise NotApplicable(msg)
    count = evidence.pipeline.card.num_labels
    return tuple(columns[:-count]), tuple(columns[-count:])


@check(
    "data.choice_count",
    cost="free",
    needs=(CHOICES,),
    catches="rows with more or fewer choices than others, an ending that was lost, a list of choices that is cut",
    hint="give all rows the same number of choices: a batch is one tensor, and a label is the index of a choice.",
)
def choice_count(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """Every row has the same number of choices.

    Assumes: the task has one number of choices.

    Unusual but healthy: rows of two to five choices that the collator pads fail.

    False alarms: none by chance. All rows are counted.
    """
    expected, found = evidence.pipeline.card.num_labels, []
    for split in filled(evidence):
        require_column(split, "input_ids")
        counts = list_lengths(split.rows, "input_ids")
        others = np.flatnonzero(counts != expected)
        if others.size:
            observed = f"{share(others.size, len(counts))} rows have another number, the first is row {others[0]}: "
            observed += str(counts[others[0]])
            shown = (f"row {row}: {counts[row]} choices" for row in others)
            found.append(finding(f"{expected} choices in every row", observed, subject=split.subject, evidence=shown))
    return found


@check(
    "data.choice_labels",
    cost="free",
    needs=(CHOICES,),
    catches="labels that count from 1, labels that are shifted or renumbered while the choices keep their order",
    hint="keep the label unchanged: it is the index of the right choice, not a name that can be renumbered.",
)
def choice_labels(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """The label of a row is the index of the right choice in the raw data.

    Labels that are all renumbered in the same way are consistent, but name a wrong choice.

    Assumes: the choices are in the order of their raw columns.

    Unusual but healthy: a Trainer that reorders the choices of each row and moves the label with them fails, unless its
    rows have no raw label.

    False alarms: none by chance. All rows are compared.
    """
    column, found = evidence.pipeline.card.label_column, []
    for split in filled(evidence):
        if split.raw is split.rows or column not in split.raw.column_names:
            msg = "the rows have no raw labels in addition to the labels of the training"
            raise NotApplicable(msg)
        raw, labels = scalars(split.raw, column), label_values(evidence, split)
        others = [row for row, pair in enumerate(zip(raw, labels, strict=False)) if pair[0] != pair[1]]
        if others:
            pairs = Counter((raw[row], labels[row]) for row in others)
            examples = ", ".join(f"{after} for {before}" for (before, after), _ in sorted(pairs.items())[:4])
            observed = f"{share(len(others), len(labels))} rows have another one: {examples}"
            shown = (f"row {row}: label {labels[row]!r} for {raw[row]!r}" for row in others)
            expected_label = "the label that the raw data has for the row"
            found.append(finding(expected_label, observed, subject=split.subject, evidence=shown))
    return found


@check(
    "data.choices_in_place",
    cost="free",
    needs=(CHOICES,),
    thresholds={"rows": 0.02},
    false_alarms=2e-6,
    catches="choices that were shuffled or sorted without their label, endings of another row, tokens that were "
    "grouped into rows in a wrong order",
    hint="flatten and group in one order: the choices of a row side by side, [c for row in rows for c in row], then "
    "slices of C; where you shuffle choices, move the label with them.",
)
def choices_in_place(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Each choice's tokens are those of its own ending.

    Assumes: the last text columns are the endings, in the order of the choices.

    Unusual but healthy: endings that are cleaned, truncated or in a template pass: half of their tokens are enough.
    Choices that are shuffled with their labels fail where the raw columns keep their order.

    False alarms: at most 2e-6 a session (exact binomial test), where no more rows than the limit are bad.
    """
    found = []
    for split in filled(evidence):
        _, endings = text_columns(evidence, split)
        rows = choice_rows(evidence, split, SAMPLE)
        texts = split.texts(endings, rows.indices)
        flat = iter(token_ids(evidence, [text for row in texts for text in row]))
        misplaced = {}
        for index, choices, row in zip(rows.indices, rows.choices, texts, strict=True):
            own = [next(flat) for _ in row]
            if (wrong := _misplaced(choices, own)) is not None:
                misplaced[index] = _where(wrong, choices, own, endings, row)
        if exceeds(len(misplaced), len(rows.indices), thresholds["rows"], LUCK):
            first = next(iter(misplaced))
            observed = (
                f"{share(len(misplaced), len(rows.indices))} sampled rows have others, the first is row {first}: "
            )
            observed += misplaced[first]
            shown = (f"row {row}: {where}" for row, where in misplaced.items())
            expected = "choices that hold their own endings"
            found.append(finding(expected, observed, subject=split.subject, evidence=shown))
    return found


def _holds(choice: Sequence[int], ending: list[int]) -> bool:
    core = ending[1:] if len(ending) >= _CORE else ending
    return is_part(core, choice)


def _misplaced(choices: list[list[int]], endings: list[list[int]]) -> int | None:
    """Return the first choice that has another ending of its row, or lacks its own; None where all are right."""
    for place, (choice, own) in enumerate(zip(choices, endings, strict=False)):
        if _holds(choice, own):
            continue
        others = any(_holds(choice, other) for other in endings if other != own)
        # The context may have the words of the ending as well.
        if others or kept_of(own, choice[shared_start(choices) :]) < ALIKE:
            return place
    return None


def shared_start(choices: list[list[int]]) -> int:
    """Return the number of equal tokens at the beginning of all choices of a row."""
    together = zip(*choices, strict=False)
    return next((at for at, tokens in enumerate(together) if len(set(tokens)) > 1), min(map(len, choices)))


def kept_of(text: Sequence[int], choice: Sequence[int]) -> float:
    """Return the fraction of a text's tokens that a choice has."""
    return sum((Counter(text) & Counter(choice)).values()) / max(len(text), 1)


def _where(
    place: int, choices: list[list[int]], endings: list[list[int]], names: Sequence[str], texts: Sequence[str]
) -> str:
    other = next((at for at, ending in enumerate(endings) if at != place and _holds(choices[place], ending)), None)
    if other is None:
        return f"choice {place} does not hold {names[place]} = {shorten(texts[place])}, nor another ending of the row"
    return f"choice {place} holds {names[other]} = {shorten(texts[other])}"
