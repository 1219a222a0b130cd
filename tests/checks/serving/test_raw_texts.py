"""Raw texts that a server answers with another score, but with the same label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.serving import raw_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.runs.run import Run


@pytest.mark.usefixtures("_served_here")
@pytest.mark.parametrize(("case", "level"), [((True, 1.05), "warn"), ((False, 1.05), "fail"), ((True, -1.0), "fail")])
def test_other_scores_are_a_warning_where_positions_count_the_padding(
    saved_evidence: Callable[..., Evidence],
    saved_runs: dict[str, Run],
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[bool, float],
    level: str,
) -> None:
    counts_padding, factor = case
    monkeypatch.setattr(raw_texts, "counts_padding", lambda _: counts_padding)
    run = saved_runs["mrpc"]
    evidence = saved_evidence("mrpc", run=replace(run, logits=run.logits * factor))
    (found,) = run_check(catalogue()["serving.pipeline"], evidence)
    assert found.level == level


@pytest.mark.usefixtures("_served_here")
def test_inputs_that_only_a_server_gets_are_named(saved_evidence: Callable[..., Evidence]) -> None:
    made = saved_evidence("mrpc")

    def without_types(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = made.pipeline.data_collator(features)
        return {name: value for name, value in batch.items() if name != "token_type_ids"}

    run = replace(made.run, logits=made.run.logits * 1.05)
    (found,) = run_check(catalogue()["serving.pipeline"], saved_evidence("mrpc", run=run, data_collator=without_types))
    assert found.hint.startswith("the tokenizer gives a server token_type_ids, which the model never got in training")
