"""Faults of tags: on the wrong tokens, in another scheme, or lost with their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    labels_of,
    raw,
    require_texts,
    tokenized,
    tokenizer_of,
    with_column,
    with_rows,
)
from pytest_ftcheck.faults.rows import SPLITS
from pytest_ftcheck.heads.tag_schemes import OUTSIDE, parted
from pytest_ftcheck.heads.tokens import tags_of_tokens
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_ftcheck.pipeline.parts import Pipeline

_FEW = 8
"""Number of tokens to which a row is cut."""


def _with_tags(pipeline: Pipeline, split: str, tags: list[list[int]]) -> Pipeline:
    """Return the pipeline with other labels of the tokens; the raw tags stay."""
    return with_rows(pipeline, split, with_column(tokenized(pipeline, split), pipeline.label_column, tags))


def _with_mapped(pipeline: Pipeline, split: str, other: Mapping[int, int], *, raw_too: bool = False) -> Pipeline:
    """Return the pipeline with other ids for some tags, in the raw rows too where they were converted before."""
    changed = [[other.get(tag, tag) for tag in row] for row in labels_of(pipeline, split)]
    pipeline = _with_tags(pipeline, split, changed)
    column, rows = pipeline.card.label_column, raw(pipeline, split)
    if raw_too and column in rows.column_names and rows is not tokenized(pipeline, split):
        words = [[other.get(tag, tag) for tag in row] for row in rows.with_format(None)[column]]
        pipeline = with_rows(pipeline, split, raw=with_column(rows, column, words))
    return pipeline


def _raw_tags(pipeline: Pipeline, split: str) -> list[list[int]]:
    column, rows = pipeline.card.label_column, raw(pipeline, split)
    if column not in rows.column_names or rows is tokenized(pipeline, split):
        msg = "the tags of the words are not known"
        raise NotApplicable(msg)
    return list(rows.with_format(None)[column])


def _outside(pipeline: Pipeline) -> int:
    if OUTSIDE not in pipeline.card.label_names:
        msg = "the tags have no O"
        raise NotApplicable(msg)
    return pipeline.card.label_names.index(OUTSIDE)


@fault(
    needs=(LABEL_PER_TOKEN,),
    caught_by=("data.ignored_tokens",),
    seen_in_practice="Labels are filled up with 0, which is O, instead of -100: the metrics also count [CLS], [SEP] "
    "and padding, which the model always predicts correctly.",
)
def special_tokens_tagged(pipeline: Pipeline) -> Pipeline:
    """Special tokens have the tag O, and count in loss and metrics."""
    outside = _outside(pipeline)
    for split in SPLITS:
        tags = [[outside if tag == IGNORED else tag for tag in row] for row in labels_of(pipeline, split)]
        pipeline = _with_tags(pipeline, split, tags)
    return pipeline


@fault(
    needs=(LABEL_PER_TOKEN,),
    caught_by=("data.ignored_tokens", "data.tags_aligned"),
    seen_in_practice="The list of tags is padded to the number of tokens: [CLS] gets the tag of the first word, and "
    "each word gets the tag of the next word.",
)
def tags_by_position(pipeline: Pipeline) -> Pipeline:
    """Token i has the tag of word i, which is another word than the token's."""
    for split in SPLITS:
        pairs = zip(labels_of(pipeline, split), _raw_tags(pipeline, split), strict=True)
        tags = [(words + [IGNORED] * len(row))[: len(row)] for row, words in pairs]
        pipeline = _with_tags(pipeline, split, tags)
    return pipeline


@fault(
    needs=(LABEL_PER_TOKEN,),
    caught_by=("data.tags_aligned",),
    seen_in_practice="Tags and words are joined with an offset of one, because only one of the two files has a header "
    "line or a document marker.",
)
def tags_shifted(pipeline: Pipeline) -> Pipeline:
    """Each word of the train rows has the tag of the word before."""
    return _with_tags(pipeline, "train", [_shifted(row) for row in labels_of(pipeline, "train")])


def _shifted(row: Sequence[int]) -> list[int]:
    places = [place for place, tag in enumerate(row) if tag != IGNORED]
    moved = list(row)
    for place, before in zip(places[1:], places, strict=False):
        moved[place] = row[before]
    return moved


@fault(
    needs=(LABEL_PER_TOKEN,),
    caught_by=("data.tag_scheme", "metrics.tag_sequences"),
    whole_run=True,
    seen_in_practice="CoNLL 2003 is distributed in IOB1 and in IOB2, and train and test come from two sources.",
)
def scheme_of_train_converted(pipeline: Pipeline) -> Pipeline:
    """The train rows are tagged in IOB1, where an entity begins with I-, and the evaluation rows in IOB2."""
    names = list(pipeline.card.label_names)
    inside = {
        names.index(tag): names.index(f"I-{kind}") for tag in names if (kind := _begun(tag)) and f"I-{kind}" in names
    }
    if not inside:
        msg = "the tags have no B- and I-"
        raise NotApplicable(msg)
    return _with_mapped(pipeline, "train", inside, raw_too=True)


def _begun(tag: str) -> str:
    prefix, kind = parted(tag)
    return kind if prefix == "B" else ""


@fault(
    needs=(LABEL_PER_TOKEN,),
    caught_by=("data.entity_types",),
    seen_in_practice="A new annotation guideline drops a type, and only the train rows are converted to the guideline.",
)
def entity_type_never_trained(pipeline: Pipeline) -> Pipeline:
    """The entities of one type have the tag O in the train rows."""
    names, outside = pipeline.card.label_names, _outside(pipeline)
    kinds = [parted(name)[1] for name in names if parted(name)[1]]
    if not kinds:
        msg = "the tags have no types"
        raise NotApplicable(msg)
    lost = {tag: outside for tag, name in enumerate(names) if parted(name)[1] == kinds[-1]}
    return _with_mapped(pipeline, "train", lost, raw_too=True)


@fault(
    needs=(LABEL_PER_TOKEN,),
    whole_run=True,
    caught_by=("data.entity_types", "metrics.not_constant", "metrics.beats_trivial"),
    seen_in_practice="Tags are looked up by a key that never matches, and the default is O: the loss falls quickly.",
)
def all_tags_outside(pipeline: Pipeline) -> Pipeline:
    """Each word of the train rows has the tag O."""
    outside = _outside(pipeline)
    return _with_mapped(pipeline, "train", dict.fromkeys(range(pipeline.card.num_labels), outside), raw_too=True)


@fault(
    needs=(LABEL_PER_TOKEN,),
    whole_run=True,
    caught_by=("metrics.label_permutation",),
    seen_in_practice="label_list = list(set(tags)) is made for each file: the order of a set, and so the ids, differ "
    "from run to run.",
)
def tags_renumbered_in_evaluation(pipeline: Pipeline) -> Pipeline:
    """The tags of the evaluation rows have other ids than those of the train rows."""
    others = [tag for tag, name in enumerate(pipeline.card.label_names) if name != OUTSIDE]
    # By two, so that B- stays B- and I- stays I- if the tags alternate.
    moved = dict(zip(others, others[2:] + others[:2], strict=True))
    return _with_mapped(pipeline, "evaluation", moved, raw_too=True)


@fault(
    needs=(LABEL_PER_TOKEN,),
    caught_by=("data.words_joined", "data.tags_aligned"),
    seen_in_practice="Code for a language without spaces joins the words: ''.join(words).",
)
def words_joined_without_blanks(pipeline: Pipeline) -> Pipeline:
    """The words of a row are joined without spaces before they are tokenized; tags are assigned by word ids."""
    require_texts(pipeline)
    tokenizer: Any = tokenizer_of(pipeline)
    return _encoded(pipeline, lambda words: tokenizer("".join(words), truncation=True, verbose=False))


@fault(
    needs=(LABEL_PER_TOKEN,),
    caught_by=("data.entities_truncated", "data.truncation"),
    seen_in_practice="A max_length from a dry run is left in the script; F1 is as high as before, but only over the "
    "entities that are left.",
)
def entities_cut_off(pipeline: Pipeline) -> Pipeline:
    """Rows and their tags are cut to 8 tokens."""
    require_texts(pipeline)
    tokenizer: Any = tokenizer_of(pipeline)
    options = {"is_split_into_words": True, "truncation": True, "max_length": _FEW}
    return _encoded(pipeline, lambda words: tokenizer(list(words), **options))


def _encoded(pipeline: Pipeline, tokenize: Callable[[Sequence[str]], Any]) -> Pipeline:
    """Return the pipeline with its words tokenized in another way, and any tags assigned by word ids."""
    (column,) = pipeline.card.text_columns
    for split in SPLITS:
        words, tags = raw(pipeline, split).with_format(None)[column], _raw_tags(pipeline, split)
        encoded = [tokenize(row) for row in words]
        rows = tokenized(pipeline, split)
        for name in [name for name in encoded[0] if name in rows.column_names]:
            rows = with_column(rows, name, [list(row[name]) for row in encoded])
        of_tokens = [
            tags_of_tokens([word if word is not None and word < len(own) else None for word in row.word_ids()], own)
            for row, own in zip(encoded, tags, strict=True)
        ]
        pipeline = with_rows(pipeline, split, with_column(rows, pipeline.label_column, of_tokens))
    return pipeline
