"""Checks of segments: the whole text reaches the model, and both texts of a pair, separated."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.columns import language_in_rows
from pytest_ftcheck.checks.data.encoded import (
    Encoded,
    encode_again,
    expects_types,
    is_part,
    is_subsequence,
    pad_id,
    runs_of_tokens,
    tokens_of,
)
from pytest_ftcheck.checks.data.examples import rows_as_tokens
from pytest_ftcheck.checks.data.folded import words
from pytest_ftcheck.checks.data.splits import SAMPLE, Split, exceeds, filled, graded, require_whole_rows, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.data.folded import Row
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_PAIR = 2
_EMPTY = " is empty"
_ENOUGH = 20
"""Number of rows from which on it is a finding that all are alike."""
_DISTINCT_ROWS = 5_000
_NEARLY = 0.8
_NEARLY_ALL = 0.9
_SLACK = 2
"""Number of tokens by which rows may be shorter than the model's limit: special tokens may be added later."""


@check(
    "data.segments",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.05, "optional": 0.5},  # optional: share of rows that may lack the second text by design
    false_alarms=2e-4,
    catches="a second segment that is never tokenized, empty or always the same; two segments joined into one string",
    hint="tokenize both columns in one call, tokenizer(batch[first], batch[second], truncation=True), which sets the "
    "separator and token_type_ids as the checkpoint learned them; look for a column that is named twice or not at all.",
)
def segments(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Both segments of a pair are in the tokens of every row, separated from each other.

    Assumes: with two text columns, both are the input, with a separator between them.

    Unusual but healthy: a template that joins both texts on purpose fails if nothing separates them. With more than two
    columns, only the separators are checked. A text that up to half of the rows lack only warns.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    columns = evidence.pipeline.card.text_columns
    if len(columns) == 1:
        msg = f"the task has one segment, {columns[0]!r}"
        raise NotApplicable(msg)
    # If the columns are not known, two texts that are both in the rows are a pair. One split may have lost its texts.
    named = [(split, columns or language_in_rows(evidence, split)) for split in filled(evidence)]
    pairs = [(split, names) for split, names in named if len(names) == _PAIR]
    found = []
    for split, names in pairs or named:
        rows, problems = _problems(evidence, split, names) if pairs else _problems_of_runs(evidence, split)
        for problem, bad in problems.items():
            if exceeds(len(bad), rows, thresholds["rows"]):
                expected = f"both segments, apart, in at least {1 - thresholds['rows']:.0%} of {rows} sampled rows"
                observed = f"{problem} in {share(len(bad), rows)}, first in row {bad[0]}"
                if problem.endswith(_EMPTY) and len(bad) <= thresholds["optional"] * rows:
                    found.append(warning(expected, observed, share=len(bad) / rows, subject=split.subject))
                else:
                    shown = rows_as_tokens(evidence, split, bad)
                    found.append(finding(expected, observed, subject=split.subject, evidence=shown))
    return found


def _problems(evidence: Evidence, split: Split, columns: Sequence[str]) -> tuple[int, dict[str, list[int]]]:
    """Return the number of checked rows, and the rows that have each problem."""
    encoded, problems = encode_again(evidence, split, columns), defaultdict(list)
    types = _typed(evidence, split, encoded)
    for place, index in enumerate(encoded.indices):
        if problem := _problem(encoded, place, columns):
            problems[problem].append(index)
        elif types is not None and len(set(types[place])) == 1 and len(encoded.runs(encoded.rows[place])) > 1:
            problems[f"token_type_ids are all {types[place][0]}, as if there were one segment,"].append(index)
    for column, texts in zip(columns, zip(*encoded.texts, strict=True), strict=True):
        if len(texts) >= _ENOUGH and texts[0] and len(set(texts)) == 1:
            problems[f"{column} is the same text"] = list(encoded.indices)
    return len(encoded.indices), problems


def _problem(encoded: Encoded, place: int, columns: Sequence[str]) -> str:
    """Describe the problem of a pair; an empty text if there is none."""
    first, second = (encoded.content(ids) for ids in encoded.alone[place])
    row = encoded.rows[place]
    content = encoded.content(row)
    if not first or not second:
        return f"{columns[0] if not first else columns[1]}{_EMPTY}"
    for column, own, other in zip(columns, (first, second), (second, first), strict=True):
        alone = len(encoded.runs(row)) == 1 and is_part(content, other)
        if alone or (_lacks(content, own, other) and not is_subsequence(content, encoded.whole[place])):
            return f"no token of {column}"
    separated = len(encoded.runs(encoded.whole[place])) > 1
    if not separated or len(encoded.runs(row)) > 1:
        return ""
    strings = (encoded.content(ids) for ids in encoded.joined[place])
    return "nothing stands between the segments" if any(content == ids[: len(content)] for ids in strings) else ""


def _lacks(content: Sequence[int], own: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether a row lacks all tokens that only this segment has, and has nearly all of the other's."""
    there = set(content)
    mine, theirs = set(own) - set(other), set(other) - set(own)
    return bool(mine) and not mine & there and len(theirs & there) > _NEARLY * len(theirs)


def _typed(evidence: Evidence, split: Split, encoded: Encoded) -> list[list[int]] | None:
    """Return the ``token_type_ids`` of the rows, where the model takes them and the tokenizer tells segments apart."""
    name, pad = "token_type_ids", pad_id(evidence)
    if name not in split.rows.column_names or not expects_types(evidence, encoded.texts):
        return None
    given = zip(split.values("input_ids", encoded.indices), split.values(name, encoded.indices), strict=True)
    return [[kind for token, kind in zip(*row, strict=False) if token != pad] or [0, 1] for row in given]


def _problems_of_runs(evidence: Evidence, split: Split) -> tuple[int, dict[str, list[int]]]:
    """Find pairs by their separator if no text is known, and the problems of these pairs."""
    indices, runs = split.few(SAMPLE), runs_of_tokens(evidence, split, split.few(SAMPLE))
    pairs = {index: run for index, run in zip(indices, runs, strict=True) if len(run) == _PAIR}
    if len(pairs) < max(_ENOUGH, len(runs) / 2):
        msg = "one segment, or nothing tells two apart: name the raw text columns in the card's text_columns"
        raise NotApplicable(msg)
    same = [index for index, (first, second) in pairs.items() if first == second]
    # Paraphrases have some equal pairs, among the positive ones; one segment given twice makes all of them equal.
    problems = {"the same tokens on both sides": same if len(same) > _NEARLY_ALL * len(pairs) else []}
    for place, name in enumerate(("first", "second")):
        if len({tuple(run[place]) for run in pairs.values()}) == 1:
            problems[f"the {name} segment is the same"] = list(pairs)
    return len(pairs), problems


@check(
    "data.truncation",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.5, "warn": 0.1, "short": 16},  # short: tokens of the longest row, that of a dry run
    false_alarms=2e-4,
    catches="a max_length left over from a dry run, texts cut by characters, one long segment that displaces another",
    hint="raise max_length up to the model's limit, split long texts, or state in the card how many rows may lose "
    "more than a tenth of their tokens.",
)
def truncation(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Most rows keep nine tenths of their tokens.

    The check fails if no row has more than ``short`` tokens, as after a dry run. If longer rows are cut, the check only
    warns: the relevant text may be in the part that is kept, and a model's length is limited.

    Assumes: most of a text matters.

    Unusual but healthy: long texts that are cut on purpose only warn. Rows of one short and fixed length by nature,
    without known texts, look truncated and fail.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    require_whole_rows(evidence)
    most = longest_input(evidence)
    found = []
    for split in filled(evidence):
        longest = max(map(len, tokens_of(evidence, split, split.few(4 * SAMPLE))), default=0)
        known = evidence.pipeline.card.text_columns and evidence.pipeline.processing_class is not None
        at_most = most is not None and longest >= most - _SLACK
        if at_most and not known:
            continue
        rows, bad, observed = _lost(evidence, split) if known else _piled_up(evidence, split)
        observed += f"; the longest row has {longest} tokens" + (f", the model takes {most}" if most else "")
        # A larger max_length does not help beyond the model's limit.
        fail = 1.0 if at_most or longest > thresholds["short"] else thresholds["rows"]
        what = f"of {rows} sampled rows to lose more than a tenth of their tokens"
        found += graded(bad, rows, fail, thresholds["warn"], what, observed, subject=split.subject)
    return found


def longest_input(evidence: Evidence) -> int | None:
    """Return how many tokens model and tokenizer take; None if neither has a limit."""
    config: Any = evidence.fresh_model.config
    thresholds = [getattr(evidence.pipeline.processing_class, "model_max_length", 0)]
    thresholds += [getattr(config, name, 0) for name in ("max_position_embeddings", "n_positions")]
    # A tokenizer without a limit gives 10^30, a model with relative positions -1.
    return min((int(limit) for limit in thresholds if limit and 0 < limit < 10**6), default=None)


def _lost(evidence: Evidence, split: Split) -> tuple[int, int, str]:
    """Count the rows that lose more than a tenth of their tokens, and describe the loss of each segment."""
    columns = evidence.pipeline.card.text_columns
    encoded = encode_again(evidence, split, columns)
    kept, whole, bad = [0] * len(columns), [0] * len(columns), 0
    for place, row in enumerate(encoded.rows):
        lengths = _kept(encoded, place, encoded.runs(row))
        # A segment that is missing completely was not truncated: data.segments reports it.
        pairs = [(left, len(ids)) for left, ids in zip(lengths, encoded.alone[place], strict=True) if left is not None]
        bad += sum(min(left, full) for left, full in pairs) < 0.9 * sum(full for _, full in pairs)
        for segment, (left, ids) in enumerate(zip(lengths, encoded.alone[place], strict=True)):
            kept[segment] += min(left or 0, len(ids))
            whole[segment] += len(ids)
    lost = [f"{name} {1 - left / max(full, 1):.0%}" for name, left, full in zip(columns, kept, whole, strict=True)]
    return len(encoded.rows), bad, f"{share(bad, len(encoded.rows))}; tokens lost: {', '.join(lost)}"


def _kept(encoded: Encoded, place: int, runs: Sequence[Sequence[int]]) -> list[int | None]:
    """Return how many tokens of each segment a row has; None for a segment that is not there."""
    whole = [len(encoded.content(ids)) for ids in encoded.alone[place]]
    if len(runs) == len(whole):
        return [len(run) for run in runs]
    content = [token for run in runs for token in run]
    if len(whole) == _PAIR:
        for there in (0, 1):
            if is_part(content, encoded.content(encoded.alone[place][there])):
                return [len(content), None] if there == 0 else [None, len(content)]
        # The segments are joined into one: tokens are lost at the end.
        return [min(len(content), whole[0]), max(len(content) - whole[0], 0)]
    return [len(content)]


def _piled_up(evidence: Evidence, split: Split) -> tuple[int, int, str]:
    """Count the rows that are as long as the longest: a sign of truncation if no text is known."""
    indices = split.few(4 * SAMPLE)
    lengths = [len(row) for row in tokens_of(evidence, split, indices)]
    if len(lengths) < _ENOUGH or (pad_id(evidence) is None and "attention_mask" not in split.rows.column_names):
        msg = "no raw text is known, and nothing tells padding from tokens, or there are few rows"
        raise NotApplicable(msg)
    count = lengths.count(max(lengths))
    return len(lengths), count, f"no raw text is known, but {share(count, len(lengths))} are as long as the longest"


@check(
    "data.distinct_inputs",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.02},
    false_alarms=2e-4,
    catches="texts that become the same tokens: truncated to a few, all unknown, a segment or column left out",
    hint="the differences between these rows are lost before the model: look at max_length, the tokenizer's vocabulary "
    "and the columns that are tokenized.",
)
def distinct_inputs(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Rows with different texts do not become the same tokens.

    Assumes: texts with different words are meant to be different inputs.

    Unusual but healthy: texts that differ only in the truncated part, or in words that a cleaning removes, fail above
    ``rows``.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    found = []
    for split in filled(evidence):
        indices = split.few(_DISTINCT_ROWS)
        groups: defaultdict[tuple[int, ...], dict[Row, list[int]]] = defaultdict(lambda: defaultdict(list))
        texts = split.texts(evidence.text_columns, indices)
        for index, row, text in zip(indices, tokens_of(evidence, split, indices), texts, strict=True):
            groups[tuple(row)][tuple(map(words, text))].append(index)
        bad = [sorted(row for rows in group.values() for row in rows) for group in groups.values() if len(group) > 1]
        if exceeds(sum(map(len, bad)), len(indices), thresholds["rows"]):
            largest = max(bad, key=len)
            observed = f"{share(sum(map(len, bad)), len(indices))} sampled rows share the tokens of a row with another "
            observed += f"text; {len(largest)} rows are one input, the first are {largest[0]} and {largest[1]}"
            expected, shown = "rows of different words to be different inputs", rows_as_tokens(evidence, split, largest)
            found.append(finding(expected, observed, subject=split.subject, evidence=shown))
    return found
