"""Checks of columns: all inputs that the model needs reach it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from scipy import stats

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding
from pytest_ftcheck.checks.data.encoded import cut, encode_again, expects_types, special_ids, tokens_of
from pytest_ftcheck.checks.data.splits import Split, filled, shorten, splits
from pytest_ftcheck.columns import LABEL_NAMES
from pytest_ftcheck.pipeline.forward import forward_parameters
from pytest_ftcheck.pipeline.trainer_texts import language_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 64
_BATCH = 8
_END = 16
"""Number of tokens at either end of a text that are searched: the rest may be truncated."""
_SEGMENT_NAMES = frozenset(
    (
        *("sentence", "text", "question", "query", "answer", "response", "premise", "hypothesis", "claim", "evidence"),
        *("context", "passage", "paragraph", "document", "reference", "candidate"),
    )
)
_NOTES = frozenset(
    (
        *("id", "idx", "url", "link", "source", "author", "user", "name", "date", "file", "path", "meta", "title"),
        *("headline", "summary", "explanation", "rationale", "comment", "note", "annotator", "label", "category"),
        *("raw", "original", "clean", "cleaned", "processed", "parse", "lemma", "lemmas", "pos", "tags", "translation"),
        *("en", "de", "fr", "es", "it", "nl", "pt", "ru", "zh", "ja", "ko", "ar"),
    )
)
"""Words in names of columns that describe a text or hold another form of it."""
_NEARLY_ALL = 0.95
_VARIANT = 0.9
"""Fraction of common tokens from which on a column is another form of the tokenized text."""
_SHORT = 0.25
"""Fraction of the number of words of the tokenized texts below which a column is a note."""


@check(
    "data.unused_columns",
    cost="free",
    thresholds={"rows": 0.5},
    catches="a second text that is never tokenized, an attention mask or token_type_ids that do not reach the model",
    hint="if a text is left out on purpose, remove it from the data set with remove_columns. Keep all columns that the "
    "tokenizer returns when you map, and keep them in the collator.",
)
def unused_columns(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The model gets all texts of the data set, and all columns that the tokenizer makes from them.

    Assumes: a text column whose name or content is like that of a used one is meant for the model.

    Unusual but healthy: notes, other forms of a text and short columns pass; they are recognised by name, length and
    common tokens. Another full text that is kept on purpose fails.

    False alarms: none by chance. The check reads 64 rows, evenly spread.
    """
    found = []
    for split in filled(evidence):
        found += _missing_inputs(evidence, split)
        if not evidence.pipeline.source.rows.tokenized_here and evidence.pipeline.processing_class is not None:
            found += _unused_texts(evidence, split, thresholds)
    return found


def _missing_inputs(evidence: Evidence, split: Split) -> list[Finding]:
    """Make a batch with the pipeline's collator and find missing columns that tokenizer and model have in common."""
    tokenizer: Any = evidence.pipeline.processing_class
    made = ("input_ids", "attention_mask") if tokenizer is None else tokenizer.model_input_names
    taken = forward_parameters(evidence.fresh_model)
    indices = split.few(_BATCH)
    batch = evidence.collate(evidence.features(split.rows, indices)) if indices else {}
    found = []
    for name in made:
        if name in batch or name not in taken or not indices:
            continue
        if why := _needs(evidence, split, name, batch):
            place = "the collator drops it" if name in split.rows.column_names else "the tokenized rows lack it"
            observed = f"only {', '.join(batch)}; {place}"
            found.append(finding(f"{name} in the batches: {why}", observed, subject=split.subject))
    return found


def _needs(evidence: Evidence, split: Split, name: str, batch: Any) -> str:
    """Describe why the model needs an input; an empty text if it does not need it."""
    if name == "input_ids":
        return "" if "inputs_embeds" in batch else "they are the text"
    if name == "attention_mask":
        tokenizer = evidence.pipeline.processing_class
        pad = evidence.fresh_model.config.pad_token_id if tokenizer is None else tokenizer.pad_token_id
        padded = pad is not None and "input_ids" in batch and bool((batch["input_ids"] == pad).any())
        return "there is padding, which the model would read as text" if padded else ""
    columns = evidence.pipeline.card.text_columns
    texts = split.texts(columns, split.few(1)) if len(columns) > 1 else []
    return "they tell two segments apart" if name == "token_type_ids" and expects_types(evidence, texts) else ""


def _unused_texts(evidence: Evidence, split: Split, thresholds: Thresholds) -> list[Finding]:
    """Find text columns, similar to the tokenized ones, whose tokens are not in the rows."""
    columns = language_columns(split.raw)
    used = evidence.pipeline.card.text_columns or language_in_rows(evidence, split)
    found = []
    for name in columns:
        if name in used or not (_is_segment(name, used) or _is_like(split, name, used or columns)):
            continue
        inside, shared = _in_rows(evidence, split, name)
        # If the texts are not known, the tokens may come from a text that was changed before.
        if inside < thresholds["rows"] and shared < (_VARIANT if used else thresholds["rows"]):
            beside = f", beside {' and '.join(map(repr, used))}" if used else ""
            expected = f"the texts of column {name!r} in the tokens{beside}; or no such column"
            example = shorten(split.texts([name], split.few(1))[0][0])
            observed = f"{inside:.0%} of the sampled rows hold theirs, such as {example}"
            if cut := _cut_at(evidence, split):
                observed += f"; every row ends at {cut} tokens (max_length?)"
            found.append(finding(expected, observed, subject=split.subject))
    return found


def _cut_at(evidence: Evidence, split: Split) -> int:
    """Return the number of tokens that nearly all rows have, as after truncation; 0 if rows differ."""
    lengths = Counter(map(len, tokens_of(evidence, split, split.few(_ROWS))))
    [(length, count)] = lengths.most_common(1)
    return length if length == max(lengths) and count > _NEARLY_ALL * lengths.total() else 0


def _in_rows(evidence: Evidence, split: Split, column: str) -> tuple[float, float]:
    """Return to what extent the tokens of the rows contain the texts of a column.

    Returns:
        The fraction of rows that have all tokens of one end of their text (the other may be truncated), and the mean
        fraction of common tokens: of the text's tokens or of the row's tokens, whichever fraction is greater.

    """
    encoded = encode_again(evidence, split, [column], _ROWS)
    # In the middle of a text, a word may have other tokens than at the beginning.
    spaced = evidence.tokenizer([f" {text}" for (text,) in encoded.texts], add_special_tokens=False, verbose=False)
    inside, in_row, in_text = 0, 0.0, 0.0
    beside = _tokens_beside(evidence, split, encoded.indices)
    for row, (text,), other, more in zip(encoded.rows, encoded.alone, spaced["input_ids"], beside, strict=True):
        there, known, content = {*row, *more}, set(text), encoded.content([*row, *more])
        inside += any(set(end) <= there for ids in (text, other) for end in (ids[:_END], ids[-_END:]))
        in_row += sum(token in there for token in text) / max(len(text), 1)
        in_text += sum(token in known for token in content) / max(len(content), 1)
    count = max(len(encoded.rows), 1)
    return inside / count, max(in_row, in_text) / count


def _tokens_beside(evidence: Evidence, split: Split, indices: Sequence[int]) -> list[list[int]]:
    """Return the tokens of some rows in further inputs of the model, as models with two encoders take them."""
    names = [name for name in split.rows.column_names if name.endswith("input_ids") and name != "input_ids"]
    taken_names = [name for name in names if name in forward_parameters(evidence.fresh_model)]
    columns = [split.values(name, indices) for name in taken_names]
    return [[token for row in rows for token in row] for rows in zip(*columns, strict=True)] or [[]] * len(indices)


def language_in_rows(evidence: Evidence, split: Split) -> tuple[str, ...]:
    """Return the text columns whose texts are in the tokens."""
    if evidence.pipeline.processing_class is None:
        return ()
    return tuple(name for name in language_columns(split.raw) if _in_rows(evidence, split, name)[0] >= _VARIANT)


def _is_segment(name: str, used: Sequence[str]) -> bool:
    """Return whether a column's name is that of the other text of a pair: sentence2, question, hypothesis."""
    own, *stems = [re.sub(r"[_-]?(\d+|[ab]|pair)$", "", column.casefold()) for column in (name, *used)]
    return own in stems or (own in _SEGMENT_NAMES and not _SEGMENT_NAMES.isdisjoint(stems))


def _is_like(split: Split, name: str, used: Sequence[str]) -> bool:
    """Return whether a column is a text of its own: not a note about a used one, not another form of it, not short."""
    parts, others = _parts(name), [_parts(column) for column in used if column != name]
    if parts & _NOTES or any(parts - _NOTES == other - _NOTES for other in others):
        return False
    lengths = [_mean_words(split, column) for column in (name, *used)]
    return lengths[0] >= _SHORT * max(lengths[1:])


def _parts(name: str) -> set[str]:
    return {part.casefold() for part in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name)}


def _mean_words(split: Split, column: str) -> float:
    texts = split.texts([column], split.few(_ROWS))
    return sum(len(text.split()) for (text,) in texts) / max(len(texts), 1)


@check(
    "data.splits_alike",
    cost="free",
    thresholds={"rows": 0.95, "chance": 1e-4},
    false_alarms=3e-4,
    catches="an evaluation split that another function tokenized: one segment instead of two, no special tokens",
    hint="tokenize both splits with one function and one tokenizer.",
)
def splits_alike(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Evaluation rows are built like train rows: the same columns, special tokens and number of segments.

    Assumes: one function tokenizes both splits.

    Unusual but healthy: rows that are built in several ways, with fewer than 95% alike, are not compared. A few rows
    are no evidence, and pass.

    False alarms: at most 3e-4 a session (three exact hypergeometric tests).
    """
    found = []
    train, evaluated = splits(evidence)
    inputs = frozenset(forward_parameters(evidence.fresh_model))
    if evidence.pipeline.card.head_rules.masks is not None:  # what is masked may be fixed in the evaluation alone
        inputs = inputs.difference(LABEL_NAMES)
    columns, others = (inputs.intersection(split.rows.column_names) for split in (train, evaluated))
    if columns != others:
        observed = f"only {', '.join(sorted(others))}" if others < columns else ", ".join(sorted(others))
        found.append(finding(f"the model's inputs {', '.join(sorted(columns))}", observed, subject=evaluated.subject))
    layouts = [_layout(evidence, split) for split in (train, evaluated)]
    for name in (name for name in layouts[0] if name in layouts[1]):
        value, other = (most_of(layout[name], thresholds["rows"]) for layout in layouts)
        if (
            None not in (value, other)
            and value != other
            and is_rarer(value, layouts[0][name], layouts[1][name], thresholds["chance"])
        ):
            observed = f"{name}: {other}"
            found.append(finding(f"{name}: {value}, as in train", observed, subject=evaluated.subject))
    return found


def _layout(evidence: Evidence, split: Split) -> dict[str, list[Any]]:
    """Return how some rows are built: for each property, its values ``[R]``."""
    tokenizer: Any = evidence.pipeline.processing_class
    indices = split.few(_ROWS)
    if tokenizer is None or not indices:
        return {}
    special = special_ids(tokenizer)

    def edge(ids: Sequence[int]) -> str:
        return str(tokenizer.convert_ids_to_tokens(ids[0])) if ids and ids[0] in special else "text"

    tokens = tokens_of(evidence, split, indices)
    return {
        "first token": [edge(row) for row in tokens],
        "last token": [edge(row[::-1]) for row in tokens],
        "runs of text between special tokens": [len(cut(row, special)) for row in tokens],
    }


def most_of(values: Sequence[Any], share: float) -> Any:
    """Return the value that (nearly) all rows have; None if rows differ."""
    value, count = Counter(values).most_common(1)[0]
    return value if count >= share * len(values) else None


def is_rarer(value: Any, some: Sequence[Any], others: Sequence[Any], chance: float) -> bool:
    """Return whether other rows have a value more rarely than chance explains if both are drawn alike."""
    has = [list(values).count(value) for values in (some, others)]
    return bool(stats.hypergeom.cdf(has[1], len(some) + len(others), sum(has), len(others)) < chance)
