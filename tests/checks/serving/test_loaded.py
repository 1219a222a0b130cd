"""The checks of what a server makes of the saved folder: quiet as it was saved, red on each way in which it differs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tokenizers import normalizers
from transformers import AutoTokenizer

from pytest_ftcheck.checks.catalogue import catalogue, run_check
from pytest_ftcheck.checks.serving import fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

    Defect = Callable[[Run], object]
    MakeEvidence = Callable[..., Evidence]


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"serving.{name}"], evidence)


# -- as the fresh process would answer --------------------------------------------------------------------------------


@pytest.mark.usefixtures("_served_here")
@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_saved_folder_is_healthy(saved_evidence: MakeEvidence, task: str) -> None:
    evidence = saved_evidence(task)
    for name in ("reload", "pipeline", "tokenizer"):
        assert judge(name, evidence) == []


def change_config(run: Run, **changes: Any) -> None:
    path = run.model_folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_weights(run: Run, change: Callable[[Any], None]) -> None:
    model: Any = run.load_model()
    change(model)
    model.save_pretrained(run.model_folder)


def scale(model: Any) -> None:
    model.classifier.weight.data.mul_(1.05)


def poison(model: Any) -> None:
    model.classifier.bias.data.fill_(float("nan"))


def without_head(run: Run) -> None:
    model: Any = run.load_model()
    model.base_model.save_pretrained(run.model_folder)
    change_config(run, id2label={"0": "not_equivalent", "1": "equivalent"})


def more_words(run: Run) -> None:
    tokenizer = run.load_tokenizer()
    tokenizer.add_tokens(["unheardof"])
    tokenizer.save_pretrained(run.model_folder)


def other_normalizer(run: Run) -> None:
    tokenizer: Any = run.load_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("a", "e")
    tokenizer.save_pretrained(run.model_folder)


def other_side(run: Run) -> None:
    tokenizer = AutoTokenizer.from_pretrained(run.model_folder, padding_side="left", model_max_length=64)
    tokenizer.save_pretrained(run.model_folder)


def no_tokenizer(run: Run) -> None:
    for path in run.model_folder.glob("tokenizer*"):
        path.unlink()


def truncate(run: Run, name: str) -> None:
    path = run.model_folder / name
    path.write_bytes(path.read_bytes()[:-100])


LABEL_0 = {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}}
SWAPPED = {"id2label": {"0": "equivalent", "1": "not_equivalent"}, "label2id": {"equivalent": 0, "not_equivalent": 1}}
DIFFER = "logits of 32 rows differ by up to "

DEFECTS: dict[str, tuple[str, str, Defect, str]] = {
    "other weights": ("reload", "mrpc", lambda run: change_weights(run, scale), DIFFER),
    "weights of NaN": ("reload", "mrpc", lambda run: change_weights(run, poison), DIFFER + "nan"),
    "other weights in regression": ("reload", "stsb", lambda run: change_weights(run, scale), DIFFER),
    "no weights": (
        "reload",
        "mrpc",
        lambda run: (run.model_folder / "model.safetensors").unlink(),
        "it does not load: OSError",
    ),
    "damaged weights": ("reload", "mrpc", lambda run: truncate(run, "model.safetensors"), "it does not load: "),
    "damaged configuration": ("reload", "mrpc", lambda run: truncate(run, "config.json"), "it does not load: "),
    "no folder": ("reload", "mrpc", lambda run: shutil.rmtree(run.model_folder), "it does not load: "),
    "other head in regression": (
        "reload",
        "stsb",
        lambda run: change_config(run, id2label={"0": "a", "1": "b"}, label2id={"a": 0, "b": 1}),
        "it does not load: ",
    ),
    "scores of other weights": ("pipeline", "mrpc", lambda run: change_weights(run, poison), "32 differ, row 0: "),
    "generic names": ("pipeline", "mrpc", lambda run: change_config(run, **LABEL_0), "32 differ, row 0: LABEL_"),
    "swapped names": ("pipeline", "mrpc", lambda run: change_config(run, **SWAPPED), "32 differ, row 0: "),
    "no tokenizer to serve": ("pipeline", "mrpc", no_tokenizer, "32 differ, row 0: "),
    "other value": ("pipeline", "stsb", lambda run: change_weights(run, scale), "31 differ, row 0: "),
    "no tokenizer": ("tokenizer", "mrpc", no_tokenizer, "vocabulary 5 tokens, "),
    "damaged tokenizer": ("tokenizer", "mrpc", lambda run: truncate(run, "tokenizer.json"), "it does not load: "),
    "other vocabulary": ("tokenizer", "mrpc", more_words, "vocabulary 375 tokens, "),
    "other normalizer": ("tokenizer", "mrpc", other_normalizer, "other tokens for 32 of 32 texts, the first at token "),
}


@pytest.mark.usefixtures("_served_here")
@pytest.mark.parametrize(("name", "task", "defect", "observed"), DEFECTS.values(), ids=DEFECTS.keys())
def test_damaged_folder_is_found(
    saved_evidence: MakeEvidence, name: str, task: str, defect: Defect, observed: str
) -> None:
    (finding,) = judge(name, saved_evidence(task, defect))
    assert finding.check == f"serving.{name}"
    assert finding.subject == f"{task} with tiny-bert on bundled"
    assert finding.observed.startswith(observed)
    assert finding.hint


@pytest.mark.usefixtures("_served_here")
def test_head_that_was_not_saved_is_named(saved_evidence: MakeEvidence) -> None:
    (finding,) = judge("reload", saved_evidence("mrpc", without_head))
    assert finding.observed.endswith("the folder lacks them: classifier.bias, classifier.weight")


@pytest.mark.usefixtures("_served_here")
def test_every_setting_of_the_tokenizer_is_compared(saved_evidence: MakeEvidence) -> None:
    (finding,) = judge("tokenizer", saved_evidence("mrpc", other_side))
    assert finding.observed == "padding_side left instead of right; model_max_length 64 instead of 128"


@pytest.mark.usefixtures("_served_here")
@pytest.mark.usefixtures("_served_here")
def test_a_trainer_without_a_tokenizer_that_saves_none_is_a_warning(saved_evidence: MakeEvidence) -> None:
    (warned,) = judge("tokenizer", saved_evidence("mrpc", no_tokenizer, processing_class=None))
    assert warned.level == "warn"
    assert warned.observed == "the Trainer has none, and the folder has no file of one"


@pytest.mark.usefixtures("_served_here")
def test_a_tokenizer_that_the_trainer_does_not_know_may_be_saved(saved_evidence: MakeEvidence) -> None:
    assert judge("tokenizer", saved_evidence("mrpc", processing_class=None)) == []


@pytest.mark.slow
def test_logits_of_another_width_are_found(saved_evidence: MakeEvidence, saved_runs: dict[str, Run]) -> None:
    wide = saved_runs["stsb"].with_outputs(logits=np.repeat(saved_runs["stsb"].logits, 2, axis=1))
    (finding,) = judge("reload", saved_evidence("stsb", run=wide))
    assert finding.observed == "logits of shape (32, 1), not (32, 2)"


@pytest.mark.usefixtures("_served_here")
@pytest.mark.parametrize(("row", "found"), [(0, 1), (39, 1), (2, 0)])
def test_one_compared_row_is_enough(
    saved_evidence: MakeEvidence, saved_runs: dict[str, Run], row: int, found: int
) -> None:
    logits = saved_runs["mrpc"].logits.copy()
    logits[row, 0] += 1e-3
    evidence = saved_evidence("mrpc", run=saved_runs["mrpc"].with_outputs(logits=logits))
    assert (row in fresh.served(evidence).rows) == bool(found)
    assert len(judge("reload", evidence)) == found


@pytest.mark.parametrize(
    ("recipe", "dtype", "precision"),
    [
        ({}, "float32", "float32"),
        ({"bf16": True}, "float32", "bfloat16"),
        ({"fp16": True}, "float32", "float16"),
        ({"bf16": False}, "bfloat16", "bfloat16"),
    ],
)
def test_tolerance_follows_the_precision_of_the_run(
    saved_evidence: MakeEvidence, recipe: dict[str, Any], dtype: str, precision: str
) -> None:
    evidence = saved_evidence("mrpc", args=recipe)
    evidence.environment = {**evidence.environment, "dtype": dtype}
    assert evidence.precision == precision
    assert catalogue()["serving.reload"].tolerance[precision] == (1e-4 if precision == "float32" else 5e-2)


# -- serving.label_names ----------------------------------------------------------------------------------------------


NAMES: dict[str, tuple[dict[str, Any], str]] = {
    "generic": (LABEL_0, "id2label is {0: 'LABEL_0', 1: 'LABEL_1'}"),
    "swapped": (SWAPPED, "id2label is {0: 'equivalent', 1: 'not_equivalent'}"),
    "one missing": ({"id2label": {"0": "not_equivalent"}}, "id2label is {0: 'not_equivalent'}"),
    "none": ({"id2label": None, "label2id": None}, "id2label is {0: 'LABEL_0', 1: 'LABEL_1'}"),
    "turned wrongly": (
        {"label2id": {"equivalent": 0, "not_equivalent": 1}},
        "label2id is {'equivalent': 0, 'not_equiv",
    ),
}


@pytest.mark.parametrize(("changes", "observed"), NAMES.values(), ids=NAMES.keys())
def test_names_that_are_not_the_datas_are_found(
    saved_evidence: MakeEvidence, changes: dict[str, Any], observed: str
) -> None:
    (finding,) = judge("label_names", saved_evidence("mrpc", lambda run: change_config(run, **changes)))
    assert finding.observed.startswith(observed)
    assert "id2label" in finding.hint


def test_one_name_for_two_classes_is_found(saved_evidence: MakeEvidence) -> None:
    same = {"id2label": {"0": "yes", "1": "yes"}, "label2id": {}}
    findings = judge("label_names", saved_evidence("mrpc", lambda run: change_config(run, **same)))
    assert findings[0].expected == "a name of its own for every class"


def test_generic_names_are_fine_where_no_others_are_known(
    saved_evidence: MakeEvidence, saved_pipelines: dict[str, Pipeline]
) -> None:
    card = replace(saved_pipelines["mrpc"].card, label_names=("LABEL_0", "LABEL_1"))
    assert judge("label_names", saved_evidence("mrpc", lambda run: change_config(run, **LABEL_0), card=card)) == []


def test_case_and_underscores_of_names_do_not_matter(
    saved_evidence: MakeEvidence, saved_pipelines: dict[str, Pipeline]
) -> None:
    card = replace(saved_pipelines["mrpc"].card, label_names=("Not equivalent", "EQUIVALENT"))
    assert judge("label_names", saved_evidence("mrpc", card=card)) == []


def test_configuration_that_cannot_be_read_is_found(saved_evidence: MakeEvidence) -> None:
    (finding,) = judge("label_names", saved_evidence("mrpc", lambda run: truncate(run, "config.json")))
    assert finding.observed.startswith("JSONDecodeError")
