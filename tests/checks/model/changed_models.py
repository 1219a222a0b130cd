"""Small models of several kinds, models with a changed forward pass, and what checks say of them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
)

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CHECKS = ("padding_invariance", "batch_invariance", "attention_mask_used", "eval_deterministic", "train_mode_drops")
ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
SMALL: dict[str, Any] = {"vocab_size": 374, "num_labels": 2, "pad_token_id": 0, "max_position_embeddings": 160}
BERT = {**SMALL, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
KINDS: dict[str, dict[str, Any]] = {
    "bert": BERT,
    "roberta": {**BERT, "bos_token_id": 2, "eos_token_id": 3},
    "gpt2": {**SMALL, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 160},
    "llama": BERT,
    "t5": {**SMALL, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4, "eos_token_id": 3},
}


def small_model(kind: str, **changes: Any) -> Any:
    """A model of that architecture with random weights."""
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, **{**KINDS[kind], **changes}))


def evidence_of(pipeline: Pipeline, **changes: Any) -> Evidence:
    return Evidence(
        replace(pipeline, **changes),
        engine="trainer",
        seed=0,
        environment=ENVIRONMENT,
        make_run=lambda: pytest.fail("no run is needed"),
        make_probe=lambda **_: pytest.fail("no probe is needed"),
    )


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


def red(evidence: Evidence) -> set[str]:
    found = set()
    for name in CHECKS:
        try:
            found |= {name} if judge(name, evidence) else set()
        except NotApplicable:
            continue
    return found


def changed(parts: Pipeline, change: Callable[[Any], object]) -> Evidence:
    return evidence_of(parts, model_init=ChangedModel(parts.model_init, change))


def wrapped(parts: Pipeline, forward: Callable[..., Any]) -> Evidence:
    """Evidence of a model whose forward pass is ``forward(original, **inputs)``."""

    def change(model: Any) -> None:
        # Under the original's signature, which says what reaches the collator.
        model.forward = functools.wraps(model.forward)(functools.partial(forward, model.forward))

    return changed(parts, change)
