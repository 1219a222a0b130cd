"""Whether `pipeline("fill-mask")` guesses as the evaluation did, and which texts it is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding
from pytest_ftcheck.checks.masked import with_steady_masks
from pytest_ftcheck.checks.model.logits import logits_of_rows
from pytest_ftcheck.checks.serving.fresh import served
from pytest_ftcheck.columns import LABEL_NAMES
from pytest_ftcheck.heads.traits import MASKED_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "serving.fill_mask",
    cost="run",
    needs=(MASKED_TOKENS,),
    thresholds={"margin": 0.01},
    catches="a tokenizer that was saved with other settings, weights of before training, a mask token that "
    "is not saved",
    hint="serve with the saved tokenizer, and write its mask token into the text.",
)
def fill_mask(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Of masked texts, `pipeline("fill-mask")` over the saved folder names the evaluation's likeliest token.

    It is asked in a process of its own about evaluation rows as they were shown, of which the text alone gives the same
    tokens. Guesses whose logits are within ``margin`` of each other count as the same.

    Assumes: the evaluation rows have labels, so that each evaluation masks the same tokens.

    Unusual but healthy: rows without labels, which are masked anew each time, are skipped.

    False alarms: none by chance.
    """
    if not any(name in evidence.pipeline.eval_dataset.column_names for name in LABEL_NAMES):
        msg = "the evaluation masks its rows anew each time: what it guessed is not known"
        raise NotApplicable(msg)
    steady = with_steady_masks(evidence)
    answer = served(steady)
    if not answer.text_rows:
        raise NotApplicable(answer.no_texts)
    if "model" in answer.errors:
        raise ReportedBy(check="serving.reload", reason=answer.errors["model"])
    if error := answer.errors.get("pipeline") or answer.errors.get("tokenizer"):
        return [finding("answers of pipeline('fill-mask')", error)]
    wrong, masks = [], 0
    mask = evidence.tokenizer.mask_token_id
    rows = list(answer.text_rows)
    features = steady.features(steady.pipeline.eval_dataset, rows)
    shown = steady.collate(features)["input_ids"].cpu().numpy()
    logits = logits_of_rows(steady, steady.trained_model, features).numpy()
    for place, row in enumerate(rows):
        places = np.flatnonzero(shown[place] == mask)
        right = evidence.run.predictions[row][places].tolist()
        for at, expected, given in zip(places, right, _guesses(answer.answers[place]), strict=True):
            masks += 1
            scores = logits[place, at]
            if given != expected and not abs(float(scores[given] - scores[expected])) <= thresholds["margin"]:
                wrong.append((row, given, expected))
    if not wrong:
        return []
    row, given, expected = wrong[0]
    names = evidence.tokenizer.convert_ids_to_tokens([given, expected])
    observed = f"{len(wrong)} of {masks} differ; the first is in row {row}: {names[0]!r} instead of {names[1]!r}"
    return [finding(f"the evaluation's likeliest tokens for {masks} masks", observed)]


def _guesses(answers: Sequence[Any]) -> list[int]:
    """Return the likeliest token of each mask of a text: `pipeline` gives guesses, of several masks a list of each."""
    each: list[Sequence[Mapping[str, Any]]] = list(answers) if isinstance(answers[0], list) else [answers]
    return [int(guesses[0]["token"]) for guesses in each]
