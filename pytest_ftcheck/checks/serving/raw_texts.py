"""Compares a server's predictions for raw texts with the evaluation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.collator.moved_rows import require_rows_in_place
from pytest_ftcheck.checks.data.splits import shorten, splits
from pytest_ftcheck.checks.model.logits import evaluated_features, takes
from pytest_ftcheck.checks.model.padding_invariance import counts_padding
from pytest_ftcheck.checks.serving.fresh import real_tokens, served, texts
from pytest_ftcheck.columns import taken
from pytest_ftcheck.findings import EXAMPLES
from pytest_ftcheck.heads.traits import TEXTS
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.pipeline.trainer_texts import language_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.checks.serving.fresh import Served
    from pytest_ftcheck.findings import Finding


@check(
    "serving.pipeline",
    cost="run",
    needs=(TEXTS,),
    tolerance={"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2},
    catches="text pairs that were joined into one string, a missing tokenizer, generic LABEL_0, texts that are changed "
    "before they are tokenized",
    hint="serve texts as in the training: pairs as {'text': …, 'text_pair': …}, the same tokenizer in the folder, "
    "id2label with the names of the classes.",
)
def pipeline(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """`transformers.pipeline` on raw texts gives the labels and scores of the evaluation.

    ``tolerance`` applies to probabilities; for regression to values, relative above 1. Truncated rows are left out.

    Assumes: a server gets only raw texts.

    Unusual but healthy: truncated rows, templates and model classes of the user's own are skipped.

    False alarms: none by chance.
    """
    answer = served(evidence)
    if not answer.text_rows:
        if found := in_lower_case(evidence, answer.rows):
            return found
        raise NotApplicable(answer.no_texts)
    if "pipeline" in answer.errors:
        task = evidence.pipeline.card.head_rules.serving.task
        return [finding(f"pipeline({task!r}, model=folder)", f"fails: {answer.errors['pipeline']}")]
    logits = np.asarray(evidence.run.logits)[list(answer.text_rows)].astype(np.float64)
    logits = logits.reshape(len(logits), -1)
    different = _differences(evidence, answer, logits, thresholds["tolerance"])
    squashed = _are_squashed(answer, logits)
    # One logit for two classes: its sigmoid is the probability of the second.
    if not different or (squashed and set(np.unique(evidence.run.label_ids).tolist()) <= {0, 1}):
        return []
    require_rows_in_place(evidence)
    how = _tokenization(evidence, answer.text_rows)
    if how == "other" and not evidence.pipeline.source.rows.tokenized_here:
        msg = "the rows are not the tokens of the text columns alone: pipeline() would need the user's template"
        raise NotApplicable(msg)
    if counts_padding(evidence) and not any(wrong.another_label for wrong in different):
        expected = (
            f"the evaluation's score for {len(logits)} texts, within {thresholds['tolerance']:g} (other labels fail)"
        )
        hint = "a server pads a text less than the evaluation did, and positions count the padding on the left."
        return [
            warning(
                expected,
                f"{len(different)} differ, {different[0].words}",
                share=len(different) / len(logits),
                hint=hint,
            )
        ]
    if squashed:
        # A server without pipeline() gets the value itself.
        problem_type = evidence.pipeline.card.head_rules.model.problem_type
        hint = f"set model.config.problem_type = {problem_type!r}."
        expected = f"the evaluation's value for {len(logits)} texts from pipeline() (values that are no sigmoid fail)"
        observed = "its sigmoid: pipeline() applies a sigmoid to a single output if problem_type is None"
        return [warning(expected, observed, share=1.0, hint=hint)]
    hint = ""
    if how.startswith("as one"):
        hint = f"the texts were tokenized {how}: give both to the tokenizer, tokenizer(first, second), and train again."
    elif extra := _extra_inputs(evidence):
        hint = f"the tokenizer gives a server {extra}, which the model never got in training: tokenize the rows with "
        hint += "it, or leave it out of tokenizer.model_input_names and save the tokenizer so."
    return [
        finding(
            f"the evaluation's label and score for {len(logits)} texts, within {thresholds['tolerance']:g}",
            f"{len(different)} differ, {different[0].words}",
            hint=hint,
            evidence=_with_texts(evidence, different[:EXAMPLES]),
        )
    ]


def _with_texts(evidence: Evidence, different: Sequence[_Difference]) -> list[str]:
    texts = splits(evidence)[1].texts(evidence.text_columns, [wrong.row for wrong in different])
    return [f"{wrong.words} for {shorten(' | '.join(text))}" for wrong, text in zip(different, texts, strict=True)]


@dataclass(frozen=True)
class _Difference:
    row: int
    words: str
    another_label: bool


def _differences(
    evidence: Evidence, answer: Served, logits: NDArray[np.float64], tolerance: float
) -> list[_Difference]:
    """Describe every row whose answer differs from the evaluation's logits ``[R, K]``."""
    regression = evidence.pipeline.card.head_rules.values
    names = evidence.pipeline.card.label_names
    scores = evidence.pipeline.card.head_rules.outputs.scores(logits)
    different = []
    for row, expected, found in zip(answer.text_rows, scores, answer.answers, strict=True):
        given = np.array([entry["score"] for entry in found])
        ordered = np.sort(expected)[::-1]
        allowed = tolerance * (max(1.0, float(np.abs(expected).max())) if regression else 1.0)
        close = given.shape == ordered.shape and bool(np.abs(given - ordered).max() <= allowed)
        if regression:
            same, label = True, ""
        else:
            # If classes are equally likely within the tolerance, any of them may be named.
            likely = [names[index] for index in np.flatnonzero(expected >= ordered[0] - 2 * allowed)]
            label = str(found[0]["label"])
            same = not names or any(folded_name(label) == folded_name(name) for name in likely)
        if not (close and same):
            right = f"{names[int(expected.argmax())]} " if names and not regression else ""
            words = f"row {row}: {label} {given[0]:.4f} instead of {right}{ordered[0]:.4f}".replace("  ", " ")
            different.append(_Difference(row, words, another_label=regression or not same))
    return different


def in_lower_case(evidence: Evidence, rows: Sequence[int]) -> list[Finding]:
    """Find rows that are the tokens of lower-cased texts, although the tokenizer does not lower-case."""
    tokenizer: Any = evidence.pipeline.processing_class
    if tokenizer is None or evidence.pipeline.source.rows.tokenized_here:
        return []
    raw, stored = evidence.pipeline.data.evaluation, real_tokens(evidence, rows)
    for name in language_columns(raw):
        written = [str(text) for text in taken(raw, name, rows)]
        plain, lower = (
            [list(ids) for ids in tokenizer(made, truncation=True, verbose=False)["input_ids"]]
            for made in (written, [text.lower() for text in written])
        )
        changed = sum(first != second for first, second in zip(plain, stored, strict=True))
        if lower == stored and changed:
            expected = "a tokenizer that makes the rows' tokens from the raw texts that a server passes"
            observed = (
                f"the rows are tokens of column {name!r} in lower case: raw, {changed} of {len(stored)} texts differ"
            )
            hint = (
                "let the tokenizer do it (do_lower_case, or normalizers.Lowercase in its backend), so that it is saved."
            )
            return [finding(expected, observed, hint=hint)]
    return []


def _are_squashed(answer: Served, logits: NDArray[np.float64]) -> bool:
    """Return whether the answers are the sigmoid of the evaluation's values."""
    given = [entry[0]["score"] for entry in answer.answers]
    return logits.shape[1] == 1 and bool(np.allclose(given, special.expit(logits[:, 0]), atol=1e-3))


def _extra_inputs(evidence: Evidence) -> str:
    """Name the inputs that the tokenizer makes, the model takes, and no batch of the evaluation has."""
    tokenizer: Any = evidence.tokenizer
    batch = evidence.collate(evaluated_features(evidence, 2))
    names = [name for name in tokenizer.model_input_names if name not in batch and takes(evidence.fresh_model, name)]
    return " and ".join(names)


def _tokenization(evidence: Evidence, rows: Sequence[int]) -> str:
    """Describe how the rows were tokenized: ``whole``, ``as one string …``, or ``other``."""
    tokenizer: Any = evidence.tokenizer
    stored = real_tokens(evidence, rows)
    own_texts = texts(evidence, rows)
    with quiet_libraries():
        if stored == [list(tokenizer(**text)["input_ids"]) for text in own_texts]:
            return "whole"
        if "text_pair" not in own_texts[0]:
            return "other"
        separator = str(getattr(tokenizer, "sep_token", None) or " ")
        for between in (" ", "", "\n", ". ", " [SEP] ", separator, f" {separator} "):
            joined = [list(tokenizer(between.join(text.values()))["input_ids"]) for text in own_texts]
            if stored == joined:
                return f"as one string, joined by {between!r}"
    return "other"


def folded_name(name: str) -> str:
    """Fold a label's name: case, blanks and underscores are ignored."""
    return re.sub(r"[\W_]+", "", name.casefold()) or name
