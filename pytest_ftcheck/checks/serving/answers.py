"""Checks whether the saved model gives the answers of the evaluation to raw texts, as a server gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import check, finding
from pytest_ftcheck.checks.model.logits import require_whole_model
from pytest_ftcheck.checks.model.question import answers_to, require_own_tokens
from pytest_ftcheck.checks.serving.fresh import spread
from pytest_ftcheck.heads.answers import ANSWERS, SCORES
from pytest_ftcheck.heads.traits import POSITIONS

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "serving.answers",
    cost="run",
    needs=(POSITIONS,),
    thresholds={"questions": 32, "margin": 0.01},
    catches="a tokenizer that was saved with other settings, weights from before the training, windows that only the "
    "training script can cut",
    hint="serve with the saved tokenizer, and cut contexts into windows as the evaluation did: max_length, doc_stride, "
    "the best span over all windows.",
)
def answers(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The saved model and tokenizer give the answers of the evaluation to raw questions and contexts.

    Both are loaded from the folder that the run saved. Contexts are cut into windows by the card's ``max_length`` and
    ``doc_stride``. Two answers whose scores differ by less than ``margin`` count as the same.

    Assumes: a server has the folder and the card.

    Unusual but healthy: rows that the user tokenized in another way are skipped.

    False alarms: none by chance.
    """
    require_whole_model(evidence)
    require_own_tokens(evidence)
    run, data = evidence.run, evidence.pipeline.data
    chosen = spread(len(data.evaluation), int(thresholds["questions"]))
    served = answers_to(evidence, data.evaluation.select(chosen), evidence.run.load_tokenizer())
    expected, scores = run.outputs[ANSWERS][chosen].tolist(), run.outputs[SCORES][chosen]
    wrong = [
        place
        for place, (text, right) in enumerate(zip(served[ANSWERS].tolist(), expected, strict=True))
        if text != right and not abs(float(served[SCORES][place].max() - scores[place].max())) <= thresholds["margin"]
    ]
    if not wrong:
        return []
    first = wrong[0]
    observed = f"{len(wrong)} of {len(chosen)} differ; the first is question {chosen[first]}: "
    observed += f"{served[ANSWERS][first]!r} instead of {expected[first]!r}"
    return [finding(f"the evaluation's answers to {len(chosen)} raw questions", observed)]
