"""Checks of predicted tags: quiet for honest models, red for those that found nothing, and for other metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from seqeval.metrics import f1_score, recall_score

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.heads.entities import rows_of_tags
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.traits import IGNORED
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CPU = describe_environment("cpu", "float32", threads=1)


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("wnut_17", train_rows=64, eval_rows=200)


def labels_of(parts: Pipeline) -> NDArray[np.int64]:
    return np.asarray(parts.card.head_rules.labels.stacked(list(parts.eval_dataset["labels"])))


def logits_of(tags: NDArray[np.int64], classes: int = 13) -> NDArray[np.float32]:
    """Logits of which these tags are the highest, a little of their own in each row."""
    noise = np.random.default_rng(0).normal(size=(*tags.shape, classes), scale=0.1)
    return (noise + 4 * np.eye(classes)[tags]).astype(np.float32)


def honest(parts: Pipeline, errors: float = 0.1) -> NDArray[np.int64]:
    """Tags that are right but for a share of the entities, which are O; O where there is no label."""
    labels, random = labels_of(parts), np.random.default_rng(0)
    tags = np.where(labels == IGNORED, 0, labels)
    return np.where(random.random(labels.shape) < errors, 0, tags)


def evidence_of(parts: Pipeline, tags: NDArray[np.int64], /, labels: Any = None, **metrics: float) -> Evidence:
    label_ids = labels_of(parts) if labels is None else labels
    logits = logits_of(tags)
    reported = {key: value for key, value in compute(parts, logits, label_ids).items() if not metrics} | metrics
    run = Run(
        task="wnut_17",
        engine="trainer",
        seed=0,
        head=parts.card.head,
        checkpoint="tiny-bert",
        metrics=reported,
        epochs=(),
        best_epoch=None,
        step_losses=(),
        log_history=(),
        logits=logits,
        label_ids=label_ids,
        train_rows=8,
        timings={},
        environment=CPU,
        trace=Trace(),
        folder=Path(),
    )
    pipeline = replace(parts, compute_metrics=None) if metrics else parts
    return Evidence(pipeline, engine="trainer", seed=0, environment=CPU, make_run=lambda: run, make_probe=no_probe)


def compute(parts: Pipeline, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    from transformers import EvalPrediction

    assert parts.compute_metrics is not None
    loss = parts.card.head_rules.loss(torch.as_tensor(logits), torch.as_tensor(labels))
    return {"loss": float(loss), **parts.compute_metrics(EvalPrediction(logits, labels))}


def no_probe(**_: Any) -> Any:
    pytest.fail("these checks train nothing")


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"metrics.{name}"], evidence)


CHECKS = ("not_constant", "beats_trivial", "label_permutation", "recomputed", "loss_agrees", "tag_sequences")


@pytest.mark.parametrize("name", CHECKS)
def test_an_honest_model_is_quiet(parts: Pipeline, name: str) -> None:
    assert judge(name, evidence_of(parts, honest(parts))) == []


def test_o_everywhere_does_not_pass(parts: Pipeline) -> None:
    evidence = evidence_of(parts, np.zeros_like(labels_of(parts)))
    (found,) = judge("not_constant", evidence)
    assert found.expected.startswith("entities where entities are labelled: ")
    assert found.observed.startswith("O for ")
    assert found.observed.endswith("words, no entity")
    (found,) = judge("beats_trivial", evidence)
    assert found.expected.startswith("F1 of entities above 0.")
    assert found.observed == "0.0000"


def test_few_entities_say_nothing(parts: Pipeline) -> None:
    labels = labels_of(parts)
    few = np.where((labels > 0) & (np.arange(len(labels))[:, None] > 1), 0, labels)
    evidence = evidence_of(parts, np.zeros_like(labels), labels=few)
    for name in ("not_constant", "beats_trivial"):
        with pytest.raises(NotApplicable, match="entities"):
            judge(name, evidence)


def test_tags_with_exchanged_names_are_named(parts: Pipeline) -> None:
    names, tags = parts.card.label_names, honest(parts)
    first, second = names.index("B-person"), names.index("B-location")
    moved = np.where(tags == first, second, np.where(tags == second, first, tags))
    (found,) = judge("label_permutation", evidence_of(parts, moved))
    assert "would be right (" in found.observed
    assert {"'B-person'", "'B-location'"} <= set(found.observed.replace(",", "").split())


def test_the_loss_may_be_that_of_batches(parts: Pipeline) -> None:
    tags = honest(parts)
    logits, labels = torch.as_tensor(logits_of(tags)), torch.as_tensor(labels_of(parts))
    loss = parts.card.head_rules.loss
    size = 64
    each = [(float(loss(a, b)), len(a)) for a, b in zip(logits.split(size), labels.split(size), strict=True)]
    of_batches = sum(value * rows for value, rows in each) / len(logits)
    assert judge("loss_agrees", evidence_of(parts, tags, loss=of_batches)) == []
    (found,) = judge("loss_agrees", evidence_of(parts, tags, loss=2 * of_batches))
    assert "the mean cross entropy of the tagged tokens of the logits of 200 rows" in found.expected


def scored(parts: Pipeline, labels: NDArray[np.int64], tags: NDArray[np.int64]) -> tuple[Any, Any]:
    rows = EvaluatedRows(labels, tags, None, parts.card.head_rules, parts.card.label_names)
    known, answers = zip(*rows_of_tags(rows), strict=True)
    return list(known), list(answers)


MISTAKES = {
    "padding": ("fail", "that is f1 where the tokens labelled -100 (padding, special tokens, later pieces) count as O"),
    "accuracy": ("fail", "that is the accuracy of the words, most of which are O, not the f1 of entities"),
    "swapped": ("fail", "that is recall with labels and predictions swapped"),
    "strict": ("warn", "that is seqeval's strict mode, which counts no entity that breaks the scheme"),
    "tokens": ("warn", "that is f1 of single tags, and not of entities"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_metric_of_something_else_is_named(parts: Pipeline, kind: str) -> None:
    labels, tags = labels_of(parts), honest(parts)
    tags = np.where(labels == IGNORED, 1, tags)  # entities are predicted where nothing is asked
    known, answers = scored(parts, labels, tags)
    right = float((tags == labels)[labels != IGNORED].mean())
    flat = [tag for row in known for tag in row], [tag for row in answers for tag in row]
    from seqeval.scheme import IOB2
    from sklearn import metrics as sk

    values = {
        "padding": f1_score(*scored(parts, np.where(labels == IGNORED, 0, labels), tags)),
        "accuracy": right,
        "swapped": recall_score(answers, known),
        "strict": f1_score(known, answers, mode="strict", scheme=IOB2, zero_division=0),
        "tokens": sk.f1_score(*flat, average="macro"),
    }
    key = "recall" if kind == "swapped" else "f1"
    (found,) = judge("recomputed", evidence_of(parts, tags, **{key: float(values[kind])}))
    assert found.level == MISTAKES[kind][0]
    assert MISTAKES[kind][1] in found.observed


def test_f1_of_the_tags_that_occur_is_a_reading_of_its_own(parts: Pipeline) -> None:
    from sklearn import metrics as sk

    labels, tags = labels_of(parts), honest(parts)
    never = parts.card.label_names.index("B-person")
    labels = np.where(labels == never, 0, labels)
    kept = labels != IGNORED
    occur = sorted(set(labels[kept].tolist()) - {0})
    macro = float(sk.f1_score(labels[kept], tags[kept], labels=occur, average="macro", zero_division=0))
    (found,) = judge("recomputed", evidence_of(parts, tags, labels=labels, f1_macro=macro))
    assert found.level == "warn"
    assert found.observed.endswith("that is f1 of single tags, and not of entities")


def test_metrics_of_types_and_averages_are_known(parts: Pipeline) -> None:
    labels, tags = labels_of(parts), honest(parts)
    known, answers = scored(parts, labels, tags)
    macro = float(f1_score(known, answers, average="macro"))
    assert judge("recomputed", evidence_of(parts, tags, macro_f1=macro)) == []
    assert judge("recomputed", evidence_of(parts, tags, person_f1=0.123))[0].expected.startswith("person_f1 = 0.")


def test_entities_that_begin_with_i_are_told(parts: Pipeline) -> None:
    labels = labels_of(parts)
    begun = (labels % 2 == 1) & (labels > 0)
    (found,) = judge("tag_sequences", evidence_of(parts, np.where(begun, labels + 1, np.maximum(labels, 0))))
    assert found.level == "fail"
    assert found.expected == "predicted entities of IOB2, the scheme of the labels"
    part = begun & (np.arange(len(labels))[:, None] % 3 == 0)
    (found,) = judge("tag_sequences", evidence_of(parts, np.where(part, labels + 1, np.maximum(labels, 0))))
    assert found.level == "warn"


def test_class_ids_without_logits_are_judged(parts: Pipeline) -> None:
    evidence = evidence_of(parts, honest(parts))
    run = evidence.run.with_outputs(logits=honest(parts))
    ids = Evidence(parts, engine="trainer", seed=0, environment=CPU, make_run=lambda: run, make_probe=no_probe)
    assert judge("beats_trivial", ids) == []
    with pytest.raises(NotApplicable, match="the evaluation returned class ids, not logits"):
        judge("loss_agrees", ids)
