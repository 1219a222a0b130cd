"""The answers of a user's function beside the best spans of the same logits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from tests.checks.answer_runs import evidence_of, logits_of_labels, outputs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CHECK = "metrics.answers_decoded"


@pytest.fixture(scope="module")
def windows(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    """Return windows that name their question as those of a script do."""
    made = make_pipeline("squad", train_rows=64, eval_rows=160)
    named = made.data.evaluation.add_column("id", [f"q{row}" for row in range(160)])
    ids = [f"q{question}" for question in made.eval_dataset["question_row"]]
    rows = made.eval_dataset.remove_columns("question_row").add_column("example_id", ids)
    card, data = replace(made.card, head="own-answers"), replace(made.data, evaluation=named)
    return replace(made, card=card, data=data, eval_dataset=rows)


@pytest.fixture(scope="module")
def outputs(make_pipeline: Callable[..., Pipeline]) -> dict[str, Any]:
    made = make_pipeline("squad", train_rows=64, eval_rows=160)
    return outputs_of(made, logits_of_labels(made))


def judge(pipeline: Pipeline, outputs: dict[str, Any], **answers: Any) -> list[Finding]:
    return run_check(catalogue()[CHECK], evidence_of(pipeline, outputs | answers, {}))


def test_the_best_spans_are_healthy(windows: Pipeline, outputs: dict[str, Any]) -> None:
    assert judge(windows, outputs) == []


def test_answers_without_their_last_character_are_red(windows: Pipeline, outputs: dict[str, Any]) -> None:
    cut = np.array([text[:-1] for text in outputs["answers"].tolist()])
    (found,) = judge(windows, outputs, answers=cut)
    assert found.level == "fail"
    assert found.expected == "answers as good as the best spans of the same logits, whose F1 is 100.0"
    assert found.observed.endswith("over 160 questions: 160 answers are worse than the best span, 0 are better")
    assert f"{outputs['answers'][0]!s}'" in found.evidence[0]
    assert ", the best span is '" in found.evidence[0]


@pytest.mark.parametrize(
    ("worse", "more", "level"),
    # 4 of 4 worse ones have a probability of 1 in 16; a word too many costs little.
    [(22, " and more of it", "fail"), (22, " then", "warn"), (4, " and more of it", None), (0, "", None)],
)
def test_worse_answers_count_where_they_are_more_than_chance(
    windows: Pipeline, outputs: dict[str, Any], worse: int, more: str, level: str | None
) -> None:
    texts = outputs["answers"].tolist()
    found = judge(windows, outputs, answers=np.array([*(text + more for text in texts[:worse]), *texts[worse:]]))
    assert [entry.level for entry in found] == ([] if level is None else [level])


def test_better_answers_are_healthy(windows: Pipeline, outputs: dict[str, Any]) -> None:
    reversed_logits = -np.asarray(outputs["logits"])
    assert judge(windows, outputs, logits=reversed_logits) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows.remove_columns("example_id"), "the windows have no example_id"),
        (lambda rows: rows.remove_columns("offset_mapping"), "the windows have no offset_mapping"),
        (
            lambda rows: rows.map(lambda row: {"offset_mapping": [pair or [0, 0] for pair in row["offset_mapping"]]}),
            "offset_mapping has characters for tokens outside of the context",
        ),
        (lambda rows: rows.map(lambda row: {"example_id": row["example_id"] + "x"}), "example_id names no row"),
    ],
)
def test_windows_that_do_not_say_enough_are_skipped(
    windows: Pipeline, outputs: dict[str, Any], change: Callable[[Any], Any], reason: str
) -> None:
    with pytest.raises(NotApplicable, match=reason):
        judge(replace(windows, eval_dataset=change(windows.eval_dataset)), outputs)


def test_raw_rows_without_the_context_are_skipped(windows: Pipeline, outputs: dict[str, Any]) -> None:
    raw = windows.data.evaluation.remove_columns("context")
    with pytest.raises(NotApplicable, match="no column of eval_examples contains the right answers"):
        judge(replace(windows, data=replace(windows.data, evaluation=raw)), outputs)
