"""Checks of the names of classes: the model has the data's names in the same order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from datasets import Value

from pytest_ftcheck.checks.catalogue import Thresholds, check, finding, warning
from pytest_ftcheck.checks.data.labels import FOLLOWS
from pytest_ftcheck.checks.data.splits import filled, label_values, mapping
from pytest_ftcheck.columns import taken, walk
from pytest_ftcheck.heads.traits import CLASS_IDS, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_FIRST = 100
"""Number of values that are read to decide whether a column may hold names of classes."""


@check(
    "data.label_names",
    cost="free",
    needs=(CLASS_IDS,),
    catches="id2label that is generic, permuted, left over from another task, or disagrees with label2id",
    hint="give the model id2label and label2id of the data set, in its order: pipeline() and everyone who loads the "
    "model read the names of the classes there.",
)
def label_names(evidence: Evidence, _thresholds: Thresholds) -> list[Finding]:
    """The names in the model's id2label are those of the data, in the same order.

    Assumes: the data set's class names, or a text column with exactly these names, give the names of the ids.

    Unusual but healthy: case, blanks and underscores may differ; names in another language fail. Data without names
    is not compared; a model without names is a warning.

    False alarms: none by chance.
    """
    config = evidence.fresh_model.config
    given = {int(index): str(name) for index, name in (getattr(config, "id2label", None) or {}).items()}
    names = evidence.pipeline.card.label_names
    found = _against_names(given, dict(enumerate(names))) if _meaningful(names) else []
    found += _against_inverse(given, getattr(config, "label2id", None) or {})
    if LABEL_PER_ROW in evidence.pipeline.card.head_rules.traits:
        found = found or _against_rows(evidence, given)
    if found or not given or _meaningful(list(given.values())):
        return found
    return [
        warning("id2label that says what the classes are", f"{given}: whoever serves the model gets LABEL_0", share=0.0)
    ]


def _meaningful(names: Sequence[str]) -> bool:
    return any(not re.fullmatch(r"LABEL_\d+", name) for name in names)


def _fold(name: object) -> str:
    return re.sub(r"[\W_]+", "", str(name)).casefold()


def _against_names(given: Mapping[int, str], names: Mapping[int, str]) -> list[Finding]:
    if {index: _fold(name) for index, name in given.items()} == {index: _fold(name) for index, name in names.items()}:
        return []
    what = ""
    if not _meaningful(list(given.values())):
        what = ", which says nothing"
    elif sorted(map(_fold, given.values())) == sorted(map(_fold, names.values())):
        what = ": the same names for other ids"
    return [finding(f"id2label = {dict(names)}, as the data names its classes", f"{dict(given)}{what}")]


def _against_inverse(given: Mapping[int, str], label2id: Mapping[str, int]) -> list[Finding]:
    inverse = {name: index for index, name in given.items()}
    wrong = [name for name, index in label2id.items() if name in inverse and int(index) != inverse[name]]
    if not wrong:
        return []
    observed = f"label2id says {wrong[0]!r} is {label2id[wrong[0]]}, id2label says {inverse[wrong[0]]}"
    return [finding("label2id is the inverse of id2label", observed)]


def _against_rows(evidence: Evidence, given: Mapping[int, str]) -> list[Finding]:
    """If a raw column holds the same names, its names must not consistently belong to other ids."""
    ids = {_fold(name): index for index, name in given.items()}
    for split in filled(evidence):
        for column, feature in split.raw.features.items():
            if not (isinstance(feature, Value) and feature.dtype in ("string", "large_string")):
                continue
            first = range(min(_FIRST, len(split.raw)))
            if not {_fold(value) for value in taken(split.raw, column, first)} <= ids.keys():
                continue
            labels = label_values(evidence, split)
            ids_of, agreeing = mapping((_fold(value) for (value,) in walk(split.raw, [column])), labels)
            # Annotations may differ from the label in many rows without another encoding.
            if ids_of.keys() != ids.keys() or ids_of == ids or agreeing < FOLLOWS * len(labels):
                continue
            observed = {ids_of[name]: name for name in sorted(ids_of, key=ids_of.__getitem__)}
            expected = f"id2label = {observed}, as column {column!r} names the labels"
            return [finding(expected, f"{dict(given)}: the same names for other ids", subject=split.subject)]
    return []
