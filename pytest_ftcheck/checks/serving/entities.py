"""Compares the entities that a server finds in sentences with those of the evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.collator.moved_rows import require_rows_in_place
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.data.word_tags import require_entities, words_column
from pytest_ftcheck.checks.metrics.tagged import tagged_rows
from pytest_ftcheck.checks.serving.fresh import Served, real_tokens, served
from pytest_ftcheck.columns import taken
from pytest_ftcheck.heads.entities import entities_of
from pytest_ftcheck.heads.tag_schemes import scheme_of
from pytest_ftcheck.heads.traits import IGNORED, LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.heads.rows import EvaluatedRows

    Spans = set[tuple[str, int, int]]

_GROUPED = "IOB"
"""The scheme by which `pipeline` groups entities; it treats E- and S- as separate types."""


@check(
    "serving.entities",
    cost="run",
    needs=(LABEL_PER_TOKEN,),
    tolerance={"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2},
    catches="a saved model whose label names or tokenizer give other entities than the evaluation",
    hint="save the tokenizer with the model, set id2label to the tags of the data, and serve the words as in the "
    "training: with blanks between them, in the same case.",
)
def entities(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """`transformers.pipeline` finds the entities of the evaluation in the sentences.

    The check uses ``aggregation_strategy="first"``. It compares type, first and last character, in rows whose words are
    also words of the tokenizer: in other rows, a server, which does not have the words, would use other ones. If two
    logits differ by less than ``tolerance``, either tag may be the highest.

    Assumes: a server gets the words with blanks between them.

    Unusual but healthy: truncated rows, model classes of the user's own and rows whose tokens are not those of the
    words are skipped; BIOES and BILOU only warn, because `pipeline` supports only B and I.

    False alarms: none by chance.
    """
    names = require_entities(evidence)
    answer = served(evidence)
    if not answer.text_rows:
        raise NotApplicable(answer.no_texts)
    if "pipeline" in answer.errors:
        task = evidence.pipeline.card.head_rules.serving.task
        return [finding(f"pipeline({task!r}, model=folder)", f"fails: {answer.errors['pipeline']}")]
    compared, different = _compared(evidence, answer, names, thresholds["tolerance"])
    if not compared:
        msg = "no row has words that are also the words of the tokenizer, with one tag each"
        raise NotApplicable(msg)
    if not different:
        return []
    require_rows_in_place(evidence)
    expected = f"the evaluation's entities in {compared} sentences"
    observed = f"{len(different)} differ, {different[0]}"
    if scheme_of(names) != _GROUPED:
        hint = f"pipeline() does not group entities of {scheme_of(names)}: convert the tags to IOB2."
        return [
            warning(f"{expected} (tags in IOB2 that differ fail)", observed, share=len(different) / compared, hint=hint)
        ]
    return [finding(expected, observed)]


def _compared(evidence: Evidence, answer: Served, names: Sequence[str], tolerance: float) -> tuple[int, list[str]]:
    """Compare each row; return the number of compared rows, and descriptions of those that differ."""
    split = splits(evidence)[1]
    words = taken(split.raw, words_column(evidence, split), answer.text_rows)
    stored = real_tokens(evidence, answer.text_rows)
    rows = tagged_rows(evidence)
    compared, different = 0, []
    for place, (row, found) in enumerate(zip(answer.text_rows, answer.answers, strict=True)):
        of_row = list(map(str, words[place]))
        first = _first_tokens(evidence.tokenizer, of_row, stored[place])
        tags = _tags_of_words(rows.predictions[row], rows.label_ids[row], first)
        if first is None or tags is None or _is_close(rows, row, tolerance):
            continue
        compared += 1
        expected = _spans(of_row, [names[tag] if 0 <= tag < len(names) else "O" for tag in tags])
        given = {(str(entry["entity_group"]), int(entry["start"]), int(entry["end"])) for entry in found}
        if given != expected:
            different.append(_difference(row, " ".join(of_row), expected, given))
    return compared, different


def _first_tokens(tokenizer: Any, words: Sequence[str], stored: Sequence[int]) -> list[int] | None:
    """Return the places of the words' first tokens, without special tokens; None if the tokenizer's words differ."""
    encoded = tokenizer(" ".join(words), verbose=False)
    of_words = [word for word in encoded.word_ids() if word is not None]
    starts = [place for place, word in enumerate(of_words) if place == 0 or word != of_words[place - 1]]
    return starts if list(encoded["input_ids"]) == list(stored) and len(starts) == len(words) else None


def _tags_of_words(
    predictions: NDArray[np.int64], labels: NDArray[np.int64], first: Sequence[int] | None
) -> list[int] | None:
    """Return the predicted tag of each word; None if the evaluation has no prediction for it."""
    judged = predictions[labels != IGNORED].tolist()
    if first is None or len(judged) < len(first):
        return None
    if len(judged) == len(first):
        return [int(tag) for tag in judged]
    return [int(judged[place]) for place in first] if len(judged) > max(first, default=0) else None


def _is_close(rows: EvaluatedRows, row: int, tolerance: float) -> bool:
    """Return whether two tags of a token of the row are equally likely within the tolerance; False without logits."""
    if rows.logits is None:
        return False
    ordered = np.sort(rows.logits[row][rows.label_ids[row] != IGNORED].astype(np.float64), axis=-1)
    return bool((ordered[:, -1] - ordered[:, -2] < tolerance).any())


def _spans(words: Sequence[str], tags: Sequence[str]) -> Spans:
    """Return type, first and last character of the entities in the words with blanks between them."""
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])
    return {(kind, int(starts[first]), int(starts[last + 1]) - 1) for kind, first, last in entities_of(tags)}


def _difference(row: int, text: str, expected: Spans, given: Spans) -> str:
    def described(spans: Spans) -> str:
        return ", ".join(f"{kind} {text[start:end]!r}" for kind, start, end in sorted(spans, key=lambda span: span[1]))

    return f"row {row}: {described(given - expected) or 'none'} instead of {described(expected - given) or 'none'}"
