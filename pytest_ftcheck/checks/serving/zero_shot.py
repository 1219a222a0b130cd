"""What zero-shot classification makes of a saved model of inference: it looks for one class by its name."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.collator.moved_rows import require_rows_in_place
from pytest_ftcheck.checks.model.logits import is_public, require_whole_model
from pytest_ftcheck.checks.serving.fresh import affordable_rows, request_answer, texts, usable_texts, whereabouts
from pytest_ftcheck.heads.traits import CLASS_IDS, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_TASK = "zero-shot-classification"


@check(
    "serving.zero_shot",
    cost="run",
    needs=(CLASS_IDS, LABEL_PER_ROW),
    thresholds={"pairs": 8},
    tolerance={"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2},
    catches="a model of natural language inference without a class named entailment in label2id: zero-shot "
    "classification takes the last class instead, with a warning in the log",
    hint="save label2id with the names of the data: {'entailment': 0, 'neutral': 1, 'contradiction': 2}, in the order "
    "of the ids that the model was trained with.",
)
def zero_shot(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """`pipeline("zero-shot-classification")` gives the evaluation's probability of entailment.

    It takes the first class in the saved ``label2id`` whose name starts with "entail", and the last one where there is
    none. ``pairs`` evaluated pairs are asked about in a fresh process, the first text as the sequence, the second one
    as the hypothesis; ``tolerance`` is of a probability.

    Assumes: a task with a class whose name starts with "entail", and no other such class, is one of inference.

    Unusual but healthy: other tasks are skipped. Names like LABEL_0 are a warning where the last class is entailment,
    because the scores are right by luck, and so is another class than contradiction where the pipeline takes it for
    that, which changes the scores of ``multi_label=True`` alone.

    False alarms: none by chance.
    """
    names = evidence.pipeline.card.label_names
    right = _entailment(names)
    require_whole_model(evidence)
    if not is_public(evidence.fresh_model):
        msg = f"the model is a class of its own, {type(evidence.fresh_model).__name__}: pipeline() does not know it"
        raise NotApplicable(msg)
    saved = _saved_ids(evidence)
    taken = next((index for name, index in saved.items() if name.casefold().startswith("entail")), -1) % len(names)
    expected = f"label2id[{names[right]!r}] = {right}, where zero-shot classification looks for entailment"
    if taken != right:
        return [finding(expected, f"label2id is {saved}: class {taken} ({names[taken]}) would be taken for entailment")]
    found = _compared_with_evaluation(evidence, right, thresholds)
    if not any(name.casefold().startswith("entail") for name in saved):
        observed = f"label2id is {saved}: the last class is taken, which is the right one by luck"
        found.append(warning(f"{expected} (another class fails)", observed, share=0.0))
    opposite = (len(names) - 1) if right == 0 else 0
    if len(names) > 2 and not names[opposite].casefold().startswith(("contra", "not")):  # with two, it is the other one
        observed = f"{names[opposite]!r} at {opposite}, which is taken for contradiction with multi_label=True"
        where = "last" if right == 0 else "first"
        found.append(warning(f"contradiction as the {where} class (wrong scores fail)", observed, share=0.0))
    return found


def _entailment(names: Sequence[str]) -> int:
    """Return the id of the one class that is named entailment.

    Raises:
        NotApplicable: none is, or several are.

    """
    named = [index for index, name in enumerate(names) if re.match(r"[\W_]*entail", name.casefold())]
    if len(named) != 1:
        msg = "it applies only to natural language inference, where the name of one class starts with 'entail'"
        raise NotApplicable(msg)
    return named[0]


def _saved_ids(evidence: Evidence) -> dict[str, int]:
    """Return label2id of the saved configuration; as transformers derives it, where it is left out."""
    try:
        config = json.loads((evidence.run.model_folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"config.json cannot be read ({type(error).__name__})"
        raise NotApplicable(msg) from error
    return {str(name): int(index) for name, index in (config.get("label2id") or {}).items()}


def _compared_with_evaluation(evidence: Evidence, right: int, thresholds: Thresholds) -> list[Finding]:
    """Compare the answers about pairs with the evaluation."""
    rows, no_texts = usable_texts(evidence, affordable_rows(evidence, int(thresholds["pairs"])))
    pairs = texts(evidence, rows)
    if not pairs or "text_pair" not in pairs[0]:
        raise NotApplicable(no_texts or "the rows have one text: zero-shot classification needs a pair")
    calls = [{"args": [pair["text"], [pair["text_pair"]]], "kwargs": {"hypothesis_template": "{}"}} for pair in pairs]
    made = {"task": _TASK, "made_with": {}, "calls": calls}
    request = {**whereabouts(evidence), "auto_class": "", "tokenizer": False, "pipeline": made, "texts": []}
    answer, _ = request_answer(request, {}, evidence.pipeline.timeout)
    if "pipeline" in answer["errors"]:
        return [finding(f"pipeline({_TASK!r}, model=folder)", f"fails: {answer['errors']['pipeline']}")]
    given = np.array([_score(scored) for scored in answer["pipeline"]])
    logits = np.asarray(evidence.run.logits)[rows].astype(np.float64)
    # With one hypothesis, the pipeline compares entailment with the class at the other end alone.
    expected = special.softmax(logits[:, [-1 if right == 0 else 0, right]], axis=1)[:, 1]
    wrong = np.flatnonzero(~(np.abs(given - expected) <= thresholds["tolerance"]))
    if not len(wrong):
        return []
    require_rows_in_place(evidence)
    first = int(wrong[0])
    observed = f"{len(wrong)} differ, row {rows[first]}: {given[first]:.4f} instead of {expected[first]:.4f}"
    what = f"the evaluation's probability of entailment for {len(rows)} pairs, within {thresholds['tolerance']:g}"
    return [finding(what, observed)]


def _score(scored: Mapping[str, Any]) -> float:
    return float(scored["scores"][0])
