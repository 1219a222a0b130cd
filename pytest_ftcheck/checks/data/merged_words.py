"""Checks whether words that distinguish labels stay different after tokenization. Shapes: N rows, V words."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.presence import presence
from pytest_ftcheck.checks.data.splits import filled, label_values, share
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 1500
_FOLDS = 3
_FEWEST = 5
"""Number of rows with a word below which the word is ignored."""
_UNLIKE = 1e-4
"""p-value of the difference between the labels of two spellings of a word; below it, models are fitted."""
_SHOWN = 3
_WORDS_SHOWN = 2


@check(
    "data.merged_words",
    cost="free",
    needs=(CLASSES, LABEL_PER_ROW),
    # Drop of the accuracy when the words are merged; probability that chance causes such a drop.
    thresholds={"fail": 0.1, "warn": 0.03, "alpha": 1e-5},
    false_alarms=1e-5,
    catches="a tokenizer that strips accents, lower-cases or drops characters, where these distinguish words",
    hint="look at the tokenizer's normalizer (strip_accents, do_lower_case, NFKD) and at its pre-tokenizer; "
    "take the tokenizer of a checkpoint that was made for this language.",
)
def merged_words(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Words that become the same tokens have the same labels.

    If spellings of a word that get equal tokens are in rows of different labels, two linear models are cross-validated:
    one on the words as they are written, one on the words as the tokenizer merges them. The finding is the loss of
    accuracy, by McNemar's exact test over the same rows.

    Assumes: words are separated by spaces.

    Unusual but healthy: a tokenizer without case passes, if case hardly distinguishes labels.

    False alarms: at most 1e-5 a session (the test at ``alpha``, and only where a spelling differs by its labels).
    """
    split = filled(evidence)[0]
    chosen = split.few(_ROWS)
    every = label_values(evidence, split)
    labels = np.asarray([every[index] for index in chosen])
    texts = [" ".join(row).split() for row in split.texts(evidence.text_columns, chosen)]
    merged = _merged(evidence, texts)
    unlike = unlike_words(merged, texts, labels) if merged else []
    if not unlike or np.unique(labels, return_counts=True)[1].min() < _FOLDS:
        return []
    written, as_tokens = right_by_words(merged, texts, labels)
    lost = float(written.mean() - as_tokens.mean())
    if lost < thresholds["warn"] or chance_of(written, as_tokens) > thresholds["alpha"]:
        return []
    examples = ", ".join(" and ".join(repr(word) for word in words[:2]) for words in unlike[:_SHOWN])
    expected = "different tokens for words that tell labels apart"
    observed = (
        f"{examples} become the same tokens: a linear model of the words is right in "
        f"{share(int(written.sum()), len(labels))} rows, and of the words as the tokenizer merges them in "
        f"{as_tokens.mean():.1%}"
    )
    shown = (_in_rows(words, texts, labels) for words in unlike)
    if lost >= thresholds["fail"]:
        return [finding(expected, observed, subject=split.subject, evidence=shown)]
    return [warning(expected, observed, share=lost, subject=split.subject, evidence=shown)]


def _in_rows(words: Sequence[str], texts: Sequence[Sequence[str]], labels: NDArray[Any]) -> str:
    """Count the rows of each label that have each of some words."""
    counted = []
    for word in words[:_WORDS_SHOWN]:
        of_labels = Counter(labels[[word in row for row in texts]].tolist())
        counted.append(
            f"{word!r} in " + ", ".join(f"{n} rows of label {label}" for label, n in of_labels.most_common(2))
        )
    return "; ".join(counted)


def _merged(evidence: Evidence, texts: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the groups of words that become the same tokens, without words that are in very few rows.

    Raises:
        NotApplicable: there is no tokenizer, or it does not take words.

    """
    tokenizer: Any = evidence.tokenizer
    counts = Counter(word for row in texts for word in set(row))
    frequent = sorted(word for word, count in counts.items() if count >= _FEWEST)
    if not frequent:
        return []
    try:
        ids = tokenizer(frequent, add_special_tokens=False)["input_ids"]
    except (TypeError, ValueError) as error:
        msg = f"the tokenizer does not take single words: {error}"
        raise NotApplicable(msg) from error
    groups = defaultdict(list)
    for word, tokens in zip(frequent, ids, strict=True):
        groups[tuple(tokens)].append(word)
    # All words that the tokenizer does not know become one token: another check covers them.
    unknown = getattr(tokenizer, "unk_token_id", None)
    return [words for tokens, words in groups.items() if len(words) > 1 and tokens and unknown not in tokens]


def unlike_words(merged: list[list[str]], texts: Sequence[Sequence[str]], labels: NDArray[Any]) -> list[list[str]]:
    """Return the groups whose words are in rows of different labels, by a chi-squared test of independence."""
    classes = np.unique(labels)
    names = [word for words in merged for word in words]
    # [V, K]: rows of each label with each word.
    rows = dict(zip(names, _present(texts, names).T @ (labels[:, None] == classes), strict=True))
    found = []
    for words in merged:
        table = np.asarray([rows[word] for word in words])
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] > 1 and stats.chi2_contingency(table).pvalue < _UNLIKE:
            found.append(words)
    return found


def right_by_words(
    merged: list[list[str]], texts: Sequence[Sequence[str]], labels: NDArray[Any]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return in which rows a linear model is right: on the words as they are written, and as they are merged."""
    one_of = {word: words[0] for words in merged for word in words}
    as_tokens = [[one_of.get(word, word) for word in row] for row in texts]
    return _right(texts, labels), _right(as_tokens, labels)


def chance_of(written: NDArray[np.bool_], as_tokens: NDArray[np.bool_]) -> float:
    """Return the p-value of the difference: the words are right more often by chance (McNemar's exact test)."""
    better, worse = int((written & ~as_tokens).sum()), int((as_tokens & ~written).sum())
    return float(stats.binomtest(better, better + worse, alternative="greater").pvalue) if better + worse else 1.0


def _right(texts: Sequence[Sequence[str]], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return in which rows a linear model of the words, fitted on other rows, is right."""
    inputs = _present(texts, sorted({word for row in texts for word in row}))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    right: NDArray[np.bool_] = cross_val_predict(LogisticRegression(max_iter=200), inputs, labels, cv=folds) == labels
    return right


def _present(texts: Sequence[Sequence[str]], words: Sequence[str]) -> csr_matrix:
    """Return which row contains which of the words, ``[N, V]``."""
    place = {word: index for index, word in enumerate(words)}
    return presence([[place[word] for word in row if word in place] for row in texts], len(words))
