"""Checks of answers that are parts of a context: their place in the text, and their tokens in a window."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.checks.data.splits import exceeds, filled, share, shorten
from pytest_ftcheck.columns import POSITION_NAMES, scalars, walk
from pytest_ftcheck.heads.answers import QUESTION
from pytest_ftcheck.heads.offsets import offsets_of
from pytest_ftcheck.heads.traits import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@dataclass(frozen=True)
class Window:
    """A tokenized row, with its question, context and answers."""

    row: int
    question: int
    """Row of the raw data."""
    context: str
    answers: dict[str, Any]
    first: int
    """The label: first and last token."""
    last: int
    begin: int
    """First character of the context that the window holds; -1 where it holds none."""
    end: int
    label_begin: int
    """Characters of the labelled tokens; -1 where one is not of the context, or the last stands before the first."""
    label_end: int

    @property
    def text(self) -> str | None:
        """The text that the label marks; None if one of its tokens is outside of the context."""
        return self.context[self.label_begin : self.label_end] if self.label_begin >= 0 else None

    @property
    def holds_answer(self) -> bool:
        """Whether the window contains the whole first answer."""
        if not self.answers["text"] or self.begin < 0:
            return False
        begin = self.answers["answer_start"][0]
        return bool(self.begin <= begin and begin + len(self.answers["text"][0]) <= self.end)


_PLACES: WeakKeyDictionary[Evidence, dict[str, NDArray[np.int64]]] = WeakKeyDictionary()


def windows_of(evidence: Evidence, split: Split) -> Iterator[Window]:
    """Yield the windows of a split in order."""
    card, kept = evidence.pipeline.card, _PLACES.setdefault(evidence, {})
    if split.name not in kept:
        kept[split.name] = _places(split.rows)
    contexts = scalars(split.raw, card.text_columns[-1])
    answers = scalars(split.raw, card.label_column)
    for row, (question, *places) in enumerate(kept[split.name].tolist()):
        yield Window(row, question, contexts[question], answers[question], *places)


def _places(rows: Dataset) -> NDArray[np.int64]:
    """Return the numbers of each `Window`, ``[N, 7]``: all that is kept of its tokens."""
    labels = np.array([scalars(rows, name) for name in (QUESTION, *POSITION_NAMES)], dtype=np.int64).T
    parts: list[NDArray[np.int64]] = []
    for begin, end in offsets_of(rows):
        start = sum(map(len, parts))
        _, first, last = labels[start : start + len(begin)].T
        row, width = np.arange(len(begin)), begin.shape[1]
        known, within = begin >= 0, (first >= 0) & (first <= last) & (last < width)
        heads, tails = (np.clip(places, 0, width - 1) for places in (first, last))
        marked = within & known[row, heads] & known[row, tails]
        ends = known.argmax(axis=1), width - 1 - known[:, ::-1].argmax(axis=1)
        characters = [begin[row, ends[0]], end[row, ends[1]], begin[row, heads], end[row, tails]]
        characters[2:] = (np.where(marked, places, -1) for places in characters[2:])
        parts.append(np.stack(characters, axis=1))
    return np.concatenate([labels, np.concatenate(parts)], axis=1)


@check(
    "data.answer_text",
    cost="free",
    needs=(QUESTIONS,),
    thresholds={"rows": 0.0},
    catches="answer_start that counts bytes, or characters of a context that was stripped, cleaned or translated later",
    hint="answer_start must count the characters of this context: clean contexts before the answers are marked, or "
    "correct answer_start after cleaning.",
)
def answer_text(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Each answer is in its context at the position that the data gives.

    Assumes: an answer is a part of its context, letter by letter.

    Unusual but healthy: answers that differ from the context in case or spacing fail: raise ``rows``.

    False alarms: none by chance.
    """
    found = []
    for split in filled(evidence):
        card, wrong, total = evidence.pipeline.card, [], 0
        for context, answers in walk(split.raw, [card.text_columns[-1], card.label_column]):
            for text, start in zip(answers["text"], answers["answer_start"], strict=True):
                total += 1
                if context[start : start + len(text)] != text:
                    wrong.append((text, start, context))
        if wrong and len(wrong) > thresholds["rows"] * total:
            text, start, context = wrong[0]
            observed = f"{share(len(wrong), total)} answers do not; the first is {shorten(text)} at {start}, where "
            observed += f"{shorten(context[start : start + len(text)])} stands{_moved(wrong)}"
            expected = "context[answer_start:] to begin with the answer"
            shown = (f"answer {shorten(text)} at {start} of {shorten(context)}" for text, start, context in wrong)
            found.append(finding(expected, observed, subject=split.subject, evidence=shown))
    return found


def _moved(wrong: Sequence[tuple[str, int, str]]) -> str:
    """Describe by how many characters most answers are shifted, if they are elsewhere in their contexts."""
    steps: Counter[int] = Counter()
    for text, start, context in wrong:
        places = [at for at in range(len(context)) if text and context.startswith(text, at)]
        if places:
            steps[min((at - start for at in places), key=abs)] += 1
    if not steps:
        return "; none of them stands anywhere in its context"
    step, count = steps.most_common(1)[0]
    return f"; {share(count, len(wrong))} of them stand {abs(step)} characters {'later' if step > 0 else 'earlier'}"


@check(
    "data.answer_positions",
    cost="free",
    needs=(QUESTIONS,),
    thresholds={"rows": 0.02},
    catches="positions that were counted without special tokens or without the question, an end that is one too far, "
    "offsets of another window, positions of another row",
    hint="find first and last token by the offsets of the same window (return_offsets_mapping), and use "
    "sequence_ids to find the tokens of the context.",
)
def answer_positions(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The labelled tokens of a window are the tokens of the answer.

    An answer may begin or end in the middle of a token: then the tokens' text contains the answer and no further word.

    Assumes: the offsets belong to the tokens.

    Unusual but healthy: answers that end inside a token, as in scripts without spaces, pass.

    False alarms: none by chance.
    """
    found = []
    for split in filled(evidence):
        wrong, total = [], 0
        for window in windows_of(evidence, split):
            if (window.first, window.last) == (0, 0) and not window.holds_answer:
                continue
            total += 1
            if not _is_answer(window):
                wrong.append(window)
        if wrong and exceeds(len(wrong), total, thresholds["rows"]):
            observed = f"{share(len(wrong), total)} windows with a label mark something else; the first is "
            observed += _shown(wrong[0])
            expected = "first and last token of the answer as the label"
            found.append(finding(expected, observed, subject=split.subject, evidence=map(_shown, wrong)))
    return found


def _shown(window: Window) -> str:
    marked = "tokens outside of the context" if window.text is None else shorten(window.text)
    right = shorten(window.answers["text"][0]) if window.answers["text"] else "no answer"
    return f"row {window.row}: tokens {window.first} to {window.last} are {marked}, the answer is {right}"


def _is_answer(window: Window) -> bool:
    text = window.text
    if text is None or not window.answers["text"]:
        return False
    answer: str = window.answers["text"][0].strip()
    rest = text.replace(answer, "", 1)
    return answer in text and " " not in rest.strip()


@check(
    "data.no_answer_position",
    cost="free",
    needs=(QUESTIONS,),
    thresholds={"rows": 0.0},
    catches="windows without the answer that are labelled with their last token, with -1, or with the position of the "
    "answer in another window",
    hint="label a window that does not contain the whole answer with the position of [CLS], for both start and end: "
    "its score is the score of 'no answer'.",
)
def no_answer_position(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """A window without the answer is labelled with the first token of the row, ``[CLS]``, for both ends.

    Assumes: the model uses the first token for "no answer".

    Unusual but healthy: models whose ``[CLS]`` is the last token, such as XLNet, fail.

    False alarms: none by chance.
    """
    found, seen = [], 0
    for split in filled(evidence):
        without = [window for window in windows_of(evidence, split) if not window.holds_answer]
        seen += len(without)
        wrong = [window for window in without if (window.first, window.last) != (0, 0)]
        if wrong and len(wrong) > thresholds["rows"] * len(without):
            first = wrong[0]
            observed = f"{share(len(wrong), len(without))} have another one; the first is row {first.row}: tokens "
            observed += f"{first.first} to {first.last}"
            expected = "label (0, 0) in windows that do not hold the answer"
            found.append(finding(expected, observed, subject=split.subject))
    if not seen:
        msg = "every window holds its answer"
        raise NotApplicable(msg)
    return found
