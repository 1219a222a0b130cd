"""Faults of the texts and their tokens; faults of labels and splits are in the modules `labels` and `splits`."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import (
    is_one_table,
    labels_of,
    raw,
    require_column,
    require_pair,
    require_texts,
    tokenized,
    tokenizer_of,
    with_column,
    with_rows,
)
from pytest_ftcheck.faults.rows import SPLITS, encode, encode_both, texts_of
from pytest_ftcheck.faults.tokenizers import learned_anew, stripping_accents, with_terms, with_tokenizer, without_words
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline

_SHORT = 8
_STEM = 4


@fault(
    caught_by=("data.segments", "model.second_segment"),
    seen_in_practice="A preprocessing function for single sentences is reused for a pair task and reads only one "
    "column; published QNLI tutorials train on the answer without its question.",
)
def second_segment_lost(pipeline: Pipeline) -> Pipeline:
    """The second segment of a pair is never tokenized."""
    require_pair(pipeline)
    return encode_both(pipeline, lambda first, _second: (first,))


@fault(
    caught_by=("data.segments",),
    seen_in_practice="The two columns are joined with + and passed as one string, so that neither the separator nor "
    "token_type_ids show where the second segment begins.",
)
def segments_joined(pipeline: Pipeline) -> Pipeline:
    """Both segments are joined into one string."""
    require_pair(pipeline)
    return encode_both(
        pipeline,
        lambda first, second: ([f"{left} {right}" for left, right in zip(first, second, strict=True)],),
    )


@fault(
    caught_by=("data.segments",),
    seen_in_practice="After copy and paste, the argument for the second text gets the column of the first.",
)
def first_segment_twice(pipeline: Pipeline) -> Pipeline:
    """Both segments of every pair are the first one."""
    require_pair(pipeline)
    return encode_both(pipeline, lambda first, _second: (first, first))


@fault(
    caught_by=("serving.pipeline",),
    seen_in_practice="Train and validation are tokenized by two copies of one function, and one copy has the two "
    "columns in the wrong order.",
)
def segments_swapped_in_evaluation(pipeline: Pipeline) -> Pipeline:
    """The segments of the evaluation pairs are in the opposite order to those of the train pairs."""
    require_pair(pipeline)
    return encode_both(pipeline, lambda first, second: (second, first), ("evaluation",))


@fault(
    caught_by=("data.splits_alike",),
    seen_in_practice="The evaluation rows are tokenized in a notebook with add_special_tokens=False, to look at them, "
    "and are used later.",
)
def evaluation_without_special_tokens(pipeline: Pipeline) -> Pipeline:
    """The evaluated rows have no special tokens; the train rows have them."""
    require_texts(pipeline)
    return encode_both(pipeline, lambda *texts: texts, ("evaluation",), add_special_tokens=False)


@fault(
    caught_by=("data.special_tokens",),
    seen_in_practice="Rows are tokenized with add_special_tokens=False for another model, and are used for this model.",
)
def rows_without_special_tokens(pipeline: Pipeline) -> Pipeline:
    """No row has special tokens."""
    require_texts(pipeline)
    if tokenizer_of(pipeline).cls_token is None:
        msg = "the tokenizer has no classification token"
        raise NotApplicable(msg)
    return encode_both(pipeline, lambda *texts: texts, add_special_tokens=False)


@fault(
    caught_by=("data.special_tokens",),
    seen_in_practice="A function writes [CLS] and [SEP] into the text because an older tokenizer added none; the "
    "current tokenizer adds them.",
)
def special_tokens_twice(pipeline: Pipeline) -> Pipeline:
    """The special tokens are written into the text of each row, and the tokenizer adds them again."""
    require_texts(pipeline)
    tokenizer = tokenizer_of(pipeline)
    if tokenizer.cls_token is None or tokenizer.sep_token is None:
        msg = "the tokenizer has no classification token or no separator"
        raise NotApplicable(msg)

    def wrapped(first: list[str], *second: list[str]) -> list[list[str]]:
        begun = [f"{tokenizer.cls_token} {text}" for text in first]
        *kept, last = begun, *second
        return [*kept, [f"{text} {tokenizer.sep_token}" for text in last]]

    return encode_both(pipeline, wrapped)


@fault(
    caught_by=("data.truncation", "data.distinct_inputs"),
    seen_in_practice="A max_length that was set for a dry run is left in the script.",
)
def truncated_to_8(pipeline: Pipeline) -> Pipeline:
    """Every row is cut to 8 tokens."""
    require_texts(pipeline)
    return encode_both(pipeline, lambda *texts: texts, max_length=_SHORT)


@fault(
    caught_by=("data.tokenizer_vocabulary",),
    seen_in_practice="Tokenizer and model are loaded by two names, and only one of them was changed: a cased tokenizer "
    "for an uncased model, or the tokenizer of another project.",
)
def other_vocabulary(pipeline: Pipeline) -> Pipeline:
    """The tokenizer has another vocabulary than the model was trained with."""
    require_texts(pipeline)
    return with_tokenizer(pipeline, learned_anew(pipeline))


@fault(
    caught_by=("data.token_ids",),
    seen_in_practice="Terms of the domain are added with add_tokens, without resize_token_embeddings: an index error "
    "on the CPU, a device-side assertion on a GPU.",
)
def vocabulary_too_large(pipeline: Pipeline) -> Pipeline:
    """The tokenizer has tokens for which the model has no embedding."""
    require_texts(pipeline)
    return with_tokenizer(pipeline, with_terms(pipeline))


@fault(
    caught_by=("data.unknown_tokens",),
    seen_in_practice="BertTokenizer(vocab_file=…) of transformers 5 ignores its argument, and its vocabulary has only "
    "special tokens.",
)
def all_unknown(pipeline: Pipeline) -> Pipeline:
    """Every word becomes the unknown token."""
    require_texts(pipeline)
    return with_tokenizer(pipeline, without_words(pipeline))


@fault(
    caught_by=("data.stale_tokens", "data.decodes"),
    seen_in_practice="The source was sorted or filtered again, and the tokenized rows come from a cache whose "
    "fingerprint did not change.",
)
def stale_cache(pipeline: Pipeline) -> Pipeline:
    """The tokens come from an older version of the rows, the labels from the new one."""
    for split in SPLITS:
        rows = tokenized(pipeline, split).with_format(None)
        older = [len(rows) - 1, *range(len(rows) - 1)] if len(rows) else []
        current = list(rows[pipeline.label_column])
        pipeline = with_rows(pipeline, split, with_column(rows.select(older), pipeline.label_column, current))
    return pipeline


@fault(
    caught_by=("serving.pipeline", "data.stale_tokens"),
    seen_in_practice="A step of the training script stems or cleans the texts; the service has no such step.",
)
def cleaned_in_training_only(pipeline: Pipeline) -> Pipeline:
    """The training script stems the texts before it tokenizes them; the service does not."""
    require_texts(pipeline)
    stem = re.compile(rf"(\w{{{_STEM}}})\w+")
    return encode_both(pipeline, lambda *texts: tuple([stem.sub(r"\1", text) for text in segment] for segment in texts))


@fault(
    caught_by=("data.unused_columns",),
    seen_in_practice="set_format or select_columns has a list of columns that was written for a model without segment "
    "embeddings.",
)
def token_type_ids_dropped(pipeline: Pipeline) -> Pipeline:
    """The rows have no token_type_ids, so that the model treats every token as part of the first segment."""
    require_pair(pipeline)
    require_column(pipeline, "token_type_ids")
    for split in SPLITS:
        pipeline = with_rows(pipeline, split, tokenized(pipeline, split).remove_columns("token_type_ids"))
    return pipeline


@fault(
    caught_by=("data.unused_columns",),
    seen_in_practice="A column gets a custom name, and the Trainer removes every column that is no argument of "
    "forward, without a warning.",
)
def token_type_ids_misnamed(pipeline: Pipeline) -> Pipeline:
    """The token_type_ids are in a column that the model never receives."""
    require_pair(pipeline)
    require_column(pipeline, "token_type_ids")
    for split in SPLITS:
        rows = tokenized(pipeline, split).rename_column("token_type_ids", "segment_ids")
        pipeline = with_rows(pipeline, split, rows)
    return pipeline


@fault(
    caught_by=("data.empty_rows",),
    seen_in_practice="A join leaves missing values in the text column, and fillna('') keeps these rows.",
)
def texts_missing(pipeline: Pipeline) -> Pipeline:
    """A tenth of the rows has no text."""
    require_texts(pipeline)
    for split in SPLITS:
        texts = tuple(
            ["" if row % 10 == 0 else text for row, text in enumerate(own)] for own in texts_of(pipeline, split)
        )
        rows, own = encode(pipeline, split, texts), raw(pipeline, split)
        table = rows if is_one_table(pipeline, split) else own.with_format(None)
        for column, segment in zip(pipeline.card.text_columns, texts, strict=True):
            table = with_column(table, column, segment)
        pipeline = with_rows(pipeline, split, table if is_one_table(pipeline, split) else rows, table)
    return pipeline


@fault(
    needs=(CLASSES, LABEL_PER_ROW),
    caught_by=("data.merged_words",),
    seen_in_practice="The tokenizer of an English checkpoint strips accents; in this language, words differ only by "
    "their accents.",
)
def accents_stripped(pipeline: Pipeline) -> Pipeline:
    """Words that differ by their accents become the same tokens, although only the accents distinguish the classes."""
    tokenizer = stripping_accents(pipeline)
    for split in SPLITS:
        texts = [_ACCENTED[bool(label)] for label in labels_of(pipeline, split)]
        rows = raw(pipeline, split)
        for column in pipeline.card.text_columns:
            rows = with_column(rows, column, texts)
        pipeline = with_rows(pipeline, split, raw=rows)
    return with_tokenizer(pipeline, tokenizer)


_ACCENTED = ("résumé péné", "rèsumè pènè")


@fault(
    caught_by=("data.rows_repeat",),
    seen_in_practice="The data set's __getitem__ augments the rows, and the evaluation set is of the same class.",
)
def evaluation_rows_drawn_anew(pipeline: Pipeline) -> Pipeline:
    """Each time an evaluation row is read, it lacks another token."""
    return with_rows(pipeline, "evaluation", tokenized(pipeline, "evaluation").with_transform(_without_a_token))


_RANDOM = Random(0)  # noqa: S311 - augmentation is no secret


def _without_a_token(rows: dict[str, Any]) -> dict[str, Any]:
    places = [_RANDOM.randrange(len(tokens)) for tokens in rows["input_ids"]]
    return {
        name: [
            [*value[:place], *value[place + 1 :]] if isinstance(value, list) else value
            for value, place in zip(values, places, strict=True)
        ]
        for name, values in rows.items()
    }
