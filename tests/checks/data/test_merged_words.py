"""Words that a tokenizer makes the same tokens of."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import select_faults
from pytest_ftcheck.faults.planting import labels_of, with_column, with_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("sst2", train_rows=300, eval_rows=40)


def judge(pipeline: Pipeline) -> list[Finding]:
    none: Any = None
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=none, make_probe=none)
    return run_check(catalogue()["data.merged_words"], evidence)


class Lowering:
    """A tokenizer without case: each word is a token."""

    unk_token_id = None

    def __call__(self, words: list[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [list(word.lower().encode()) for word in words]}

    def convert_ids_to_tokens(self, ids: Any) -> Any:
        return ids


def with_texts(pipeline: Pipeline, write: Callable[[int], str]) -> Pipeline:
    texts = [write(label) for label in labels_of(pipeline, "train")]
    rows = with_column(pipeline.data.train, pipeline.card.text_columns[0], texts)
    tokenizer: Any = Lowering()
    return replace(with_rows(pipeline, "train", raw=rows), processing_class=tokenizer)


def test_texts_whose_words_stay_apart_are_healthy(parts: Pipeline) -> None:
    assert judge(parts) == []


def test_accents_that_tell_the_classes_are_found(parts: Pipeline) -> None:
    (finding,) = judge(select_faults(["accents_stripped"])[0].plant(parts))
    assert finding.level == "fail"
    assert finding.observed.startswith(
        "'pènè' and 'péné', 'rèsumè' and 'résumé' become the same tokens: a linear model of the words is right in "
        "300 of 300 (100.0%) rows, and of the words as the tokenizer merges them in "
    )
    assert re.fullmatch(r"'pènè' in \d+ rows of label \d; 'péné' in \d+ rows of label \d", finding.evidence[0])


def test_case_that_says_nothing_of_the_label_is_let_through(parts: Pipeline) -> None:
    random = np.random.default_rng(0)
    written = with_texts(
        parts, lambda label: f"{'The' if random.random() < 0.5 else 'the'} {'good' if label else 'bad'}"
    )
    assert judge(written) == []


def test_case_that_other_words_make_up_for_is_let_through(parts: Pipeline) -> None:
    assert judge(with_texts(parts, lambda label: "The good" if label else "the bad")) == []


def test_case_that_tells_some_rows_is_a_warning(parts: Pipeline) -> None:
    random = np.random.default_rng(0)

    def write(label: int) -> str:
        told = random.random() < 0.18
        word = ("US" if label else "us") if told else "they"
        seen = label if random.random() < 0.95 else 1 - label
        return f"{word} {'left' if seen else 'stay'}" if not told else word

    (finding,) = judge(with_texts(parts, write))
    assert finding.level == "warn"
    assert finding.observed.startswith("'US' and 'us' become the same tokens")
