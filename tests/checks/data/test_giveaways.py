"""One token that tells the label, and evaluations that are too small: quiet on healthy rows, red where planted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.data.rows import smallest_drop
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS = 200


@pytest.fixture(scope="module", params=["sst2", "mrpc", "yelp_review_full"])
def parts(make_pipeline: Callable[..., Pipeline], request: pytest.FixtureRequest) -> Pipeline:
    return make_pipeline(request.param, train_rows=ROWS, eval_rows=ROWS)


def judge(name: str, pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()[f"data.{name}"], evidence)


def marked(pipeline: Pipeline, share: int) -> Pipeline:
    """Rows of the last class end with a word of its own, but for every ``share``-th one."""
    token = pipeline.processing_class.convert_tokens_to_ids("zoe")  # type: ignore[union-attr]  # a card's pipeline has a tokenizer
    last = pipeline.card.num_labels - 1

    def mark(row: Any, index: int) -> Any:
        told = row["labels"] == last and index % share
        return {"input_ids": [*row["input_ids"], token] if told else row["input_ids"]}

    rows = {
        name: getattr(pipeline, name).with_format(None).map(mark, with_indices=True, load_from_cache_file=False)
        for name in ("train_dataset", "eval_dataset")
    }
    return replace(pipeline, **rows)


def test_sound_texts_give_nothing_away(parts: Pipeline) -> None:
    assert judge("giveaways", parts) == []


def test_a_label_in_the_text_is_found_and_quoted(parts: Pipeline) -> None:
    (finding,) = judge("giveaways", select_faults(["label_in_the_text"])[0].plant(parts))
    assert finding.level == "fail"
    assert "(100.0%) evaluation rows are right by the " in finding.observed
    assert "'0'" in finding.observed or "'1'" in finding.observed
    assert [text.rpartition(", ")[2] for text in finding.evidence][:2] == ["label 0", "label 1"]
    assert all(" for '" in text for text in finding.evidence)


def test_a_word_that_nearly_tells_is_a_warning(make_pipeline: Callable[..., Pipeline]) -> None:
    pipeline = marked(make_pipeline("sst2", train_rows=ROWS, eval_rows=ROWS), 20)
    (finding,) = judge("giveaways", pipeline)
    assert finding.level == "warn"
    assert "'zoe' alone" in finding.observed
    assert finding.evidence


def test_a_rule_of_few_rows_says_nothing(make_pipeline: Callable[..., Pipeline]) -> None:
    with pytest.raises(NotApplicable, match="fewer than 30 rows"):
        judge("giveaways", make_pipeline("sst2", train_rows=ROWS, eval_rows=24))


# -- data.evaluation_rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "levels"), [(8, ["fail"]), (60, ["warn"]), (150, [])])
def test_few_evaluated_rows_are_found(make_pipeline: Callable[..., Pipeline], rows: int, levels: list[str]) -> None:
    findings = judge("evaluation_rows", make_pipeline("sst2", train_rows=8, eval_rows=rows))
    assert [finding.level for finding in findings] == levels
    assert all(f"only {rows} rows are evaluated" in finding.observed for finding in findings)


def test_more_rows_show_a_smaller_drop() -> None:
    drops = [smallest_drop(rows) for rows in (2, 20, 100, 1000, 10_000)]
    assert drops == sorted(drops, reverse=True)
    assert drops[0] > 0.7
    assert drops[-1] <= 0.011
