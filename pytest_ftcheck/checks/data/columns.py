"""What must hold for columns: what the model should get, it gets."""

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
"""Tokens of a text that are looked for at either end: the middle may be truncated."""
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
"""Words in names of columns that are about a text, or another form of it."""
_NEARLY_ALL = 0.95
_VARIANT = 0.9
"""Share of tokens in common from which on a column is another form of what was tokenized."""
_SHORT = 0.25
"""Share of the words of the tokenized texts below which a column is a note."""


@check(
    "data.unused_columns",
    cost="free",
    thresholds={"rows": 0.5},
    catches="a second text that is never tokenized, an attention mask or token_type_ids that get lost before the model",
    hint="take a text that is left out on purpose out of the data set, with remove_columns. All that the tokenizer "
    "returns belongs to the row: keep its columns when you map, and hand them on in the collator.",
)
def unused_columns(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The model gets all texts of the data set, and all that the tokenizer makes of them.

    Assumes: a column of language that is called or built like a used one is meant for the model.

    Unusual but healthy: notes, other forms of a text and short columns are let through by name, length and tokens in
    common; another full text that is kept on purpose is red.

    False alarms: none by chance. 64 rows are looked at, evenly spread.
    """
    found = []
    for split in filled(evidence):
        found += _missing_inputs(evidence, split)
        if not evidence.pipeline.source.rows.tokenized_here and evidence.pipeline.processing_class is not None:
            found += _unused_texts(evidence, split, thresholds)
    return found


def _missing_inputs(evidence: Evidence, split: Split) -> list[Finding]:
    """Make a batch with the pipeline's collator and look for what the tokenizer makes and the model takes."""
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
    """Word why the model cannot do without an input; an empty text where it can."""
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
    """Find columns of language, much like those that are tokenized, of which the tokens know nothing."""
    columns = language_columns(split.raw)
    used = evidence.pipeline.card.text_columns or language_in_rows(evidence, split)
    found = []
    for name in columns:
        if name in used or not (_is_segment(name, used) or _is_like(split, name, used or columns)):
            continue
        inside, shared = _in_rows(evidence, split, name)
        # Where the texts are not known, the tokens may be those of a text that was changed first.
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
    """Return the number of tokens that nearly all rows have, as where they are truncated; 0 where they differ."""
    lengths = Counter(map(len, tokens_of(evidence, split, split.few(_ROWS))))
    [(length, count)] = lengths.most_common(1)
    return length if length == max(lengths) and count > _NEARLY_ALL * lengths.total() else 0


def _in_rows(evidence: Evidence, split: Split, column: str) -> tuple[float, float]:
    """Tell how far the texts of a column are in the tokens of their rows.

    Returns:
        The share of rows that hold all tokens of one end of their text (the other may be truncated), and the mean share
        of tokens in common: of the text's in the row, or of the row's in the text, whichever is greater.

    """
    encoded = encode_again(evidence, split, [column], _ROWS)
    # Amid other text, a word may have other tokens than at the beginning.
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
    """Return the tokens of some rows that the model takes beside ``input_ids``, as one of two towers does."""
    names = [name for name in split.rows.column_names if name.endswith("input_ids") and name != "input_ids"]
    taken_names = [name for name in names if name in forward_parameters(evidence.fresh_model)]
    columns = [split.values(name, indices) for name in taken_names]
    return [[token for row in rows for token in row] for rows in zip(*columns, strict=True)] or [[]] * len(indices)


def language_in_rows(evidence: Evidence, split: Split) -> tuple[str, ...]:
    """Return the columns of language whose texts are in the tokens."""
    if evidence.pipeline.processing_class is None:
        return ()
    return tuple(name for name in language_columns(split.raw) if _in_rows(evidence, split, name)[0] >= _VARIANT)


def _is_segment(name: str, used: Sequence[str]) -> bool:
    """Tell whether a column is called as the other side of one that is used: sentence2, question, hypothesis."""
    own, *stems = [re.sub(r"[_-]?(\d+|[ab]|pair)$", "", column.casefold()) for column in (name, *used)]
    return own in stems or (own in _SEGMENT_NAMES and not _SEGMENT_NAMES.isdisjoint(stems))


def _is_like(split: Split, name: str, used: Sequence[str]) -> bool:
    """Tell whether a column is a text of its own: no note about one that is used, no other form of it, not as short."""
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
    """Evaluation rows are built as train rows are: the same columns, special tokens and number of segments.

    Assumes: one function tokenizes both splits.

    Unusual but healthy: rows that are built in several ways, fewer than 95% alike, are not compared. Few rows say
    nothing, and pass.

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
            and told_apart(value, layouts[0][name], layouts[1][name], thresholds["chance"])
        ):
            observed = f"{name}: {other}"
            found.append(finding(f"{name}: {value}, as in train", observed, subject=evaluated.subject))
    return found


def _layout(evidence: Evidence, split: Split) -> dict[str, list[Any]]:
    """Return how some rows are built, ``[R]`` for each fact."""
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
    """Return what (nearly) all rows have in common; None where they differ among themselves."""
    value, count = Counter(values).most_common(1)[0]
    return value if count >= share * len(values) else None


def told_apart(value: Any, some: Sequence[Any], others: Sequence[Any], chance: float) -> bool:
    """Tell whether others have a value of some rows more rarely than the luck of drawing both alike explains."""
    has = [list(values).count(value) for values in (some, others)]
    return bool(stats.hypergeom.cdf(has[1], len(some) + len(others), sum(has), len(others)) < chance)
