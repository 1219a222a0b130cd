"""Checks of tokens: they come from the texts, and the model has an embedding for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.encoded import runs_of_tokens
from pytest_ftcheck.checks.data.examples import rows_as_tokens
from pytest_ftcheck.checks.data.splits import (
    SAMPLE,
    Split,
    exceeds,
    filled,
    graded,
    share,
)
from pytest_ftcheck.columns import arrays
from pytest_ftcheck.errors import CheckpointError
from pytest_ftcheck.pipeline.forward import token_embeddings
from pytest_ftcheck.pipeline.from_checkpoint import load_tokenizer
from pytest_ftcheck.pipeline.trainer_texts import language_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 4 * SAMPLE
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_WORDS = 2000
_MOST_WORDS = 0.8
_FEWER = 0.25
"""Fraction of the unknown tokens that may remain when the tokenizer itself tokenizes the texts."""


@check(
    "data.empty_rows",
    cost="free",
    single_texts=True,
    thresholds={"rows": 0.02},
    false_alarms=2e-4,
    catches="rows without text: a wrong column, missing values read as empty texts",
    hint="look for missing values in the source, a column that holds something else, and a cleaning step that removes "
    "everything.",
)
def empty_rows(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Every row has at least one token of text.

    Assumes: every row has some text.

    Unusual but healthy: an optional text that is mostly missing fails above ``rows``, if it is the only text.

    False alarms: at most 2e-4 a session (exact binomial test), where no more rows than the limit are bad.
    """
    found = []
    for split in filled(evidence):
        indices = split.few(_ROWS)
        bad = [index for index, runs in zip(indices, runs_of_tokens(evidence, split, indices), strict=True) if not runs]
        if exceeds(len(bad), len(indices), thresholds["rows"]):
            observed = f"{share(len(bad), len(indices))} sampled rows are empty: special tokens and padding alone, "
            observed += f"the first is row {bad[0]}"
            shown = rows_as_tokens(evidence, split, bad)
            found.append(finding("text in every row", observed, subject=split.subject, evidence=shown))
    return found


@check(
    "data.unknown_tokens",
    cost="free",
    single_texts=True,
    thresholds={"tokens": 0.25, "warn": 0.05},
    false_alarms=2e-4,
    catches="a tokenizer of another language or vocabulary, a vocabulary file that was not read, everything [UNK]",
    hint="load the tokenizer from the checkpoint's folder with AutoTokenizer; look at what tokenizer.tokenize makes of "
    "a text, and whether the checkpoint was trained on this language and case.",
)
def unknown_tokens(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Hardly any token of the texts is the unknown token.

    Assumes: the tokenizer knows the language of the texts.

    Words that are unknown only because of their capitals fail from 5% of the tokens on: the vocabulary is lower case.

    Unusual but healthy: emoji, rare scripts and codes make some: 5% warn, 25% fail. A tokenizer without an unknown
    token is skipped.

    False alarms: at most 2e-4 a session (binomial test over rows, because the tokens of a row are unknown together).
    """
    tokenizer: Any = evidence.tokenizer
    unknown = tokenizer.unk_token_id
    others = [getattr(tokenizer, f"{name}_token_id", None) for name in ("bos", "eos", "sep", "cls", "pad")]
    if unknown is None or unknown in others:
        msg = "the tokenizer has no unknown token of its own: it cuts every text into known pieces"
        raise NotApplicable(msg)
    found = []
    for split in filled(evidence):
        indices = split.few(_ROWS)
        runs = runs_of_tokens(evidence, split, indices)
        tokens = [token for row in runs for run in row for token in run]
        count = tokens.count(unknown)
        what = f"of the tokens of {len(indices)} sampled rows {tokenizer.unk_token}"
        observed = share(count, len(tokens))
        # The test counts rows, because the tokens of one row are often unknown together.
        rows = len(indices)
        bad = count / max(len(tokens), 1) * rows
        if count > thresholds["warn"] * len(tokens) and (cases := _known_in_lower_case(evidence, split, indices)):
            found.append(
                finding(f"at most {thresholds['warn']:.0%} {what}", f"{observed}; {cases}", subject=split.subject)
            )
            continue
        if count > thresholds["warn"] * len(tokens) and (
            known := _known_to_the_tokenizer(evidence, split, count / len(tokens))
        ):
            hint = (
                "tokenize with tokenizer(text): convert_tokens_to_ids() of text.split() knows no word beside a comma."
            )
            found.append(finding(known, observed + f" {tokenizer.unk_token}", subject=split.subject, hint=hint))
            continue
        found += graded(bad, rows, thresholds["tokens"], thresholds["warn"], what, observed, subject=split.subject)
    return found


def _known_to_the_tokenizer(evidence: Evidence, split: Split, unknown: float) -> str:
    """Describe how few tokens of the texts the tokenizer itself leaves unknown; an empty text if not far fewer."""
    tokenizer: Any = evidence.tokenizer
    columns = evidence.pipeline.card.text_columns or language_columns(split.raw)
    texts = [text for row in split.texts(columns, split.few(SAMPLE)) for text in row if text]
    if not texts:
        return ""
    ids = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
    tokens = [token for row in ids for token in row]
    share_of_own = tokens.count(tokenizer.unk_token_id) / max(len(tokens), 1)
    if share_of_own > unknown * _FEWER:
        return ""
    return f"the tokens that the tokenizer makes of these texts, of which {share_of_own:.1%} are unknown"


def _known_in_lower_case(evidence: Evidence, split: Split, indices: Sequence[int]) -> str:
    """Describe how many unknown words are known in lower case; an empty text if most are not."""
    tokenizer: Any = evidence.tokenizer
    columns = evidence.pipeline.card.text_columns or language_columns(split.raw)
    words = {word for row in split.texts(columns, indices) for text in row for word in text.split()}
    capital = sorted(word for word in words if word != word.lower())[:_WORDS]
    if not capital:
        return ""
    ids, lower = (
        tokenizer(list(made), add_special_tokens=False, verbose=False)["input_ids"]
        for made in (capital, map(str.lower, capital))
    )
    unknown = [at for at, row in enumerate(ids) if tokenizer.unk_token_id in row]
    known = [at for at in unknown if tokenizer.unk_token_id not in lower[at]]
    if not unknown or len(known) < _MOST_WORDS * len(unknown):
        return ""
    example = capital[known[0]]
    return (
        f"{len(known)} of {len(unknown)} unknown words with capitals are in the vocabulary in lower case: {example!r}"
    )


@check(
    "data.token_ids",
    cost="free",
    single_texts=True,
    catches="ids beyond the embedding matrix: a tokenizer of another checkpoint, tokens added without resizing",
    hint="call model.resize_token_embeddings(len(tokenizer)) after adding tokens; take tokenizer and model from the "
    "same checkpoint. On a GPU, such an id ends in a device-side assert.",
)
def token_ids(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """Every token id has an embedding, in the rows and in the whole vocabulary.

    Assumes: ids are rows of one embedding matrix.

    Unusual but healthy: a matrix with more rows than the vocabulary, padded to a multiple, is let through; a model
    without one is skipped.

    False alarms: none by chance.
    """
    rows, found = _embedded(evidence), []
    for split in filled(evidence):
        for name, most in (("input_ids", rows), ("token_type_ids", _types(evidence))):
            bounds = _bounds(split.rows, name) if name in split.rows.column_names and most else None
            if bounds and not 0 <= bounds[0] <= bounds[1] < most:
                expected = f"{name} from 0 to {most - 1}, the rows of the embedding"
                found.append(finding(expected, f"{name} from {bounds[0]} to {bounds[1]}", subject=split.subject))
    tokenizer = evidence.pipeline.processing_class
    # Not their number: ids may have gaps.
    beyond = [] if tokenizer is None else [(at, token) for token, at in tokenizer.get_vocab().items() if at >= rows]
    if beyond:
        largest, token = max(beyond)
        expected = f"ids of the vocabulary from 0 to {rows - 1}, the rows of the embedding"
        found.append(finding(expected, f"{len(beyond)} beyond, the largest is {largest}, of {token!r}"))
    return found


def _embedded(evidence: Evidence) -> int:
    """Return the number of rows of the embedding matrix."""
    embedding = token_embeddings(evidence.fresh_model)
    if embedding is None:
        msg = "the model has no embedding matrix for tokens"
        raise NotApplicable(msg)
    return int(embedding.num_embeddings)


def _types(evidence: Evidence) -> int:
    """Return the number of segment types that the model embeds; 0 if it embeds none."""
    return int(getattr(evidence.fresh_model.config, "type_vocab_size", 0) or 0)


def _bounds(rows: Dataset, column: str) -> tuple[int, int] | None:
    """Return the smallest and the largest value of all rows; None where there is none."""
    bounds = []
    for values in arrays(rows, column):
        flat = values.flatten() if isinstance(values, (pa.ListArray, pa.LargeListArray)) else values
        found = pc.min_max(flat)
        if found["min"].is_valid:
            bounds += [found["min"].as_py(), found["max"].as_py()]
    return (min(bounds), max(bounds)) if bounds else None


@check(
    "data.tokenizer_vocabulary",
    cost="free",
    # Fraction of the common tokens with another id; fraction of the checkpoint's tokens that are missing.
    thresholds={"moved": 0.01, "missing": 0.5},
    catches="a tokenizer of another checkpoint whose ids happen to fit",
    hint="load tokenizer and model from the same folder: the checkpoint learned the embedding of an id for its own "
    "token only.",
)
def tokenizer_vocabulary(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The tokenizer gives each token the id that the checkpoint's own tokenizer gives it.

    Assumes: the checkpoint's folder has the tokenizer with which the embeddings were trained.

    Unusual but healthy: added tokens pass, and a checkpoint without a tokenizer is skipped. A vocabulary that was cut
    to less than half fails.

    False alarms: none by chance.
    """
    folder, tokenizer = evidence.pipeline.checkpoint.folder, evidence.tokenizer
    if folder is None or not any(list(folder.glob(name)) for name in _TOKENIZER_FILES):
        msg = "the checkpoint has no tokenizer of its own to compare with"
        raise NotApplicable(msg)
    try:
        own = load_tokenizer(evidence.pipeline.checkpoint).get_vocab()
    except CheckpointError as error:
        raise NotApplicable(str(error)) from error
    given = tokenizer.get_vocab()
    shared = own.keys() & given.keys()
    moved = sorted(token for token in shared if own[token] != given[token])
    if len(shared) >= (1 - thresholds["missing"]) * len(own) and len(moved) <= thresholds["moved"] * len(shared):
        return []
    observed = f"{share(len(own) - len(shared), len(own))} tokens of the checkpoint's are missing"
    if moved:
        observed += (
            f", {share(len(moved), len(shared))} of the others have another id: {moved[0]!r} is {given[moved[0]]}, "
        )
        observed += f"not {own[moved[0]]}"
    return [finding(f"the vocabulary of {evidence.pipeline.checkpoint.name}", observed)]
