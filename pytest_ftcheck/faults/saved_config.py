"""Faults of the saved configuration: names of labels, and the kind of problem."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.saving import with_model_saved
from pytest_ftcheck.heads.traits import CLASS_IDS, LABEL_PER_ROW, LABEL_PER_TOKEN, LABEL_SETS

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


@fault(
    needs=(CLASS_IDS,),
    caught_by=("serving.label_names",),
    seen_in_practice="The configuration is written again from a template after training, without the names of the "
    "classes.",
)
def saved_without_label_names(pipeline: Pipeline) -> Pipeline:
    """The saved configuration has lost the names of the classes."""
    return with_model_saved(pipeline, _nameless)


def _nameless(original: Any, model: Any, folder: Any) -> None:
    _named(original, model, folder, [f"LABEL_{number}" for number in range(model.config.num_labels)])


def _named(original: Any, model: Any, folder: Any, names: list[str]) -> None:
    """Save a model, and then its labels under other names."""
    labels = dict(enumerate(names))
    _configured(original, model, folder, id2label=labels, label2id={name: number for number, name in labels.items()})


def _configured(original: Any, model: Any, folder: Any, **settings: Any) -> None:
    """Save a model, and then other settings in its configuration."""
    original(model, folder)
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | settings
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")


@fault(
    needs=(LABEL_SETS,),
    caught_by=("serving.problem_type",),
    seen_in_practice="config.json is written anew from a template, or taken from the pretrained checkpoint: pipeline() "
    "then puts a softmax over labels that do not compete.",
)
def problem_type_lost(pipeline: Pipeline) -> Pipeline:
    """The saved configuration does not say that a row has any number of labels."""
    return with_model_saved(pipeline, partial(_configured, problem_type=None))


@fault(
    needs=(LABEL_PER_TOKEN,),
    whole_run=True,
    caught_by=("serving.entities",),
    seen_in_practice="The list of tags is made again where the model is exported, sorted this time.",
)
def saved_tag_names_sorted(pipeline: Pipeline) -> Pipeline:
    """The saved configuration has the names of the tags in the order of the alphabet."""
    if list(pipeline.card.label_names) == sorted(pipeline.card.label_names):
        msg = "its tags are in the order of the alphabet"
        raise NotApplicable(msg)
    return with_model_saved(pipeline, _sorted_names)


def _sorted_names(original: Any, model: Any, folder: Any) -> None:
    _named(original, model, folder, sorted(model.config.id2label.values()))


@fault(
    needs=(CLASS_IDS, LABEL_PER_ROW),
    caught_by=("serving.zero_shot",),
    seen_in_practice="The names are made short for a dashboard (E, N, C): zero-shot classification looks for "
    "entailment, says once that it did not find it, and takes the last class.",
)
def entailment_named_otherwise(pipeline: Pipeline) -> Pipeline:
    """The saved configuration has the first letters in the place of the names of the classes."""
    names = pipeline.card.label_names
    if not any(name.casefold().startswith("entail") for name in names):
        msg = "no class is named entailment"
        raise NotApplicable(msg)
    return with_model_saved(pipeline, _first_letters)


def _first_letters(original: Any, model: Any, folder: Any) -> None:
    _named(original, model, folder, [f"{name[0].upper()} ({number})" for number, name in model.config.id2label.items()])
