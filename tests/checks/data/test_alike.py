"""Words and lengths of both splits: quiet on healthy texts, red where one split was prepared in another way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS = 200


@pytest.fixture(scope="module", params=["sst2", "mrpc"])
def parts(make_pipeline: Callable[..., Pipeline], request: pytest.FixtureRequest) -> Pipeline:
    return make_pipeline(request.param, train_rows=ROWS, eval_rows=ROWS)


def judge(name: str, pipeline: Pipeline) -> list[Finding]:
    no: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no, make_probe=no)
    return run_check(catalogue()[f"data.{name}"], evidence)


def planted(pipeline: Pipeline, fault: str) -> Pipeline:
    return select_faults([fault])[0].plant(pipeline)


def with_lengths(pipeline: Pipeline, split: str, lengths: list[int]) -> Pipeline:
    """Rows of so many tokens of text each, the first ones of the vocabulary that are no special tokens."""
    tokenizer: Any = pipeline.processing_class
    token = tokenizer.convert_tokens_to_ids("the")
    rows = getattr(pipeline, split)
    plain = rows.with_format(None).remove_columns([name for name in rows.column_names if name != "input_ids"])
    chosen = plain.select(range(len(lengths))).map(
        lambda _, row: {"input_ids": [token] * lengths[row]}, with_indices=True, load_from_cache_file=False
    )
    return replace(pipeline, **{split: chosen})


def test_sound_splits_are_alike(parts: Pipeline) -> None:
    assert judge("words_alike", parts) == judge("lengths_alike", parts) == []


def test_stop_words_that_one_split_lacks_are_found(parts: Pipeline) -> None:
    (finding,) = judge("words_alike", planted(parts, "stop_words_removed_from_train"))
    assert finding.level == "fail"
    assert " frequent tokens of validation are missing; '" in finding.observed
    assert finding.observed.endswith(" in 0 of 200 (0.0%) here")
    assert finding.subject.endswith("train split")


def test_template_that_one_split_lacks_is_named(parts: Pipeline) -> None:
    rows = [[ids[0], 40, 41, *ids[1:]] for ids in parts.train_dataset["input_ids"]]
    train = parts.train_dataset.remove_columns("input_ids").add_column("input_ids", rows)
    (finding,) = judge("words_alike", replace(parts, train_dataset=train))
    assert finding.observed.endswith("here: a template, prefix or prompt that each row of train has")


def test_words_that_differ_both_ways_are_a_warning(parts: Pipeline) -> None:
    tokenizer: Any = parts.processing_class
    tokens = Counter(token for row in parts.train_dataset["input_ids"] for token in set(row))
    lost = next(token for token, _ in tokens.most_common() if token not in tokenizer.all_special_ids)
    gained = next(
        token for token in range(len(tokenizer)) if not tokens[token] and token not in tokenizer.all_special_ids
    )

    def other(row: Any) -> Any:
        return {"input_ids": [gained if token == lost else token for token in row["input_ids"]]}

    evaluated = parts.eval_dataset.with_format(None).map(other, load_from_cache_file=False)
    findings = judge("words_alike", replace(parts, eval_dataset=evaluated))
    assert {finding.level for finding in findings} == {"warn"}
    assert len(findings) == 2


def test_an_evaluation_that_is_cut_shorter_is_found(parts: Pipeline) -> None:
    (finding,) = judge("lengths_alike", planted(parts, "evaluation_cut_shorter"))
    assert finding.level == "fail"
    assert "and none is longer; of train, " in finding.observed


def test_an_evaluation_of_longer_rows_is_a_warning(parts: Pipeline) -> None:
    whole = [*range(5, 45)] * 5
    short = with_lengths(parts, "train_dataset", [min(length, 20) for length in whole])
    (finding,) = judge("lengths_alike", with_lengths(short, "eval_dataset", whole))
    assert finding.level == "warn"
    assert finding.subject.endswith("train split")


def test_texts_that_are_short_by_nature_are_healthy(parts: Pipeline) -> None:
    random = np.random.default_rng(0)
    short = with_lengths(parts, "eval_dataset", random.integers(5, 10, ROWS).tolist())
    long = with_lengths(short, "train_dataset", random.integers(5, 30, ROWS).tolist())
    assert judge("lengths_alike", long) == []


def test_both_cut_alike_is_healthy(parts: Pipeline) -> None:
    lengths = [min(length, 20) for length in [*range(5, 45)] * 5]
    both = with_lengths(with_lengths(parts, "train_dataset", lengths), "eval_dataset", lengths)
    assert judge("lengths_alike", both) == []
