"""Checks of words and tags: alignment, ignored tokens, scheme, types, truncation, words that were joined."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.heads.tokens import HEAD
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
CHECKS = ("ignored_tokens", "tags_aligned", "words_joined", "entities_truncated", "tag_scheme", "entity_types")
LONG = ["Anna", "photographed", "lamps"]
"""The tokenizer of tiny-bert cuts the second word into pieces."""


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("wnut_17", train_rows=200, eval_rows=100)


def judge(name: str, pipeline: Pipeline, no_run: Any = None) -> list[Finding]:
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no_run, make_probe=no_run)
    return run_check(catalogue()[f"data.{name}"], evidence)


def planted(name: str, pipeline: Pipeline) -> Pipeline:
    return faults()[name].plant(pipeline)


def of_words(pipeline: Pipeline, rows: Sequence[tuple[list[str], list[str]]], spread: str = "first") -> Pipeline:
    """Return the pipeline with these train rows of words and tags; ``spread`` names the tokens that have a tag."""
    names = list(pipeline.card.label_names)
    tags = [[names.index(tag) for tag in of_row] for _, of_row in rows]
    assert pipeline.processing_class is not None
    encoded = HEAD.inputs.encode(pipeline.processing_class, {"tokens": [words for words, _ in rows]}, tags, None)
    if spread != "first":
        for labels in encoded["labels"]:
            for place in range(1, len(labels) - 1):
                if labels[place] == IGNORED:
                    labels[place] = labels[place - 1] if spread == "all" else names.index("B-location")
    raw = Dataset.from_dict({"tokens": [words for words, _ in rows], "ner_tags": tags})
    data = replace(pipeline.data, train=raw)
    return replace(pipeline, train_dataset=Dataset.from_dict(encoded), data=data)


def with_train_tags(pipeline: Pipeline, rows: Sequence[list[str]]) -> Pipeline:
    return of_words(pipeline, [([f"lamps{place}" for place in range(len(tags))], tags) for tags in rows])


@pytest.mark.parametrize("name", CHECKS)
def test_healthy_rows_are_quiet(parts: Pipeline, name: str) -> None:
    assert judge(name, parts) == []


DEFECTS = {
    "special_tokens_tagged": (
        "ignored_tokens",
        "special tokens have a tag in 200 of 200 (100.0%) sampled rows, mostly O, first in row 0",
    ),
    "tags_shifted": ("tags_aligned", "; they are those of the word before"),
    "words_joined_without_blanks": (
        "words_joined",
        "200 of 200 (100.0%) sampled rows are the tokens of the words joined by ''",
    ),
    "entity_type_never_trained": ("entity_types", "none of product ("),
    "scheme_of_train_converted": ("tag_scheme", "IOB1 in train, IOB2 in validation"),
}


@pytest.mark.parametrize(("fault", "told"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_named(parts: Pipeline, fault: str, told: tuple[str, str]) -> None:
    name, words = told
    found = judge(name, planted(fault, parts))
    assert words in found[0].observed


def test_tags_by_position_are_found_by_what_they_do(parts: Pipeline) -> None:
    bad = planted("tags_by_position", parts)
    assert judge("ignored_tokens", bad)[0].expected == "the label -100 for special tokens and padding"
    (found, *_) = judge("tags_aligned", bad)
    assert "words of the sampled rows have another, such as" in found.observed
    assert all(shown.startswith("row ") and " has " in shown for shown in found.evidence)
    assert len(found.evidence) == 3


def test_lost_entities_are_counted_where_the_metric_does_not(parts: Pipeline) -> None:
    train, evaluation = judge("entities_truncated", planted("entities_cut_off", parts))
    assert train.expected == "at most 10% of the entities of 200 sampled rows cut off"
    assert evaluation.observed.endswith("; the metric does not count them")
    few = judge("entities_truncated", replace(planted("entities_cut_off", parts), train_dataset=parts.train_dataset))
    assert [found.level for found in few] == ["fail"]


def test_all_tokens_of_a_word_with_its_tag_are_a_warning(parts: Pipeline) -> None:
    rows = [(LONG, ["B-person", "O", "O"])] * 40
    assert judge("ignored_tokens", of_words(parts, rows)) == []
    (warned,) = judge("ignored_tokens", of_words(parts, rows, spread="all"))
    assert warned.level == "warn"
    assert warned.observed.startswith(
        "40 of 40 (100.0%) words of several tokens have several tags, such as 'photographed' in"
    )
    assert "the metric counts long words several times" in warned.hint


def test_tokens_of_one_word_with_tags_of_several_types_fail(parts: Pipeline) -> None:
    (found,) = judge("ignored_tokens", of_words(parts, [(LONG, ["B-person", "O", "O"])] * 40, spread="other"))
    assert found.level == "fail"
    assert "row 0: O, B-location" in found.observed


def test_words_without_a_tag_are_found(parts: Pipeline) -> None:
    bad = of_words(parts, [(LONG, ["B-person", "O", "O"])] * 40)
    labels = [[IGNORED if tag else tag for tag in row] for row in bad.train_dataset["labels"]]
    rows = Dataset.from_dict({**bad.train_dataset.to_dict(), "labels": labels})
    (found,) = judge("ignored_tokens", replace(bad, train_dataset=rows))
    assert found.expected == "a tag for each word"
    assert "such as 'Anna' in row 0" in found.observed


def test_a_tag_has_one_id_in_both_splits(parts: Pipeline) -> None:
    bad = planted("tags_renumbered_in_evaluation", parts)
    data = replace(bad.data, evaluation=parts.data.evaluation)  # converted after reading
    (found,) = judge("tags_aligned", replace(bad, data=data))
    assert found.expected == "the same id for each tag in both splits"
    assert found.observed.startswith("12 have not: B-")


def test_label_names_of_no_scheme_are_refused(parts: Pipeline) -> None:
    names = tuple(name.replace("I-", "X-") for name in parts.card.label_names)
    (found,) = judge("tag_scheme", replace(parts, card=replace(parts.card, label_names=names)))
    assert found.expected.startswith("label names of one scheme, with O (IOB: B, I; BIOES: B, I, E, S")


def test_tags_that_break_the_scheme_are_counted(parts: Pipeline) -> None:
    tags = [["B-person", "I-person", "O"]] * 180 + [["O", "I-person", "O"]] * 20
    (found,) = judge("tag_scheme", with_train_tags(parts, tags))
    assert found.observed == "20 of 200 (10.0%) tags are not where IOB2 has them, for 200 entities"
    few = judge("tag_scheme", with_train_tags(parts, tags[:-16]))
    assert [entry.level for entry in few] == ["warn"]


def test_a_type_that_only_has_a_name_is_a_warning(parts: Pipeline) -> None:
    names = (*parts.card.label_names, "B-brand", "I-brand")
    (warned,) = judge("entity_types", replace(parts, card=replace(parts.card, label_names=names)))
    assert (warned.level, warned.observed) == ("warn", "none of brand")


def test_parts_of_speech_are_no_entities(parts: Pipeline) -> None:
    names = tuple(f"TAG{index}" for index in range(len(parts.card.label_names)))
    card = replace(parts.card, label_names=names)
    with pytest.raises(NotApplicable, match="the label names are no tags of entities, such as B-PER: TAG0, TAG1"):
        judge("tag_scheme", replace(parts, card=card))


def test_rows_without_words_say_so(parts: Pipeline) -> None:
    card = replace(parts.card, text_columns=())
    data = replace(parts.data, train=parts.train_dataset, evaluation=parts.eval_dataset)
    with pytest.raises(
        NotApplicable, match="the train rows have no column of lists of words: keep it beside the tokens"
    ):
        judge("tags_aligned", replace(parts, card=card, data=data))
    assert judge("ignored_tokens", replace(parts, card=card, data=data)) == []
