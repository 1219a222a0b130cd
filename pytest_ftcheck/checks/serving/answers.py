"""Checks whether the saved model gives the answers of the evaluation to raw texts, as a server gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets import Dataset

from pytest_ftcheck.checks.catalogue import check, finding
from pytest_ftcheck.checks.model.question import require_own_tokens
from pytest_ftcheck.checks.serving.fresh import ROWS, served, spread
from pytest_ftcheck.heads.answers import ANSWERS, QUESTION, SCORES
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.traits import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "serving.answers",
    cost="run",
    needs=(QUESTIONS,),
    thresholds={"margin": 0.01},
    catches="a tokenizer that was saved with other settings, weights of before training, windows that only the "
    "training script knows how to cut",
    hint="serve with the saved tokenizer, and cut contexts into windows as the evaluation did: max_length, doc_stride, "
    "the best span over all windows.",
)
def answers(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The saved model and tokenizer give the answers of the evaluation to raw questions and contexts.

    A fresh process loads both from the folder that the run saved. It cuts the contexts into windows by the card's
    ``max_length`` and ``doc_stride``. Two answers whose scores differ by less than ``margin`` count as the same.

    Assumes: a server has the folder and the card.

    Unusual but healthy: rows that the user tokenized in another way, and own model classes, are skipped.

    False alarms: none by chance.
    """
    require_own_tokens(evidence)
    answer, data, card = served(evidence), evidence.pipeline.data, evidence.pipeline.card
    if "windows" in answer.errors:
        return [finding("the saved folder to answer raw questions", f"fails: {answer.errors['windows']}")]
    run, chosen = evidence.run, spread(len(data.evaluation), ROWS)
    rules = card.head_rules.answers
    assert rules is not None  # noqa: S101 - of heads with this trait
    given = rules.outputs(
        answer.windows["logits"],
        _windows(answer.windows),
        data.evaluation.select(chosen),
        card.text_columns[-1],
        card.label_column,
    )
    texts = given[ANSWERS].tolist()
    expected, scores = run.outputs[ANSWERS][chosen].tolist(), run.outputs[SCORES][chosen]
    wrong = [
        place
        for place, (text, right) in enumerate(zip(texts, expected, strict=True))
        if text != right and not abs(float(given[SCORES][place].max() - scores[place].max())) <= thresholds["margin"]
    ]
    if not wrong:
        return []
    first = wrong[0]
    observed = f"{len(wrong)} of {len(chosen)} differ; the first is question {chosen[first]}: "
    observed += f"{texts[first]!r} instead of {expected[first]!r}"
    return [finding(f"the evaluation's answers to {len(chosen)} raw questions", observed)]


def _windows(arrays: Mapping[str, NDArray[Any]]) -> Dataset:
    """Return windows as the head's answers take them, with which question each is of, and its offsets."""
    offsets = [[list(pair) if pair[0] >= 0 else None for pair in window] for window in arrays["offsets"].tolist()]
    return Dataset.from_dict({QUESTION: arrays["rows"].tolist(), OFFSETS: offsets})
