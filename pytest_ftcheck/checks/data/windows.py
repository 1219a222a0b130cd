"""Checks of the windows of a long context: together they cover the context and contain the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.data.answers import windows_of
from pytest_ftcheck.checks.data.splits import exceeds, filled, share, shorten
from pytest_ftcheck.heads.traits import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.data.answers import Window
    from pytest_ftcheck.checks.data.splits import Split
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "data.windows_cover",
    cost="free",
    needs=(QUESTIONS,),
    thresholds={"rows": 0.01},
    catches="contexts cut at max_length without return_overflowing_tokens, steps that are larger than the window, "
    "contexts cut by characters before they are tokenized",
    hint="tokenize with return_overflowing_tokens=True and a stride smaller than the room for the context in a window: "
    "in transformers, stride is the number of tokens that windows share.",
)
def windows_cover(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The windows of a question contain every word of its context.

    Assumes: an answer may be anywhere in its context.

    Unusual but healthy: a train split of selected windows, for example without windows that have no answer, fails:
    raise ``rows``.

    False alarms: none by chance.
    """
    found = []
    for split in filled(evidence):
        by_question = _by_question(evidence, split)
        lost = {question: gap for question, windows in by_question.items() if (gap := _gap(windows))}
        if exceeds(len(lost), len(by_question), thresholds["rows"]):
            question, (begin, end) = next(iter(lost.items()))
            observed = (
                f"{share(len(lost), len(by_question))} questions lose a part of it; the first is row {question}: "
            )
            observed += f"characters {begin} to {end} of {len(by_question[question][0].context)} are in none of its "
            observed += f"{len(by_question[question])} windows"
            shown = (
                f"row {row}: {shorten(by_question[row][0].context[slice(*gap)])} is in no window"
                for row, gap in lost.items()
            )
            expected = "all of the context in the windows of its question"
            found.append(finding(expected, observed, subject=split.subject, evidence=shown))
    return found


def _by_question(evidence: Evidence, split: Split) -> dict[int, list[Window]]:
    found: dict[int, list[Window]] = {}
    for window in windows_of(evidence, split):
        found.setdefault(window.question, []).append(window)
    return found


def _gap(windows: Sequence[Window]) -> tuple[int, int] | None:
    """Return the first part of the context that no window contains; white space is ignored."""
    context = windows[0].context
    parts = sorted((window.begin, window.end) for window in windows if window.begin >= 0)
    reached, edges = 0, []
    for begin, end in parts:
        edges.append((reached, begin))
        reached = max(reached, end)
    edges.append((reached, len(context)))
    return next(((begin, end) for begin, end in edges if begin < end and context[begin:end].strip()), None)


@check(
    "data.answers_in_windows",
    cost="free",
    needs=(QUESTIONS,),
    thresholds={"rows": 0.05, "warn": 0.005},
    catches="answers lost to truncation, windows that share fewer tokens than an answer has, a max_length that leaves "
    "no room beside the question",
    hint="let windows share more tokens than the longest answer has (doc_stride), or raise max_length.",
)
def answers_in_windows(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """At least one window of its question contains each answer completely.

    Assumes: a model can neither learn nor give an answer that no window contains.

    Unusual but healthy: a few answers that are longer than the overlap of windows only warn.

    False alarms: none by chance.
    """
    found, answered = [], 0
    for split in filled(evidence):
        by_question = _by_question(evidence, split)
        with_answer = [windows for windows in by_question.values() if windows[0].answers["text"]]
        answered += len(with_answer)
        lost = [windows for windows in with_answer if not any(window.holds_answer for window in windows)]
        observed = f"{share(len(lost), len(with_answer))} answers are in none"
        if lost:
            observed += f"; the first is {lost[0][0].answers['text'][0]!r} of row {lost[0][0].question}"
        told = {"expected": "each answer whole in one window", "observed": observed, "subject": split.subject}
        shown = (f"row {windows[0].question}: {windows[0].answers['text'][0]!r}" for windows in lost)
        if lost and exceeds(len(lost), len(with_answer), thresholds["rows"]):
            found.append(finding(**told, evidence=shown))
        elif lost and len(lost) > thresholds["warn"] * len(with_answer):
            found.append(warning(**told, share=len(lost) / len(with_answer), evidence=shown))
    if not answered:
        msg = "no question has an answer"
        raise NotApplicable(msg)
    return found
