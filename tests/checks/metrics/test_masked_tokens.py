"""Guesses of masked tokens must be worth more than how frequent each token is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.heads.masked_metrics import unigram
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
    return make_pipeline("wikitext", train_rows=200, eval_rows=100)


def labels_of(parts: Pipeline) -> NDArray[np.int64]:
    """Return the labels of the evaluation rows, ``[N, T]``."""
    rows = [np.asarray(parts.eval_dataset[row]["labels"]) for row in range(len(parts.eval_dataset))]
    labels = np.full((len(rows), max(map(len, rows))), IGNORED, dtype=np.int64)
    for row, own in enumerate(rows):
        labels[row, : len(own)] = own
    return labels


def frequencies(parts: Pipeline, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what each masked token costs a model that knows the frequency of each token alone, ``[N, T]``."""
    masks, tokenizer = parts.card.head_rules.masks, parts.processing_class
    assert masks is not None
    assert tokenizer is not None
    tokens = [token for row in masks.candidates(parts.train_dataset, tokenizer) for token in row if token != IGNORED]
    return unigram(np.array(tokens), labels)[0]


def judge(parts: Pipeline, labels: NDArray[np.int64], losses: NDArray[np.float64]) -> list[Finding]:
    outputs = {"token_losses": losses, "token_ids": np.zeros_like(labels), "labels": labels}
    run = Run(
        task=parts.card.name,
        engine="trainer",
        seed=0,
        head=parts.card.head,
        checkpoint="tiny-bert",
        metrics={},
        epochs=(),
        best_epoch=None,
        step_losses=(),
        log_history=(),
        outputs=outputs,
        train_rows=8,
        timings={},
        environment=CPU,
        trace=Trace(),
        folder=Path(),
    )
    no: Any = None
    evidence = Evidence(parts, engine="trainer", seed=0, environment=CPU, make_run=lambda: run, make_probe=no)
    return run_check(catalogue()["metrics.beats_unigram"], evidence)


@pytest.mark.parametrize("better", [0.5, 2.0])
def test_a_model_that_reads_the_text_passes(parts: Pipeline, better: float) -> None:
    labels = labels_of(parts)
    plain = frequencies(parts, labels)
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(0, 1, plain.shape)
        assert judge(parts, labels, plain - better + noise) == []


@pytest.mark.parametrize("worse", [0.3, 3.0])
def test_a_model_that_knows_less_than_the_frequencies_is_red(parts: Pipeline, worse: float) -> None:
    labels = labels_of(parts)
    plain = frequencies(parts, labels)
    (found,) = judge(parts, labels, plain + worse)
    assert found.level == "fail"
    mean = plain[labels != IGNORED].mean()
    assert found.expected.startswith(f"a lower loss than {mean:.4f}")
    assert found.observed.startswith(f"{mean + worse:.4f} (difference +{worse:.4f}")


def test_a_model_that_is_hardly_better_is_a_warning(parts: Pipeline) -> None:
    labels = labels_of(parts)
    plain = frequencies(parts, labels)
    noise = np.random.default_rng(0).normal(0, 1, plain.shape)
    noise -= noise[labels != IGNORED].mean()  # the same on average
    (found,) = judge(parts, labels, plain - 0.05 + noise)
    assert found.level == "warn"


def test_a_loss_that_is_not_a_number_is_red(parts: Pipeline) -> None:
    labels = labels_of(parts)
    (found,) = judge(parts, labels, np.full(labels.shape, np.nan))
    assert found.level == "fail"


def test_without_tokens_in_the_train_rows_nothing_is_judged(parts: Pipeline) -> None:
    labels = labels_of(parts)
    bare = replace(parts, train_dataset=parts.train_dataset.rename_column("input_ids", "tokens"))
    with pytest.raises(NotApplicable, match="the training rows have no tokens"):
        judge(bare, labels, np.zeros(labels.shape))
