"""A model of multiple choice scores each choice alone, and by its context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.model import choices
from pytest_ftcheck.faults.fault import select_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("swag", train_rows=40, eval_rows=60)


def judge(name: str, pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()[f"model.{name}"], evidence)


class Rule(torch.nn.Module):
    """Scores a choice without any weights."""

    def __init__(self, score: Callable[[list[int], list[int]], float]) -> None:
        super().__init__()
        self.score = score

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        rows = []
        for ids, types, mask in zip(input_ids, token_type_ids, attention_mask, strict=True):
            first, second = ((types == kind) & (mask == 1) for kind in (0, 1))
            rows.append([self.score(ids[c][first[c]].tolist(), ids[c][second[c]].tolist()) for c in range(len(ids))])
        return {"logits": torch.tensor(rows, dtype=torch.float32)}


def answers_by(monkeypatch: pytest.MonkeyPatch, score: Callable[[list[int], list[int]], float]) -> None:
    monkeypatch.setattr(choices, "trained_model", lambda _: Rule(score))


def test_moved_choices_move_their_logits(parts: Pipeline) -> None:
    assert judge("choice_permutation", parts) == []


def test_logits_that_are_reshaped_in_the_wrong_order_are_found(parts: Pipeline) -> None:
    (finding,) = judge("choice_permutation", select_faults(["logits_reshaped_by_place"])[0].plant(parts))
    assert finding.subject.endswith(" of a batch of 3, its choices moved by one place")
    assert finding.expected.endswith("], moved by one place too")


@pytest.mark.parametrize("check", ["batch_invariance", "padding_invariance", "attention_mask_used"])
def test_rows_of_several_texts_are_asked_as_others_are(parts: Pipeline, check: str) -> None:
    assert judge(check, parts) == []


def test_answers_that_fall_with_another_context_are_let_through(
    parts: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers_by(monkeypatch, lambda context, ending: len(set(context) & set(ending)))
    assert judge("context_matters", parts) == []


def test_answers_by_the_endings_alone_are_found(parts: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    told = select_faults(["endings_give_the_answer"])[0].plant(parts)
    dot = cast("Any", parts.processing_class).convert_tokens_to_ids(".")
    answers_by(monkeypatch, lambda _, ending: float(dot in ending))
    (finding,) = judge("context_matters", told)
    assert finding.expected == "an accuracy that falls with the contexts of other rows"
    assert finding.observed == (
        "an accuracy of 1.0000 over 60 rows as they are, and of 1.0000 with the contexts of other rows; chance is "
        "0.2500"
    )


def test_a_model_at_chance_is_not_asked(parts: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    answers_by(monkeypatch, lambda *_: 0.0)
    with pytest.raises(NotApplicable, match="so near to chance"):
        judge("context_matters", parts)
