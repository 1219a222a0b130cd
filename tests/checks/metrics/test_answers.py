"""Checks of the answers of a run and of the metrics of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.heads.answer_metrics import scored_answers
from tests.checks.answer_runs import evidence_of, logits_of_labels, outputs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("squad_v2", train_rows=64, eval_rows=64)


def judge(name: str, pipeline: Pipeline, outputs: dict[str, Any], **metrics: float) -> list[Finding]:
    return run_check(catalogue()[name], evidence_of(pipeline, outputs, metrics))


def told(found: list[Finding]) -> str:
    return " | ".join(f"{entry.expected}: {entry.observed}" for entry in found)


def true_metrics(outputs: Mapping[str, Any]) -> dict[str, float]:
    exact, f1 = 100 * scored_answers(outputs["answers"].tolist(), outputs["references"].tolist())[:, :2].mean(axis=0)
    return {"exact": float(exact), "f1": float(f1)}


def wrong_in_part(pipeline: Pipeline) -> dict[str, Any]:
    """Return outputs of a run that is wrong about every fifth window."""
    logits = logits_of_labels(pipeline)
    logits[::5] = np.random.default_rng(0).normal(size=logits[::5].shape)
    return outputs_of(pipeline, logits)


def test_a_perfect_run_is_healthy(pipeline: Pipeline) -> None:
    outputs = outputs_of(pipeline, logits_of_labels(pipeline))
    assert true_metrics(outputs) == {"exact": 100, "f1": 100}
    for name in ("answers_recomputed", "best_windows", "beats_trivial_answers", "null_threshold"):
        assert not judge(f"metrics.{name}", pipeline, outputs, exact=100.0, f1=100.0), name


def test_metrics_of_a_run_that_is_wrong_in_part_are_recomputed(pipeline: Pipeline) -> None:
    outputs = wrong_in_part(pipeline)
    assert not judge("metrics.answers_recomputed", pipeline, outputs, **true_metrics(outputs))
    found = judge("metrics.answers_recomputed", pipeline, outputs, exact=12.0)
    assert told(found).endswith("over 64 questions: 12.0000")


def test_known_mistakes_are_named(pipeline: Pipeline) -> None:
    outputs = wrong_in_part(pipeline)
    right = true_metrics(outputs)
    share = judge("metrics.answers_recomputed", pipeline, outputs, f1=right["f1"] / 100)
    assert "a fraction, but SQuAD uses percent" in told(share)
    places = outputs["logits"].argmax(axis=1)
    windows = 100 * float((places == outputs["labels"]).all(axis=1).mean())
    found = judge("metrics.answers_recomputed", pipeline, outputs, f1=windows)
    assert "count questions, not windows" in told(found)


def test_a_run_without_metrics_of_squad_says_nothing(pipeline: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="no metric of SQuAD is reported"):
        judge("metrics.answers_recomputed", pipeline, wrong_in_part(pipeline), bleu=3.0)


def test_an_answer_that_is_not_the_best_of_all_windows_is_found(pipeline: Pipeline) -> None:
    outputs = outputs_of(pipeline, logits_of_labels(pipeline))
    outputs["scores"] = outputs["scores"] - np.float32(3)
    found = judge("metrics.best_windows", pipeline, outputs)
    assert "the answer with the highest score over the windows of its question" in told(found)
    assert "64 of 64 score otherwise; the first is question 0" in told(found)


def test_a_question_without_an_answer_of_its_own_is_found(pipeline: Pipeline) -> None:
    outputs = outputs_of(pipeline, logits_of_labels(pipeline))
    found = judge("metrics.best_windows", pipeline, {**outputs, "answers": outputs["answers"][1:]})
    assert told(found) == "one answer for each of 64 questions: 63 answers"


def test_a_model_that_answers_at_random_does_not_beat_trivial_answers(pipeline: Pipeline) -> None:
    random = np.random.default_rng(0).normal(size=logits_of_labels(pipeline).shape).astype(np.float32)
    found = judge("metrics.beats_trivial_answers", pipeline, outputs_of(pipeline, random))
    assert "which no answer scores" in told(found)


def test_a_threshold_that_hides_most_answers_is_found(pipeline: Pipeline) -> None:
    logits = logits_of_labels(pipeline)
    logits[:, 0] += 30
    (found,) = judge("metrics.null_threshold", pipeline, outputs_of(pipeline, logits))
    assert "a threshold within 10 points of F1 of the best one: F1" in told([found])


class Pointing(torch.nn.Module):
    """Points at the words of the context that the question has too, or at the first word of the context."""

    device = torch.device("cpu")

    def __init__(self, *, reads_question: bool) -> None:
        super().__init__()
        self.reads_question = reads_question

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> dict[str, Any]:
        context = (token_type_ids == 1) & (attention_mask == 1)
        scores = torch.where(context, 0.0, -9.0)
        scores[:, 0] = -50.0
        for row, ids in enumerate(input_ids):
            question = set(ids[~context[row]].tolist())
            first = int(context[row].float().argmax())
            places = [place for place, token in enumerate(ids.tolist()) if context[row, place] and token in question]
            read = bool(places) and self.reads_question
            scores[row, places[0] if read else first] = 9.0 if self.reads_question else 8.0
        return {"start_logits": scores, "end_logits": scores}


def test_a_model_that_does_not_read_the_question_is_found(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline("squad", train_rows=16, eval_rows=64)
    entry, found = catalogue()["model.question_matters"], []
    for reads_question in (True, False):
        evidence = evidence_of(pipeline, {})
        evidence.__dict__["trained_model"] = Pointing(reads_question=reads_question)
        found = run_check(entry, evidence)
        assert bool(found) is not reads_question
    assert "other answers to other questions" in told(found)
    assert "stay the same, such as" in told(found)


def test_rows_that_the_user_tokenized_are_skipped(pipeline: Pipeline) -> None:
    evidence = evidence_of(pipeline, {})
    evidence.pipeline = SimpleNamespace(  # type: ignore[assignment]
        card=pipeline.card, source=SimpleNamespace(rows=SimpleNamespace(tokenized_here=False))
    )
    with pytest.raises(NotApplicable, match="tokenized by code that is not known here"):
        catalogue()["model.question_matters"].function(evidence, {})
