"""The cause stands before what follows from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ftcheck.checks.cause_table import explains
from pytest_ftcheck.checks.causes import likely_causes
from pytest_ftcheck.checks.names import COST_OF

GATES = {"metrics.floor", "metrics.baseline"}
KNOWN = sorted({*COST_OF, *GATES})


@given(st.sets(st.sampled_from(KNOWN)))
def test_each_red_check_is_told_once(red: set[str]) -> None:
    causes = likely_causes(red)
    told = [check for cause in causes for check in (cause.check, *cause.consequences)]
    assert sorted(told) == sorted(red)
    assert not any(explains(other, cause.check) for cause in causes for other in red)


def test_an_unknown_check_is_a_cause_of_its_own() -> None:
    assert likely_causes({"mine.own", "metrics.beats_trivial"})[0].check == "mine.own"


@pytest.mark.parametrize(
    ("red", "first"),
    [
        ("metrics.floor metrics.beats_trivial training.loss_falls training.shuffled", "training.shuffled"),
        ("model.padding_invariance serving.pipeline metrics.not_constant collator.mask", "collator.mask"),
        ("model.attention_mask_used model.batch_invariance model.eval_deterministic", "model.eval_deterministic"),
        ("data.contradictions data.duplicates metrics.beats_trivial data.unused_columns", "data.unused_columns"),
        ("model.gradients training.finite_loss model.loss_at_start", "training.finite_loss"),
        ("metrics.floor metrics.last_epoch metrics.recomputed training.best_checkpoint", "training.best_checkpoint"),
        ("metrics.floor metrics.beats_trivial metrics.not_constant", "metrics.not_constant"),
        ("data.duplicates data.metrics_without_duplicates", "data.duplicates"),
        ("training.best_checkpoint metrics.recomputed serving.reload training.eval_mode", "training.eval_mode"),
        ("collator.determinism collator.masked_labels collator.tokens", "collator.masked_labels"),
        ("collator.determinism collator.mask_rate", "collator.determinism"),
    ],
)
def test_the_cause_comes_first_and_the_rest_below_it(red: str, first: str) -> None:
    causes = likely_causes(red.split())
    assert causes[0].check == first
    assert {*causes[0].consequences} == {*red.split()} - {first}


def test_causes_that_do_not_explain_each_other_stand_apart() -> None:
    causes = likely_causes(["training.weight_decay", "collator.mask", "model.padding_invariance", "metrics.floor"])
    assert [cause.check for cause in causes] == ["collator.mask", "training.weight_decay"]
    assert causes[1].consequences == ()
