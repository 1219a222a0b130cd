"""Checks of the loaded model: a server gives the results of the evaluation.

`saved_files` checks the folder's files; `fresh` has the process that acts as the server.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.collator.moved_rows import require_rows_in_place
from pytest_ftcheck.checks.model.logits import is_public, require_whole_model
from pytest_ftcheck.checks.serving.fresh import served
from pytest_ftcheck.checks.serving.own_class import NotLoaded, load_by_own_class
from pytest_ftcheck.checks.serving.raw_texts import folded_name
from pytest_ftcheck.checks.serving.submission import NAMES, TASKS, read_submission, write_submission
from pytest_ftcheck.errors import FtcheckError
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.heads.traits import CLASS_IDS, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_GENERIC = re.compile(r"LABEL_\d+")
_SCORE_DECIMALS = 0.0006
"""A little more than half a unit of the third decimal: submissions of scores have three decimals."""


@check(
    "serving.reload",
    cost="run",
    tolerance={"float32": 1e-4, "bfloat16": 5e-2, "float16": 5e-2},
    catches="weights that were saved before the best epoch was loaded, a head that was not saved, a folder that fails",
    hint="look for weights that are saved before the best epoch is loaded, a head that is not saved, a configuration "
    "that was changed after training, another dtype.",
)
def reload(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The saved folder, loaded in a fresh process, gives the evaluation's logits.

    ``tolerance`` is absolute, relative for logits above 1: padding differs with the batch. A class of the user's own is
    loaded in this process, by its own ``from_pretrained``.

    Assumes: a server has only the folder.

    Unusual but healthy: a class of one's own is loaded by its own from_pretrained; adapters are skipped. Where each
    evaluation masks other tokens, logits need only be finite.

    False alarms: none by chance.
    """
    require_whole_model(evidence)
    if not is_public(evidence.fresh_model):
        return _reload_by_own_class(evidence, thresholds)
    answer = served(evidence)
    if "model" in answer.errors or answer.logits is None:
        return [finding("a folder that loads", f"it does not load: {answer.errors.get('model', 'no logits')}")]
    observed = _difference(evidence, answer.rows, answer.logits, thresholds["tolerance"])
    if observed:
        require_rows_in_place(evidence)
    if answer.missing:
        observed = f"{observed or 'the logits are the same'}; drawn at random, because the folder lacks them: "
        observed += ", ".join(answer.missing[:4]) + (" …" if len(answer.missing) > 4 else "")
    return [finding(f"the evaluation's logits within {thresholds['tolerance']:g}", observed)] if observed else []


def _difference(evidence: Evidence, rows: Sequence[int], logits: NDArray[Any], tolerance: float) -> str:
    """Word how logits ``[B, …]`` of evaluated rows differ from the evaluation's; an empty text where they do not."""
    if evidence.pipeline.draws_labels_anew:  # the logits of the evaluation are those of other masks
        return "" if np.isfinite(logits).all() else f"logits of {len(rows)} rows that are not finite"
    judged, label_ids = evidence.run.head_rules.outputs.judged, evidence.run.label_ids[list(rows)]
    expected = judged(np.asarray(evidence.run.logits)[list(rows)].astype(np.float64), label_ids)
    logits = judged(logits, label_ids)
    if logits.shape != expected.shape:
        return f"logits of shape {logits.shape}, not {expected.shape}"
    worst = float(np.abs(logits - expected).max())
    # Written so that NaN counts as different.
    if not worst <= tolerance * max(1.0, float(np.abs(expected).max())):
        return f"logits of {len(rows)} rows differ by up to {worst:.2e}"
    return ""


def _reload_by_own_class(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Compare the logits of the user's class, loaded from the folder, as the user's server would load it."""
    try:
        how, rows, logits, lost = load_by_own_class(evidence)
    except NotLoaded as failure:
        expected, observed = f"a model that computes from {failure.how}", f"it does not: {failure}"
        hint = "weights in a list or dict of Python are not registered: they are not saved, moved or trained. Take "
        hint += "nn.ModuleList or nn.ModuleDict."
        return [finding(expected, observed, hint=hint)]
    observed = _difference(evidence, rows, logits, thresholds["tolerance"])
    if not observed:
        return []
    hint = f"{how} does not know modules that are added after the model is made: build them in __init__, or merge them."
    expected = f"the evaluation's logits within {thresholds['tolerance']:g} from {how}"
    return [finding(expected, f"{observed}; weights without a place: {lost or 'none'}", hint=hint)]


@check(
    "serving.label_names",
    cost="run",
    needs=(CLASS_IDS,),
    catches="label names that are swapped, generic (LABEL_0) or missing in the saved configuration",
    hint="give the model id2label and label2id of the data set's names when it is made: "
    "from_pretrained(…, id2label=…, label2id=…).",
)
def label_names(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The saved configuration names every class, with the data's names.

    Assumes: a server reads names from the configuration.

    Unusual but healthy: for data without names, only a different name for each class is required.

    False alarms: none by chance.
    """
    del thresholds
    require_whole_model(evidence)
    width = int(np.asarray(evidence.run.logits).shape[-1])
    path = evidence.run.model_folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [finding("a config.json that can be read", f"{type(error).__name__}: {error}")]
    saved = {int(index): str(name) for index, name in (config.get("id2label") or {}).items()}
    # Without names, transformers uses LABEL_0 and so on.
    saved = saved or {index: f"LABEL_{index}" for index in range(int(config.get("num_labels", 2)))}
    if sorted(saved) != list(range(width)):
        return [finding(f"id2label with the ids 0 to {width - 1}", f"id2label is {saved}")]
    findings = []
    if len(set(saved.values())) < width:
        findings.append(finding("a name of its own for every class", f"id2label is {saved}"))
    known = evidence.pipeline.card.label_names
    wrong = [index for index, name in enumerate(known) if folded_name(saved.get(index, "")) != folded_name(name)]
    if known and not all(_GENERIC.fullmatch(name) for name in known) and wrong:
        findings.append(finding(f"id2label {dict(enumerate(known))}", f"id2label is {saved}"))
    back = {str(name): int(index) for name, index in (config.get("label2id") or {}).items()}
    if back and any(back.get(name) != index for index, name in saved.items()):
        findings.append(finding(f"label2id that is the inverse of id2label: {saved}", f"label2id is {back}"))
    return findings


@check(
    "serving.tokenizer",
    cost="run",
    catches="a tokenizer that is not saved with the model, or another tokenizer than in the training",
    hint="save the tokenizer that made the training rows with the model: the Trainer does it if it has "
    "processing_class=tokenizer. A padding_side that is set later is not saved: give it to from_pretrained.",
)
def tokenizer(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The tokenizer is saved with the model, and makes the same tokens.

    A Trainer without a tokenizer saves none: then the check only warns, because the user may save it elsewhere.

    Assumes: the tokenizer is served with the model.

    Unusual but healthy: a Trainer without a tokenizer warns; a tokenizer that is kept elsewhere on purpose fails:
    silence the check.

    False alarms: none by chance.
    """
    del thresholds
    if evidence.pipeline.processing_class is None and "input_ids" in evidence.pipeline.eval_dataset.column_names:
        return _none_saved(evidence)
    evidence.tokenizer  # noqa: B018 - raises where there is none
    answer = served(evidence)
    if "tokenizer" in answer.errors:
        return [finding("a tokenizer in the saved folder", f"it does not load: {answer.errors['tokenizer']}")]
    changes = _changes(answer.trained_tokenizer, answer.tokenizer)
    if not changes:
        return []
    if not _has_tokenizer_files(evidence.run.model_folder):
        # transformers silently makes a tokenizer without words from the model's configuration.
        changes.append("the folder has no file of a tokenizer")
    return [finding("the tokenizer that the model was trained with, in the saved folder", "; ".join(changes))]


def _none_saved(evidence: Evidence) -> list[Finding]:
    if _has_tokenizer_files(evidence.run.model_folder):
        return []
    expected = "a tokenizer in the model's folder, for serving (a tokenizer that differs fails)"
    hint = "give the Trainer processing_class=tokenizer, and save_model() saves it, too."
    return [warning(expected, "the Trainer has none, and the folder has no file of one", share=0.0, hint=hint)]


def _has_tokenizer_files(folder: Path) -> bool:
    patterns = ("tokenizer.json", "vocab.*", "merges.txt", "*.model", "*.spm", "sentencepiece*")
    return any(list(folder.glob(pattern)) for pattern in patterns)


def _changes(trained: Mapping[str, Any], saved: Mapping[str, Any]) -> list[str]:
    """Describe the differences; different tokens only if no different vocabulary explains them."""
    different = [name for name in trained if name != "tokens" and saved.get(name) != trained[name]]
    changes = [f"{name} {saved.get(name)} instead of {trained[name]}" for name in different]
    if "vocabulary" not in different and saved["tokens"] != trained["tokens"]:
        pairs = list(zip(trained["tokens"], saved["tokens"], strict=True))
        rows = [index for index, (first, second) in enumerate(pairs) if first != second]
        first, second = pairs[rows[0]]
        place = next((at for at, both in enumerate(zip(first, second, strict=False)) if both[0] != both[1]), -1)
        changes.append(f"other tokens for {len(rows)} of {len(pairs)} texts, the first at token {place}")
    return changes


@check(
    "serving.submission",
    cost="run",
    needs=(LABEL_PER_ROW,),
    catches="predictions that the GLUE leaderboard refuses: unknown class names, lost rows, NaN",
    hint="name the classes as GLUE does, in the order of their ids, and predict every row.",
)
def submission(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Predictions can be written as a GLUE submission, and read back.

    Assumes: the task is one of GLUE, with its names.

    Unusual but healthy: every other task is skipped.

    False alarms: none by chance.
    """
    del thresholds
    run, card = evidence.run, evidence.pipeline.card
    task = card.metric.config_name or "" if card.metric.path == "glue" else ""
    if task not in TASKS or set(card.label_names) != set(NAMES.get(task, ())):
        msg = "it applies only to tasks of GLUE with GLUE's class names"
        raise NotApplicable(msg)
    with tempfile.TemporaryDirectory(prefix="submission-", dir=scratch_folder()) as folder:
        path = Path(folder) / f"{task}.tsv"
        try:
            write_submission(run, path, task=task, label_names=card.label_names)
            found = np.asarray(read_submission(path, task))
        except FtcheckError as error:
            return [finding(f"a submission for {task}", str(error))]
    expected = _as_submitted(evidence, task)
    if found.shape == expected.shape and np.abs(found - expected).max() <= _SCORE_DECIMALS:
        return []
    return [finding(f"the run's {len(expected)} predictions, written and read again", f"{len(found)} others")]


def _as_submitted(evidence: Evidence, task: str) -> NDArray[np.float64]:
    """Return the predictions as GLUE numbers them, ``[N]``."""
    predictions, names = evidence.run.predictions, evidence.pipeline.card.label_names
    if task not in NAMES:
        return np.clip(predictions.astype(np.float64), 0.0, 5.0)
    order = np.array([NAMES[task].index(name) for name in names], dtype=np.float64)
    return np.asarray(order[predictions])
