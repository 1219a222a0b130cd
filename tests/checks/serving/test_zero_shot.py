"""Zero-shot classification finds the class that the evaluation means by entailment."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.serving import zero_shot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

    MakeInference = Callable[..., Evidence]

pytestmark = pytest.mark.usefixtures("_served_here")

FIRST = ("entailment", "not_entailment")
LAST = FIRST[::-1]
GENERIC = ("LABEL_0", "LABEL_1")


def judge(evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()["serving.zero_shot"], evidence)


@pytest.fixture
def inference(
    saved_evidence: Callable[..., Evidence], saved_pipelines: dict[str, Pipeline], saved_runs: dict[str, Run]
) -> MakeInference:
    """Return a function that makes the evidence of a task of pairs with these names, saved with those."""

    def make(names: Sequence[str], saved: Sequence[str], **changes: Any) -> Evidence:
        def named(run: Run) -> None:
            path = run.model_folder / "config.json"
            labels = {"id2label": dict(enumerate(saved)), "label2id": {name: n for n, name in enumerate(saved)}}
            path.write_text(json.dumps(json.loads(path.read_text()) | labels))

        card = replace(saved_pipelines["mrpc"].card, label_names=tuple(names), **changes.pop("card", {}))
        return saved_evidence("mrpc", named, run=replace(saved_runs["mrpc"], **changes), card=card)

    return make


@pytest.mark.parametrize("names", [FIRST, LAST, ("Entailed", "Other")])
def test_a_class_by_this_name_is_healthy(inference: MakeInference, names: Sequence[str]) -> None:
    assert judge(inference(names, names)) == []


@pytest.mark.parametrize("saved", [GENERIC, ("E", "N"), LAST])
def test_a_name_that_was_lost_is_red(inference: MakeInference, saved: Sequence[str]) -> None:
    (found,) = judge(inference(FIRST, saved))
    assert found.level == "fail"
    assert found.expected == "label2id['entailment'] = 0, where zero-shot classification looks for entailment"
    assert found.observed.endswith("class 1 (not_entailment) would be taken for entailment")


def test_the_right_class_by_luck_is_a_warning(inference: MakeInference) -> None:
    (found,) = judge(inference(LAST, GENERIC))
    assert found.level == "warn"
    assert found.observed.endswith("the last class is taken, which is the right one by luck")


def test_other_probabilities_are_red(inference: MakeInference, saved_runs: dict[str, Run]) -> None:
    (found,) = judge(inference(FIRST, FIRST, logits=saved_runs["mrpc"].logits[:, ::-1] + [[3.0, 0.0]]))
    assert found.expected == "the evaluation's probability of entailment for 8 pairs, within 0.001"
    assert found.observed.startswith("8 differ, row 0: 0.")


def test_three_classes_in_the_order_of_the_pipeline_are_healthy(
    inference: MakeInference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zero_shot, "_compared_with_evaluation", lambda *_: [])
    names = ("contradiction", "entailment", "neutral")
    assert judge(inference(names, names)) == []


def test_neutral_in_the_place_of_contradiction_is_a_warning(
    inference: MakeInference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zero_shot, "_compared_with_evaluation", lambda *_: [])
    moved = ("entailment", "contradiction", "neutral")
    (found,) = judge(inference(moved, moved))
    assert (found.level, found.expected) == ("warn", "contradiction as the last class (wrong scores fail)")


@pytest.mark.parametrize(
    ("names", "changes", "why"),
    [
        (("not_equivalent", "equivalent"), {}, "applies only to natural language inference"),
        (("not_entailment", "no"), {}, "applies only to natural language inference"),
        (FIRST, {"card": {"text_columns": ("sentence1",)}}, "zero-shot classification needs a pair"),
    ],
)
def test_other_tasks_are_not_judged(
    inference: MakeInference, names: Sequence[str], changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(NotApplicable, match=why):
        judge(inference(names, names, **changes))


def test_folder_without_a_configuration_is_left_to_others(inference: MakeInference) -> None:
    evidence = inference(FIRST, FIRST)
    (evidence.run.model_folder / "config.json").write_text("{")
    with pytest.raises(NotApplicable, match=r"config\.json cannot be read"):
        judge(evidence)
