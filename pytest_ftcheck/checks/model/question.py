"""Checks whether answers depend on the question, and not on the context alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.heads.answers import ANSWERS
from pytest_ftcheck.heads.traits import QUESTIONS
from pytest_ftcheck.pipeline.forward import logits_in
from pytest_ftcheck.pipeline.from_card import tokenize
from pytest_ftcheck.pipeline.quiet import quiet_libraries

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_COLUMNS = ("input_ids", "attention_mask", "token_type_ids")
_TOGETHER = 32


@check(
    "model.question_matters",
    cost="run",
    needs=(QUESTIONS,),
    thresholds={"questions": 64, "same": 0.9},
    catches="questions that were cut off or never tokenized, a model that points at the same kind of word whatever is "
    "asked",
    hint="check that question and context are both tokenized, in this order, with truncation='only_second'; and "
    "whether the answers can be found without the question.",
)
def question_matters(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The model gives another answer to another question.

    The check exchanges some questions and keeps the contexts. At most a fraction ``same`` of the answers may stay the
    same.

    Assumes: questions ask for different things.

    Unusual but healthy: data with one question for all contexts is skipped; so are rows that the user tokenized.

    False alarms: none by chance if the model learned something: nine of ten answers would have to stay the same.
    """
    require_own_tokens(evidence)
    evidence.require_training()
    data, card = evidence.pipeline.data, evidence.pipeline.card
    unchanged = data.evaluation.select(range(min(int(thresholds["questions"]), len(data.evaluation))))
    question = card.text_columns[0]
    texts = list(unchanged[question])
    turned = texts[len(texts) // 2 :] + texts[: len(texts) // 2]
    others = [place for place, (own, other) in enumerate(zip(texts, turned, strict=True)) if own != other]
    if not others:
        msg = "all questions are the same"
        raise NotApplicable(msg)
    exchanged = unchanged.remove_columns(question).add_column(question, turned)
    before, after = (
        answers_to(evidence, rows, evidence.tokenizer)[ANSWERS].tolist() for rows in (unchanged, exchanged)
    )
    same = sum(before[place] == after[place] for place in others)
    if same <= thresholds["same"] * len(others):
        return []
    expected = f"other answers to other questions, at least {1 - thresholds['same']:.0%} of {len(others)}"
    first = others[0]
    observed = f"{same} stay the same, such as {before[first]!r} to {texts[first]!r} and to {turned[first]!r}"
    return [finding(expected, observed)]


def require_own_tokens(evidence: Evidence) -> None:
    """Stop a check that tokenizes raw texts if the user's code tokenizes them.

    Raises:
        NotApplicable: the rows come from a user's Trainer.

    """
    if not evidence.pipeline.source.rows.tokenized_here:
        msg = "the rows were tokenized by code that is not known here"
        raise NotApplicable(msg)


def answers_to(
    evidence: Evidence, questions: Dataset, tokenizer: PreTrainedTokenizerBase
) -> dict[str, NDArray[np.generic]]:
    """Apply the model that the run saved to raw rows, cut into windows according to the card.

    Returns:
        The result of `AnswerRules.outputs`.

    """
    pipeline, card = evidence.pipeline, evidence.pipeline.card
    recipe = card.recipe(pipeline.tier, pipeline.checkpoint.name)
    options = {key: recipe[key] for key in ("max_length", *card.head_rules.inputs.recipe_keys) if key in recipe}
    with quiet_libraries():
        windows = tokenize(card, questions, tokenizer, **options)
    rules = card.head_rules.answers
    assert rules is not None  # noqa: S101 - of heads with this trait
    return rules.outputs(_logits(evidence, windows), windows, questions, card.text_columns[-1], card.label_column)


@torch.no_grad()
def _logits(evidence: Evidence, windows: Dataset) -> NDArray[np.float32]:
    model, parts = evidence.trained_model, []
    columns = [name for name in _COLUMNS if name in windows.column_names]
    for start in range(0, len(windows), _TOGETHER):
        rows = windows.select(range(start, min(start + _TOGETHER, len(windows))))
        batch = {name: torch.tensor(rows[name][:], device=model.device) for name in columns}
        parts.append(logits_in(model(**batch)).float().cpu().numpy())
    return np.concatenate(parts)
