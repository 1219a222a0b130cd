"""Raw texts that a server answers with another score, but with the same label."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from transformers import AutoTokenizer

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.serving import raw_texts
from pytest_ftcheck.pipeline.card_source import CardRows, CardSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
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
    evidence = saved_evidence("mrpc", run=run.with_outputs(logits=run.logits * factor))
    (found,) = run_check(catalogue()["serving.pipeline"], evidence)
    assert found.level == level


@pytest.mark.usefixtures("_served_here")
def test_inputs_that_only_a_server_gets_are_named(saved_evidence: Callable[..., Evidence]) -> None:
    made = saved_evidence("mrpc")

    def without_types(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = made.pipeline.data_collator(features)
        return {name: value for name, value in batch.items() if name != "token_type_ids"}

    run = made.run.with_outputs(logits=made.run.logits * 1.05)
    (found,) = run_check(catalogue()["serving.pipeline"], saved_evidence("mrpc", run=run, data_collator=without_types))
    assert found.hint.startswith("the tokenizer gives a server token_type_ids, which the model never got in training")


@pytest.mark.usefixtures("_served_here")
def test_a_sigmoid_over_the_value_is_named(saved_evidence: Callable[..., Evidence]) -> None:
    def forget(run: Run) -> None:
        path = run.model_folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "problem_type": None}))

    (found,) = run_check(catalogue()["serving.pipeline"], saved_evidence("stsb", forget))
    assert found.level == "warn"
    assert found.observed.startswith("its sigmoid: pipeline() applies a sigmoid to a single output")


@pytest.mark.usefixtures("_served_here")
def test_a_sigmoid_over_the_logit_of_two_classes_is_healthy(
    saved_evidence: Callable[..., Evidence], saved_runs: dict[str, Run]
) -> None:
    run = saved_runs["stsb"]
    classes = run.with_outputs(labels=(run.label_ids > 2.5).astype(run.label_ids.dtype))

    def forget(judged: Run) -> None:
        path = judged.model_folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "problem_type": None}))

    assert run_check(catalogue()["serving.pipeline"], saved_evidence("stsb", forget, run=classes)) == []


def test_rows_that_the_script_puts_in_lower_case_are_found(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = make_pipeline("sst2", train_rows=8, eval_rows=40)
    shouting = pipeline.data.evaluation.map(lambda row: {"sentence": row["sentence"].upper()})
    cased: Any = AutoTokenizer.from_pretrained(pipeline.checkpoint.folder)
    cased.backend_tokenizer.normalizer = None
    none: Any = None

    def judged(**changes: Any) -> list[Finding]:
        of_a_user = replace(pipeline, source=CardSource(rows=CardRows(tokenized_here=False)), **changes)
        environment = {"device": "cpu", "dtype": "float32", "threads": "1"}
        made: dict[str, Any] = {"engine": "trainer", "seed": 0, "environment": environment}
        return raw_texts.in_lower_case(Evidence(of_a_user, **made, make_run=none, make_probe=none), range(32))

    (found,) = judged(data=replace(pipeline.data, evaluation=shouting), processing_class=cased)
    assert "in lower case: raw, 32 of 32 texts differ" in found.observed
    assert judged() == []
