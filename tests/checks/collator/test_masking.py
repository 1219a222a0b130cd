"""How a collator masks tokens: healthy ones are let through, and each defect is told by its check."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from transformers import DataCollatorForLanguageModeling

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.collator.masking import share_and_error
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.heads.masking import MaskingCollator

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
CHECKS = ("mask_rate", "mask_shares", "mask_token", "masked_labels", "masked_padding", "masked_special")
ALL = (*CHECKS, "unmasked_ignored")


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("wikitext", train_rows=200, eval_rows=100)


def judge(check: str, pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()[check], evidence)


def planted(parts: Pipeline, name: str) -> Pipeline:
    return select_faults([name])[0].plant(parts)


@pytest.mark.parametrize("name", ALL)
def test_the_cards_collator_is_let_through(parts: Pipeline, name: str) -> None:
    assert judge(f"collator.{name}", parts) == []


ALWAYS = {"mask_replace_prob": 1.0, "random_replace_prob": 0.0}


@pytest.mark.parametrize("options", [{"seed": 1}, {"mlm_probability": 0.4}, ALWAYS])
@pytest.mark.parametrize("name", ALL)
def test_collators_of_transformers_are_let_through(parts: Pipeline, name: str, options: dict[str, Any]) -> None:
    tokenizer: Any = parts.processing_class
    collator = DataCollatorForLanguageModeling(tokenizer, **options)
    changed = replace(parts, data_collator=collator, eval_dataset=parts.eval_dataset.remove_columns("labels"))
    assert judge(f"collator.{name}", changed) == []


@pytest.mark.parametrize("name", ["tokens", "mask", "shape", "order", "determinism", "mutation", "pad_id"])
def test_other_checks_see_the_tokens_before_masking(parts: Pipeline, name: str) -> None:
    assert judge(f"collator.{name}", parts) == []


@pytest.mark.parametrize(
    ("fault", "check", "expected", "observed"),
    [
        ("masked_too_rarely", "mask_rate", "0.15 of the ordinary tokens masked", "0.01"),
        ("always_the_mask_token", "mask_shares", "0.8 of the drawn tokens shown as the mask token", "1.000 of "),
        ("mask_token_of_another", "mask_token", "'[MASK]', 4, in the place of drawn tokens", "1, '[UNK]', in "),
        (
            "mask_labels_shifted",
            "masked_labels",
            "labels that are the tokens before masking",
            "labels are other tokens",
        ),
        ("special_tokens_masked", "masked_special", "special tokens as they are", "special tokens are masked"),
        ("padding_scored", "masked_padding", "padding without a mask", "columns of padding are masked or labelled"),
        ("all_tokens_scored", "unmasked_ignored", "labels of -100 wherever a token is not drawn", "are shown as they"),
    ],
)
def test_each_fault_is_named(parts: Pipeline, fault: str, check: str, expected: str, observed: str) -> None:
    findings = judge(f"collator.{check}", planted(parts, fault))
    assert findings
    assert findings[0].expected.startswith(expected)
    assert observed in findings[0].observed


def test_a_rate_that_is_declared_and_far_too_low_is_told(parts: Pipeline) -> None:
    assert parts.processing_class is not None
    low = MaskingCollator(parts.processing_class, mlm_probability=0.015)
    (finding,) = judge("collator.mask_rate", replace(parts, data_collator=low))[:1]
    assert finding.expected == "0.05 to 0.6 of the ordinary tokens masked"
    assert finding.subject.endswith("train split")


def test_a_collator_that_declares_nothing_may_show_the_mask_token_alone(parts: Pipeline) -> None:
    def collator(features: list[dict[str, Any]]) -> Any:
        return parts.data_collator(features)

    with pytest.raises(NotApplicable, match="does not declare"):
        judge("collator.mask_shares", replace(parts, data_collator=collator))


def test_the_error_of_a_share_knows_that_words_are_drawn_together() -> None:
    count = np.full(100, 10.0)
    apart, together = np.full(100, 2.0), np.tile([0.0, 4.0], 50)
    assert share_and_error(apart, count)[0] == share_and_error(together, count)[0] == pytest.approx(0.2)
    assert share_and_error(together, count)[1] > 1.5 * share_and_error(apart, count)[1]


def test_evaluation_masks_that_differ_are_red_where_rows_have_labels_and_a_warning_elsewhere(parts: Pipeline) -> None:
    assert judge("metrics.evaluation_masks", parts) == []
    (finding,) = judge("metrics.evaluation_masks", planted(parts, "evaluation_masks_drawn_anew"))
    assert finding.level == "fail"
    assert finding.observed == "other tokens are masked when the same rows come again"
    anew = replace(parts, eval_dataset=parts.eval_dataset.remove_columns("labels"))
    (told,) = judge("metrics.evaluation_masks", anew)
    assert told.level == "warn"
    assert "also of the very same model" in told.observed


def test_a_last_layer_that_is_a_copy_is_told(parts: Pipeline) -> None:
    assert judge("model.tied_embeddings", parts) == []
    (finding,) = judge("model.tied_embeddings", planted(parts, "last_layer_untied"))
    assert finding.observed == "weights of its own"
