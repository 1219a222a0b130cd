"""Checks that a trained model uses the second text of a pair. Shapes: R rows, K classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.model.inputs_matter import spread_of
from pytest_ftcheck.checks.model.logits import affordable, logits_of_rows, trained_model
from pytest_ftcheck.checks.model.token_rows import Span, TokenRow, second_span, special_tokens
from pytest_ftcheck.heads.traits import LABEL_PER_ROW, TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.checks.collator.batches import Features
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_FEWEST = 8
"""Smallest number of rows for a verdict."""
_ABSENT = 0.1
"""Fraction of a text's own tokens that a row of another text may contain by chance."""
_ALPHA = 0.01


@dataclass(frozen=True)
class _Pairs:
    """Unchanged rows, rows with other second texts, without second texts, and with the texts exchanged; R each."""

    indices: list[int]
    plain: Features
    deranged: Features
    blank: Features
    swapped: Features


@check(
    "model.second_segment",
    cost="run",
    needs=(LABEL_PER_ROW, TEXTS),
    # Median change of the logits as a fraction of the difference of logits between rows.
    thresholds={"change": 0.01},
    catches="a second text that is never tokenized, cut off, masked or otherwise does not reach the model",
    hint="tokenize both texts together, tokenizer(first, second); look at max_length, at the columns that reach the "
    "model (token_type_ids, attention_mask), and at the training rows.",
)
def second_segment(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """If the second texts are exchanged among rows, the logits change and the metric falls.

    Assumes: the label depends on the second text of a pair.

    Unusual but healthy: a task that the first text alone solves fails; a weak effect of the second text is skipped,
    because it cannot be distinguished from chance.

    False alarms: none by chance. Which texts are exchanged is fixed.
    """
    pairs = _pairs(evidence)
    if isinstance(pairs, str):
        return [finding("both texts of a pair among the tokens of a row", pairs)]
    model = trained_model(evidence)
    plain, deranged = (logits_of_rows(evidence, model, rows) for rows in (pairs.plain, pairs.deranged))
    change = float((plain - deranged).abs().amax(dim=1).median()) / spread_of(plain)
    labels = np.asarray(evidence.labels(evidence.pipeline.eval_dataset), dtype=np.float64)[pairs.indices]
    regression = evidence.pipeline.card.head_rules.values
    before, after = (_scores(logits, labels, regression=regression) for logits in (plain, deranged))
    rows = f"{len(labels)} rows"
    if not change > thresholds["change"]:
        others = (("without it", pairs.blank), ("with both texts exchanged", pairs.swapped))
        values = [("as it is", before), ("with the second text of another row", after)]
        values += [
            (how, _scores(logits_of_rows(evidence, model, made), labels, regression=regression)) for how, made in others
        ]
        name = "mean squared error" if regression else "accuracy"
        figures = "; ".join(f"{_figure(score, regression=regression):.4f} {how}" for how, score in values)
        observed = f"a change of {change:.2g} of that in the middle one of {rows}; {name} {figures}"
        expected = f"a change of more than {thresholds['change']:g} of what logits differ by between rows"
        return [finding(f"{expected}, with the second text of another row", observed)]
    worse, better = int((after < before).sum()), int((after > before).sum())
    if worse and binomtest(worse, worse + better, alternative="greater").pvalue < _ALPHA:
        return []
    msg = (
        f"too weak to tell: the logits change, but of {rows} {worse} get worse and {better} better with the second "
        "text of another row, which may be chance"
    )
    raise NotApplicable(msg)


def _scores(logits: Tensor, labels: NDArray[np.float64], *, regression: bool) -> NDArray[np.float64]:
    """Return how good each prediction is, ``[R]``: 1 where it is right, or minus the absolute error."""
    predicted = logits[:, 0] if regression else logits.argmax(dim=1)
    off: NDArray[np.float64] = np.abs(predicted.numpy().astype(np.float64) - labels)
    return -off if regression else (off == 0).astype(np.float64)


def _figure(scores: NDArray[np.float64], *, regression: bool) -> float:
    return float((scores**2).mean() if regression else scores.mean())


def _pairs(evidence: Evidence) -> _Pairs | str:
    """Make the rows, or return a description if they contain no second text.

    Raises:
        NotApplicable: the task has one text a row, or its second texts cannot be found.

    """
    split, columns = splits(evidence)[1], evidence.pipeline.card.text_columns
    indices = split.few(affordable(evidence, 128, 48))
    features = evidence.features(split.rows, indices)
    if "input_ids" not in features[0]:
        return _pairs_of_texts(indices, features, columns)
    rows, special = TokenRow.of_all(evidence, features), special_tokens(evidence)
    texts = _tokens_of_texts(evidence, split.texts(columns, indices)) if len(columns) > 1 else []
    spans = [second_span(row, special, *(texts[at] if texts else ())) for at, row in enumerate(rows)]
    found = [at for at, span in enumerate(spans) if span]
    if len(columns) < 2 and len(found) * 2 < len(rows):  # a pair
        msg = "the task has one text a row"
        raise NotApplicable(msg)
    if texts and len(found) * 2 < len(rows) and (without := _absent(rows, texts)) * 2 > len(rows):
        return f"no token of the second text ({columns[1]}) in {without} of {len(rows)} rows"
    if len(found) < max(_FEWEST, len(rows) / 2):
        msg = f"the second text is found in {len(found)} of {len(rows)} rows only"
        raise NotApplicable(msg)
    return _pairs_of_tokens([indices[at] for at in found], [(rows[at], _present(spans[at])) for at in found], special)


def _pairs_of_tokens(indices: list[int], rows: list[tuple[TokenRow, Span]], special: frozenset[int]) -> _Pairs:
    longest = max(len(row.ids) for row, _ in rows)
    texts = [row.ids[span[0] : span[1]] for row, span in rows]
    deranged, blank, swapped = [], [], []
    for (row, span), other in zip(rows, _deranged(texts), strict=True):
        room = longest - len(row.ids) + span[1] - span[0]
        deranged.append(row.replaced(span, other[:room]).feature())
        blank.append(row.replaced(span, []).feature())
        swapped.append(_exchanged(row, span, special).feature())
    return _Pairs(indices, [row.feature() for row, _ in rows], deranged, blank, swapped)


def _exchanged(row: TokenRow, span: Span, special: frozenset[int]) -> TokenRow:
    """Exchange the two texts of a row, if the first one ends before the second begins."""
    first = [at for at in range(span[0]) if row.ids[at] not in special]
    if not first:
        return row
    start, stop = first[0], first[-1] + 1
    ahead, behind = row.ids[start:stop], row.ids[span[0] : span[1]]
    return row.replaced(span, ahead).replaced((start, stop), behind)


def _pairs_of_texts(indices: list[int], features: Features, columns: Sequence[str]) -> _Pairs:
    """Make pairs of texts, for a collator that tokenizes."""
    if len(columns) < 2 or any(column not in features[0] for column in columns):  # a pair
        msg = "the collator makes the token ids itself, and no two text columns are known"
        raise NotApplicable(msg)
    first, second = columns[:2]
    others = _deranged([row[second] for row in features])
    return _Pairs(
        indices,
        features,
        [{**row, second: other} for row, other in zip(features, others, strict=True)],
        [{**row, second: ""} for row in features],
        [{**row, first: row[second], second: row[first]} for row in features],
    )


def _deranged(texts: list[Any]) -> list[Any]:
    """Give each row the text of the row half the data away, or of the first row after it with another text."""
    turned = texts[len(texts) // 2 :] + texts[: len(texts) // 2]
    return [
        next((other for other in turned[at:] + turned[:at] if other != text), text) for at, text in enumerate(texts)
    ]


def _tokens_of_texts(evidence: Evidence, texts: list[tuple[str, ...]]) -> list[tuple[list[int], list[int]]]:
    """Tokenize the first and the second text of each row separately; an empty list if there is no tokenizer."""
    tokenizer: Any = evidence.pipeline.processing_class
    if tokenizer is None:
        return []
    options = {"add_special_tokens": False, "truncation": False, "verbose": False}
    first, second = (tokenizer([row[side] for row in texts], **options)["input_ids"] for side in (0, 1))
    return list(zip(first, second, strict=True))


def _absent(rows: list[TokenRow], texts: list[tuple[list[int], list[int]]]) -> int:
    """Count the rows with hardly any token of the second text; tokens of the first text and common ones are ignored."""
    seen = Counter(token for _, second in texts for token in set(second))
    common = {token for token, count in seen.items() if count > len(rows) / 4}
    without = 0
    for row, (first, second) in zip(rows, texts, strict=True):
        own = set(second) - set(first) - common
        without += bool(own) and len(own & set(row.ids)) <= _ABSENT * len(own)
    return without


def _present(span: Span | None) -> Span:
    assert span is not None  # noqa: S101 - for the type checker: callers have looked
    return span
