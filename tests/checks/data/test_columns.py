"""Checks of columns: what the model should get reaches it, in both splits alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset
from transformers import default_data_collator

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.card_source import CardRows, CardSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS = 40


@pytest.fixture(scope="module")
def pair(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=ROWS, eval_rows=ROWS)


@pytest.fixture(scope="module")
def single(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("yelp_review_full", train_rows=ROWS, eval_rows=ROWS)


def judge(name: str, pipeline: Pipeline, no_run: Any = None) -> list[Finding]:
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no_run, make_probe=no_run)
    return run_check(catalogue()[f"data.{name}"], evidence)


def users(
    pipeline: Pipeline, used: tuple[str, ...], columns: dict[str, Callable[[str], str]] | None = None
) -> Pipeline:
    """As a user's Trainer that tokenizes some columns of a table; further ones are made of the first text."""

    def rows(raw: Dataset) -> Dataset:
        texts = {name: list(raw[name]) for name in pipeline.card.text_columns}
        first = next(iter(texts.values()))
        texts |= {name: [make(text) for text in first] for name, make in (columns or {}).items()}
        tokenizer: Any = pipeline.processing_class
        encoded = dict(tokenizer(*(texts[name] for name in used), truncation=True))
        return Dataset.from_dict({**texts, **encoded, "labels": list(raw["label"])})

    train, evaluation = rows(pipeline.data.train), rows(pipeline.data.evaluation)
    return replace(
        pipeline,
        card=replace(pipeline.card, text_columns=used),
        data=replace(pipeline.data, train=train, evaluation=evaluation),
        train_dataset=train,
        eval_dataset=evaluation,
        source=CardSource(rows=CardRows(tokenized_here=False)),
    )


# -- data.unused_columns: texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("used", "unused"), [("sentence1", "sentence2"), ("sentence2", "sentence1")])
def test_text_that_is_never_tokenized_is_found(pair: Pipeline, used: str, unused: str) -> None:
    found = judge("unused_columns", users(pair, (used,)))
    assert [finding.subject.rpartition(", ")[2] for finding in found] == ["train split", "validation split"]
    assert found[0].expected == f"the texts of column '{unused}' in the tokens, beside '{used}'; or no such column"
    assert "% of the sampled rows hold theirs, such as '" in found[0].observed
    assert "remove_columns" in found[0].hint


def test_text_that_is_cut_off_is_told_with_the_length_of_the_rows(pair: Pipeline) -> None:
    given = users(pair, ("sentence1",))

    def cut(rows: Dataset) -> Dataset:
        return rows.map(lambda row: {name: row[name][:6] for name in ("input_ids", "attention_mask", "token_type_ids")})

    shorter = replace(given, train_dataset=cut(given.train_dataset), eval_dataset=cut(given.eval_dataset))
    found = judge("unused_columns", shorter)
    ends = [entry.observed.partition("; ")[2] for entry in found]
    assert ends == ["every row ends at 6 tokens (max_length?)"] * 2
    assert [entry.observed.partition("; ")[2] for entry in judge("unused_columns", given)] == ["", ""]


def test_text_that_is_tokenized_in_the_place_of_another_is_found(pair: Pipeline) -> None:
    given = users(pair, ("sentence1", "sentence1"))
    found = judge("unused_columns", replace(given, card=replace(pair.card, text_columns=())))
    assert {finding.expected for finding in found} == {
        "the texts of column 'sentence2' in the tokens, beside 'sentence1'; or no such column"
    }


def backwards(text: str) -> str:
    return " ".join(text.split()[::-1]).replace("a", "o")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        pytest.param("review_title", lambda text: backwards(text)[:25], id="title"),
        pytest.param("subject", lambda text: backwards(text)[:14], id="short"),
        pytest.param("url", lambda text: f"https://example.org/{text[:8]}", id="address"),
        pytest.param("topic", lambda text: ("food", "film")[len(text) % 2], id="category"),
        pytest.param("idx", lambda text: str(len(text)), id="number"),
        pytest.param("raw_text", backwards, id="another form by name"),
        pytest.param("body", lambda text: text.replace(" the ", " "), id="another form by its words"),
        pytest.param("explanation", backwards, id="note"),
    ],
)
def test_columns_about_the_text_are_no_texts(single: Pipeline, name: str, make: Callable[[str], str]) -> None:
    assert judge("unused_columns", users(single, ("text",), {name: make})) == []


def test_text_like_the_one_that_is_tokenized_is_found(single: Pipeline) -> None:
    found = judge("unused_columns", users(single, ("text",), {"reply": backwards}))
    assert {finding.expected for finding in found} == {
        "the texts of column 'reply' in the tokens, beside 'text'; or no such column"
    }


def test_text_that_was_changed_before_tokenizing_is_healthy(single: Pipeline) -> None:
    given = users(single, ("text",))
    shouted = [f"review : {text[:-1]}" for text in given.train_dataset["text"]]
    tokenizer: Any = single.processing_class
    rows = Dataset.from_dict(given.train_dataset.to_dict() | dict(tokenizer(shouted)))
    changed = replace(given, train_dataset=rows, data=replace(given.data, train=rows))
    assert judge("unused_columns", replace(changed, card=replace(given.card, text_columns=()))) == []


def test_card_says_which_columns_are_texts(pair: Pipeline) -> None:
    assert judge("unused_columns", replace(users(pair, ("sentence1",)), source=CardSource())) == []


# -- data.unused_columns: inputs ---------------------------------------------------------------------------------------


def without(pipeline: Pipeline, name: str) -> Pipeline:
    return replace(
        pipeline,
        train_dataset=pipeline.train_dataset.remove_columns(name),
        eval_dataset=pipeline.eval_dataset.remove_columns(name),
    )


def test_token_type_ids_that_get_lost_are_found(pair: Pipeline) -> None:
    assert judge("unused_columns", pair) == []
    found = judge("unused_columns", without(pair, "token_type_ids"))
    assert len(found) == 2
    assert found[0].expected == "token_type_ids in the batches: they tell two segments apart"
    assert found[0].observed == "only input_ids, attention_mask, labels; the tokenized rows lack it"


def test_single_texts_need_no_token_type_ids(single: Pipeline) -> None:
    assert judge("unused_columns", without(single, "token_type_ids")) == []


def test_mask_that_the_collator_makes_is_healthy(pair: Pipeline) -> None:
    assert judge("unused_columns", without(pair, "attention_mask")) == []


def padded(pipeline: Pipeline, most: int = 64) -> Pipeline:
    """Pad all rows when they are tokenized, and leave the collator nothing to do."""

    def rows(raw: Dataset) -> Dataset:
        tokenizer: Any = pipeline.processing_class
        texts = [list(raw[name]) for name in pipeline.card.text_columns]
        encoded = dict(tokenizer(*texts, truncation=True, padding="max_length", max_length=most))
        return Dataset.from_dict(encoded | {"labels": list(raw["label"])})

    return replace(
        pipeline,
        train_dataset=rows(pipeline.data.train),
        eval_dataset=rows(pipeline.data.evaluation),
        data_collator=default_data_collator,
    )


def test_padding_without_mask_is_found(pair: Pipeline) -> None:
    given = padded(pair)
    assert judge("unused_columns", given) == []
    for model_knows in (given.processing_class, None):
        found = judge("unused_columns", replace(without(given, "attention_mask"), processing_class=model_knows))
        assert len(found) == 2
        assert (
            found[0].expected == "attention_mask in the batches: there is padding, which the model would read as text"
        )


def test_mask_that_the_collator_drops_is_found(pair: Pipeline) -> None:
    def drop(features: list[dict[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in pair.data_collator(features).items() if name != "attention_mask"}

    (finding, _) = judge("unused_columns", replace(pair, data_collator=drop))
    assert finding.observed == "only input_ids, token_type_ids, labels; the collator drops it"


def test_rows_without_padding_need_no_mask(pair: Pipeline) -> None:
    given = replace(padded(pair, most=8), processing_class=None)
    assert judge("unused_columns", without(given, "attention_mask")) == []


# -- data.splits_alike -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "expected", "observed"),
    [
        pytest.param(
            lambda t, a, _: t(a),
            "runs of text between special tokens: 2, as in train",
            "runs of text between special tokens: 1",
            id="one segment",
        ),
        pytest.param(
            lambda t, a, b: t(a, b, return_token_type_ids=False),
            "the model's inputs attention_mask, input_ids, labels, token_type_ids",
            "only attention_mask, input_ids, labels",
            id="a column less",
        ),
    ],
)
def test_evaluation_that_is_built_otherwise_is_found(pair: Pipeline, how: Any, expected: str, observed: str) -> None:
    assert judge("splits_alike", pair) == []
    raw = pair.data.evaluation
    encoded = dict(how(pair.processing_class, list(raw["sentence1"]), list(raw["sentence2"])))
    rows = Dataset.from_dict(encoded | {"labels": list(raw["label"])})
    (finding,) = judge("splits_alike", replace(pair, eval_dataset=rows))
    assert (finding.expected, finding.observed) == (expected, observed)


def test_one_row_that_is_built_otherwise_says_little(pair: Pipeline) -> None:
    tokenizer: Any = pair.processing_class
    raw = pair.data.evaluation.select([0])
    encoded = dict(tokenizer(list(raw["sentence1"])))
    rows = Dataset.from_dict(encoded | {"labels": list(raw["label"])})
    assert judge("splits_alike", replace(pair, eval_dataset=rows, data=replace(pair.data, evaluation=raw))) == []


def test_special_tokens_in_one_split_are_found(single: Pipeline) -> None:
    tokenizer: Any = single.processing_class
    encoded = dict(tokenizer(list(single.data.evaluation["text"]), add_special_tokens=False))
    rows = Dataset.from_dict(encoded | {"labels": list(single.data.evaluation["label"])})
    found = judge("splits_alike", replace(single, eval_dataset=rows))
    assert [(finding.expected, finding.observed) for finding in found] == [
        ("first token: [CLS], as in train", "first token: text"),
        ("last token: [SEP], as in train", "last token: text"),
    ]
