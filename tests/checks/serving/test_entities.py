"""Entities that a server finds, against those of the evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.serving import entities
from pytest_ftcheck.checks.serving.fresh import Served
from pytest_ftcheck.heads.entities import entities_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ROWS = tuple(range(12))


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("wnut_17", train_rows=16, eval_rows=len(ROWS))


def answers_of(parts: Pipeline) -> list[list[dict[str, Any]]]:
    """What `pipeline` answers of a model that has all tags right."""
    raw, answers = parts.data.evaluation, []
    for row in ROWS:
        words, tags = raw[row]["tokens"], [parts.card.label_names[tag] for tag in raw[row]["ner_tags"]]
        starts = np.cumsum([0, *(len(word) + 1 for word in words)])
        answers.append(
            [
                {"entity_group": kind, "start": int(starts[first]), "end": int(starts[last + 1]) - 1, "score": 0.9}
                for kind, first, last in sorted(entities_of(tags), key=lambda entity: entity[1])
            ]
        )
    return answers


def judge(parts: Pipeline, monkeypatch: pytest.MonkeyPatch, answers: Any, **served: Any) -> list[Finding]:
    labels = parts.card.head_rules.labels.stacked(list(parts.eval_dataset["labels"]))
    logits = 5 * np.eye(parts.card.num_labels, dtype=np.float32)[np.maximum(labels, 0)]
    run = type("Outputs", (), {"logits": logits, "label_ids": labels})()
    answer = Served(rows=ROWS, text_rows=ROWS, no_texts="", logits=None, answers=tuple(answers))
    monkeypatch.setattr(entities, "served", lambda _: replace(answer, **served))
    environment = {"device": "cpu", "dtype": "float32", "threads": "1"}
    made: Any = lambda: run  # noqa: E731
    evidence = Evidence(parts, engine="trainer", seed=0, environment=environment, make_run=made, make_probe=made)
    return run_check(catalogue()["serving.entities"], evidence)


def test_the_same_entities_are_quiet(parts: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(parts, monkeypatch, answers_of(parts)) == []


def test_another_type_or_span_is_named(parts: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = answers_of(parts)
    answers[0][0]["entity_group"] = "LABEL_3"
    answers[1].pop()
    (found,) = judge(parts, monkeypatch, answers)
    assert found.expected == "the evaluation's entities in 12 sentences"
    assert found.observed.startswith("2 differ, row 0: LABEL_3 '")
    assert " instead of " in found.observed


def test_a_pipeline_that_fails_is_told(parts: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = judge(parts, monkeypatch, [], errors={"pipeline": "OSError: no tokenizer"})
    assert found.observed == "fails: OSError: no tokenizer"


def test_rows_without_texts_say_why(parts: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotApplicable, match="every row is truncated"):
        judge(parts, monkeypatch, [], text_rows=(), no_texts="every row is truncated")


def test_other_schemes_are_a_warning(parts: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(name.replace("I-", "E-") for name in parts.card.label_names)
    (warned,) = judge(replace(parts, card=replace(parts.card, label_names=names)), monkeypatch, [[]] * len(ROWS))
    assert warned.level == "warn"
    assert warned.hint.endswith("of BIOES: convert the tags to IOB2.")
