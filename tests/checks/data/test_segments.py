"""Checks of segments: both sides of a pair, apart and whole; and texts that stay different."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS = 60
PLAIN = {"truncation": True}


@pytest.fixture(scope="module")
def pair(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=ROWS, eval_rows=30)


@pytest.fixture(scope="module")
def single(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("sst2", train_rows=ROWS, eval_rows=30)


def judge(name: str, pipeline: Pipeline, no_run: Any = None) -> list[Finding]:
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no_run, make_probe=no_run)
    return run_check(catalogue()[f"data.{name}"], evidence)


def tokenized(pipeline: Pipeline, how: Any) -> Pipeline:
    """Tokenize the train rows otherwise: ``how(tokenizer, *texts)``."""
    raw = pipeline.data.train
    encoded = dict(how(pipeline.processing_class, *(list(raw[column]) for column in pipeline.card.text_columns)))
    return replace(pipeline, train_dataset=Dataset.from_dict(encoded | {"labels": list(raw["label"])}))


def joined(separator: str) -> Any:
    return lambda tokenizer, first, second: tokenizer(
        [separator.join(texts) for texts in zip(first, second, strict=True)], **PLAIN
    )


# -- data.segments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "observed"),
    [
        pytest.param(lambda t, a, _: t(a, **PLAIN), "no token of sentence2 in 60 of 60 (100.0%)", id="first alone"),
        pytest.param(lambda t, _, b: t(b, **PLAIN), "no token of sentence1 in 60 of 60 (100.0%)", id="second alone"),
        pytest.param(lambda t, a, _: t(a, a, **PLAIN), "no token of sentence2 in ", id="first twice"),
        pytest.param(joined(" "), "nothing stands between the segments in 60 of 60 (100.0%)", id="joined"),
        pytest.param(
            lambda t, a, b: (
                dict(t(a, b, **PLAIN)) | {"token_type_ids": [[0] * len(ids) for ids in t(a, b)["input_ids"]]}
            ),
            "token_type_ids are all 0, as if there were one segment, in 60 of 60 (100.0%)",
            id="one kind of segment",
        ),
    ],
)
def test_pairs_that_are_not_side_by_side_are_found(pair: Pipeline, how: Any, observed: str) -> None:
    (finding,) = judge("segments", tokenized(pair, how))
    assert finding.subject == f"{pair.subject}, train split"
    assert finding.expected == "both segments, apart, in at least 95% of 60 sampled rows"
    assert finding.observed.startswith(observed)
    assert "tokenizer(batch[first], batch[second], truncation=True)" in finding.hint
    if "60 of 60" in observed:
        starts = [shown.partition(" for ")[0][:14] for shown in finding.evidence]
        assert starts == ["row 0: '[CLS] ", "row 1: '[CLS] ", "row 2: '[CLS] "]


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda t, a, b: t(a, b, truncation=True, max_length=8), id="truncated"),
        pytest.param(lambda t, a, b: t(a, b, truncation="only_second", max_length=24), id="only the second truncated"),
        pytest.param(lambda t, a, b: t(a, b, padding="max_length", max_length=64), id="padded"),
        pytest.param(joined(" that is why "), id="a template of one's own"),
        pytest.param(joined(" ! "), id="a separator of one's own"),
    ],
)
def test_pairs_may_be_shortened_padded_or_in_a_template(pair: Pipeline, how: Any) -> None:
    assert judge("segments", tokenized(pair, how)) == []


@pytest.mark.parametrize(("text", "observed"), [("", "sentence2 is empty"), ("Yes.", "sentence2 is the same text")])
def test_segment_that_says_nothing_is_found(pair: Pipeline, text: str, observed: str) -> None:
    raw = pair.data.train.remove_columns("sentence2").add_column("sentence2", [text] * ROWS)
    given = replace(pair, data=replace(pair.data, train=raw))
    (finding,) = judge("segments", tokenized(given, lambda t, a, b: t(a, b, **PLAIN)))
    assert finding.observed == f"{observed} in 60 of 60 (100.0%), first in row 0"


def test_segment_that_some_rows_lack_is_a_warning(pair: Pipeline) -> None:
    texts = [text if row % 3 else "" for row, text in enumerate(pair.data.train["sentence2"])]
    raw = pair.data.train.remove_columns("sentence2").add_column("sentence2", texts)
    given = replace(pair, data=replace(pair.data, train=raw))
    (finding,) = judge("segments", tokenized(given, lambda t, a, b: t(a, b, **PLAIN)))
    assert finding.level == "warn"
    assert finding.observed == "sentence2 is empty in 20 of 60 (33.3%), first in row 0"


def test_texts_that_are_not_named_are_looked_for(pair: Pipeline) -> None:
    """As where a user joined them: no column gives the tokens, and both are in them."""
    given = replace(tokenized(pair, joined(" ")), card=replace(pair.card, text_columns=()))
    (finding,) = judge("segments", given)
    assert finding.observed.startswith("nothing stands between the segments")


def test_one_split_with_texts_is_enough(pair: Pipeline) -> None:
    """As where one split was mapped with remove_columns, and the other was not."""
    given = replace(tokenized(pair, joined(" ")), card=replace(pair.card, text_columns=()))
    turned = replace(given.data, train=given.data.evaluation.select_columns(["label"]), evaluation=given.data.train)
    given = replace(given, data=turned, train_dataset=given.eval_dataset, eval_dataset=given.train_dataset)
    (found,) = judge("segments", given)
    assert found.observed.startswith("nothing stands between the segments")


def test_without_texts_a_pair_is_known_by_its_separator(pair: Pipeline) -> None:
    def without(how: Any) -> Pipeline:
        bare = {split: getattr(pair.data, split).select_columns(["label"]) for split in ("train", "evaluation")}
        given = tokenized(pair, how)
        return replace(given, card=replace(pair.card, text_columns=()), data=replace(pair.data, **bare))

    assert judge("segments", without(lambda t, a, b: t(a, b, **PLAIN))) == []
    (finding,) = judge("segments", without(lambda t, a, _: t(a, a, **PLAIN)))
    assert finding.observed == "the same tokens on both sides in 60 of 60 (100.0%), first in row 0"
    (finding,) = judge("segments", without(lambda t, a, _: t(a, ["yes"] * ROWS, **PLAIN)))
    assert finding.observed == "the second segment is the same in 60 of 60 (100.0%), first in row 0"
    with pytest.raises(NotApplicable, match="text_columns"):
        judge("segments", without(lambda t, a, _: t(a, **PLAIN)))


def test_single_texts_have_no_second_segment(single: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="one segment, 'sentence'"):
        judge("segments", single)


# -- data.truncation ---------------------------------------------------------------------------------------------------


def test_rows_that_lose_their_end_are_found(pair: Pipeline) -> None:
    assert judge("truncation", tokenized(pair, lambda t, a, b: t(a, b, truncation=True, max_length=32))) == []
    (finding,) = judge("truncation", tokenized(pair, lambda t, a, b: t(a, b, truncation=True, max_length=8)))
    assert finding.expected == "at most 50% of 60 sampled rows to lose more than a tenth of their tokens"
    assert finding.observed.startswith("60 of 60 (100.0%); tokens lost: sentence1 ")
    assert finding.observed.endswith("; the longest row has 8 tokens, the model takes 128")


def test_texts_cut_by_characters_are_found(single: Pipeline) -> None:
    given = tokenized(single, lambda t, texts: t([text[:20] for text in texts]))
    (finding,) = judge("truncation", given)
    assert finding.observed.startswith("60 of 60 (100.0%); tokens lost: sentence ")


def test_segment_that_is_not_there_was_not_truncated(pair: Pipeline) -> None:
    assert judge("truncation", tokenized(pair, lambda t, a, _: t(a, **PLAIN))) == []


def test_model_that_takes_no_more_may_lose_the_rest(pair: Pipeline) -> None:
    def short_model() -> Any:
        model = pair.model_init()
        model.config.max_position_embeddings = 8
        return model

    given = tokenized(pair, lambda t, a, b: t(a, b, truncation=True, max_length=8))
    warned = judge("truncation", replace(given, model_init=short_model))
    assert {(found.level, found.expected) for found in warned} == {
        ("warn", "at most 10% of 60 sampled rows to lose more than a tenth of their tokens")
    }
    assert warned[0].share > 0.5


def test_without_texts_truncation_shows_in_the_lengths(pair: Pipeline) -> None:
    bare = replace(pair, card=replace(pair.card, text_columns=()))
    assert judge("truncation", bare) == []
    assert judge("truncation", tokenized(bare_texts(bare), lambda t, a, b: t(a, b, padding="max_length"))) == []
    given = tokenized(bare_texts(bare), lambda t, a, b: t(a, b, truncation=True, max_length=10))
    (finding,) = judge("truncation", replace(given, card=bare.card))
    assert finding.observed.startswith("no raw text is known, but 60 of 60 (100.0%) are as long as the longest")


def bare_texts(pipeline: Pipeline) -> Pipeline:
    return replace(pipeline, card=replace(pipeline.card, text_columns=("sentence1", "sentence2")))


# -- data.distinct_inputs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda t, texts: t(texts, truncation=True, max_length=5), id="truncated"),
        pytest.param(lambda _, texts: {"input_ids": [[2, 1, 1, 3]] * len(texts)}, id="all unknown"),
    ],
)
def test_texts_that_become_one_input_are_found(single: Pipeline, how: Any) -> None:
    assert judge("distinct_inputs", single) == []
    (finding,) = judge("distinct_inputs", tokenized(single, how))
    assert finding.expected == "rows of different words to be different inputs"
    assert "share the tokens of a row with another text" in finding.observed


def test_texts_with_the_same_words_may_be_one_input(single: Pipeline) -> None:
    raw = Dataset.from_dict({"sentence": ["We loved it!", "we  loved it."] * 20, "label": [1] * 40})
    given = tokenized(
        replace(single, data=replace(single.data, train=raw)), lambda t, texts: t([text[:11] for text in texts])
    )
    assert judge("distinct_inputs", given) == []
