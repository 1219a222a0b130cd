"""Checks of relations between words, tokens and tags: each word has its own tag, and nothing else is scored."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.encoded import special_ids
from pytest_ftcheck.checks.data.splits import ALL_ROWS, Split, exceeds, filled, share
from pytest_ftcheck.checks.data.word_tags import (
    WordRow,
    require_raw_tags,
    token_rows,
    word_rows,
)
from pytest_ftcheck.heads.tag_schemes import parted
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_SHIFTS = (-1, 1, -2, 2)
_MOST_OF = 0.9
"""Fraction of the words from which on a shift explains the tags."""


@check(
    "data.ignored_tokens",
    cost="free",
    needs=(LABEL_PER_TOKEN,),
    # Fractions of the rows or words of a sample that may differ.
    thresholds={"rows": 0.02},
    catches="special tokens, padding or the later tokens of a word that are learned and scored as if they were words",
    hint="build the labels from encoding.word_ids(): -100 where it is None, -100 for the later tokens of a word, and "
    "label_pad_token_id=-100 in the collator.",
)
def ignored_tokens(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Special tokens and padding have the label -100, and so have all but one of the tokens of a word.

    If all tokens of a word have tags of its type, the check only warns: this may be intended in training, but the
    metric then counts tokens.

    Assumes: the loss ignores -100.

    Unusual but healthy: a tag on the last token of a word instead of the first passes; so do words without a tag, if
    the words' own tags are -100. Without raw words, only special tokens and padding are checked.

    False alarms: none by chance. Labels are read.
    """
    return [found for split in filled(evidence) for found in _ignored(evidence, split, thresholds["rows"])]


def _ignored(evidence: Evidence, split: Split, budget: float) -> list[Finding]:
    special = frozenset() if evidence.pipeline.processing_class is None else special_ids(evidence.tokenizer)
    rows = token_rows(evidence, split)
    tagged = [
        row
        for row in rows
        if any(label != IGNORED for label in row.padding)
        or any(label != IGNORED and token in special for token, label in zip(row.ids, row.labels, strict=True))
    ]
    found = []
    if exceeds(len(tagged), len(rows), budget, ALL_ROWS):
        padded = any(label != IGNORED for row in tagged for label in row.padding)
        what = "special tokens or padding" if padded else "special tokens"
        tags = Counter(
            label
            for row in tagged
            for token, label in zip(row.ids, row.labels, strict=True)
            if token in special and label != IGNORED
        )
        most = f", mostly {_name(evidence, tags.most_common(1)[0][0])}" if tags else ""
        observed = f"{what} have a tag in {share(len(tagged), len(rows))} sampled rows{most}, first in row "
        expected = f"the label {IGNORED} for special tokens and padding"
        found.append(finding(expected, f"{observed}{tagged[0].index}", subject=split.subject))
    try:
        words = word_rows(evidence, split)
    except NotApplicable:
        return found
    return found + _pieces(evidence, split, words, budget)


def _pieces(evidence: Evidence, split: Split, rows: Sequence[WordRow], budget: float) -> list[Finding]:
    """Judge the tokens of words: one or all tokens of each word have a tag."""
    cut: list[tuple[WordRow, int, list[int]]] = []
    without: list[tuple[WordRow, int]] = []
    words = 0
    for row in rows:
        own = row.raw_tags or []
        for word, labels in row.labels_by_word.items():
            words += 1
            if len(labels) > 1:
                cut.append((row, word, labels))
            is_ignored = word < len(own) and own[word] in (IGNORED, None)
            if all(label == IGNORED for label in labels) and not is_ignored:
                without.append((row, word))
    found = []
    if exceeds(len(without), words, budget, ALL_ROWS):
        row, word = without[0]
        observed = (
            f"{share(len(without), words)} words of the sampled rows have none, such as {row.words[word]!r} in row "
        )
        found.append(finding("a tag for each word", f"{observed}{row.index}", subject=split.subject))
    several = [entry for entry in cut if sum(label != IGNORED for label in entry[2]) > 1]
    if not exceeds(len(several), len(cut), budget, ALL_ROWS):
        return found
    kinds = [{parted(_name(evidence, label))[1] for label in labels if label != IGNORED} for _, _, labels in several]
    mixed = sum(len(kind) > 1 for kind in kinds)
    row, word, labels = several[0]
    observed = (
        f"{share(len(several), len(cut))} words of several tokens have several tags, such as {row.words[word]!r} in "
    )
    observed += f"row {row.index}: {', '.join(_name(evidence, label) for label in labels)}"
    if exceeds(mixed, len(several), budget, ALL_ROWS):
        expected = f"one tag for each word, {IGNORED} for its other tokens (tokens of one word of different types fail)"
        return [*found, finding(expected, observed, subject=split.subject)]
    expected = f"one tag for each word, {IGNORED} for its other tokens"
    hint = "if this is intended, the metric counts long words several times: score only the first token of a word."
    rate = len(several) / max(len(cut), 1)
    return [*found, warning(expected, observed, share=rate, subject=split.subject, hint=hint)]


def _name(evidence: Evidence, label: int) -> str:
    names = evidence.pipeline.card.label_names
    return names[label] if 0 <= label < len(names) else str(label)


@check(
    "data.tags_aligned",
    cost="free",
    needs=(LABEL_PER_TOKEN,),
    # Fraction of the words whose tag may differ.
    thresholds={"words": 0.01},
    catches="tags that are shifted against the words, assigned by position and not by word, or numbered differently in "
    "one of the splits",
    hint="take the tag of each token by encoding.word_ids(batch_index), not by its position: [CLS] and words of "
    "several tokens shift all later positions.",
)
def tags_aligned(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Each word has the tag that the raw row gives to it, and a tag has the same id in both splits.

    The words are tokenized again to find the word of each token.

    Assumes: the raw rows have a tag for each word.

    Unusual but healthy: tags that were renamed or renumbered one to one pass, if the model's names agree.

    False alarms: none by chance. Tags are compared.
    """
    found, numbered = [], {}
    for split in filled(evidence):
        rows = word_rows(evidence, split)
        require_raw_tags(rows, split)
        own = _own_tags(rows)
        most = _most_frequent(own)
        numbered[split.name] = most
        wrong = [entry for entry in own if most.get(entry[2]) != entry[3]]
        if exceeds(len(wrong), len(own), thresholds["words"], ALL_ROWS):
            row, word, tag, label = wrong[0]
            observed = (
                f"{share(len(wrong), len(own))} words of the sampled rows have another, such as {row.words[word]!r} "
            )
            observed += f"in row {row.index}: {_name(evidence, label)} for {_raw_name(evidence, tag)}{_shifted(rows)}"
            shown = (
                f"row {row.index}: {row.words[word]!r} has {_name(evidence, label)} for {_raw_name(evidence, tag)}"
                for row, word, tag, label in wrong
            )
            expected = "the word's own tag for each word"
            found.append(finding(expected, observed, subject=split.subject, evidence=shown))
    if found:
        return found
    return _other_numbers(evidence, numbered)


def _own_tags(rows: Sequence[WordRow], shift: int = 0) -> list[tuple[WordRow, int, Any, int]]:
    """Return row, word, raw tag and label of each tagged word; with a shift, the raw tag of a neighbouring word."""
    found = []
    for row in rows:
        raw = row.raw_tags or []
        for word in row.labels_by_word:
            label = row.tag_of(word)
            if label != IGNORED and 0 <= word + shift < len(raw):
                found.append((row, word, raw[word + shift], label))
    return found


def _most_frequent(own: Sequence[tuple[WordRow, int, Any, int]]) -> dict[Any, int]:
    """Return the label that most words of each raw tag have."""
    most: dict[Any, int] = {}
    for (tag, label), _ in Counter((tag, label) for _, _, tag, label in own).most_common():
        most.setdefault(tag, label)
    return most


def _shifted(rows: Sequence[WordRow]) -> str:
    for shift in _SHIFTS:
        own = _own_tags(rows, shift)
        # O is frequent: a shifted O is often O too, and shows nothing.
        pairs = [(tag, label) for _, _, tag, label in own if label]
        if pairs and sum(tag == label or _same(own, tag, label) for tag, label in pairs) >= _MOST_OF * len(pairs):
            place = "before" if shift < 0 else "after"
            return f"; they are those of the word {'' if abs(shift) == 1 else f'{abs(shift)} '}{place}"
    return ""


def _same(own: Sequence[tuple[WordRow, int, Any, int]], tag: Any, label: int) -> bool:
    return _most_frequent(own).get(tag) == label


def _raw_name(evidence: Evidence, tag: Any) -> str:
    return tag if isinstance(tag, str) else _name(evidence, int(tag))


def _other_numbers(evidence: Evidence, numbered: dict[str, dict[Any, int]]) -> list[Finding]:
    """Compare the ids of a raw tag in both splits, and its name with the name of its id."""
    (first, ids), *others = numbered.items()
    for name, other in others:
        differ = [tag for tag in ids if tag in other and ids[tag] != other[tag]]
        if differ:
            tag = differ[0]
            example = f"{_raw_name(evidence, tag)} is {ids[tag]} in {first} and {other[tag]} in {name}"
            observed = f"{len(differ)} have not: {example}"
            return [finding("the same id for each tag in both splits", observed, hint=_ENCODE_ALIKE)]
    names = evidence.pipeline.card.label_names
    known = {tag: label for tag, label in ids.items() if isinstance(tag, str) and tag in names}
    wrong = {tag: label for tag, label in known.items() if _name(evidence, label) != tag}
    if not wrong:
        return []
    tag, label = next(iter(wrong.items()))
    observed = f"{len(wrong)} have other names: {tag!r} of the data is id {label}, {_name(evidence, label)!r}"
    return [finding("id2label with the data's name for the id of each tag", observed, hint=_ENCODE_ALIKE)]


_ENCODE_ALIKE = "make the list of tags once, of the train rows, and use it for both splits and for id2label."
