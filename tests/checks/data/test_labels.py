"""Checks of labels: quiet on healthy ones, red on each planted mistake."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from datasets import ClassLabel, Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedModel

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
TRAIN, EVALUATION = (0, 1) * 40, (1, 0) * 20


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=len(TRAIN), eval_rows=len(EVALUATION))


@pytest.fixture(scope="module")
def stsb(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("stsb", train_rows=80, eval_rows=40)


def judge(name: str, pipeline: Pipeline, no_run: Any = None) -> list[Finding]:
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no_run, make_probe=no_run)
    return run_check(catalogue()[f"data.{name}"], evidence)


def labelled(pipeline: Pipeline, train: Sequence[Any] = TRAIN, evaluation: Sequence[Any] = EVALUATION) -> Pipeline:
    """Give the rows these labels, raw and tokenized alike, and leave out the rows that have none."""

    def rows(table: Dataset, name: str, labels: Sequence[Any]) -> Dataset:
        return table.remove_columns(name).select(range(len(labels))).add_column(name, list(labels))

    return replace(
        pipeline,
        train_dataset=rows(pipeline.train_dataset, "labels", train),
        eval_dataset=rows(pipeline.eval_dataset, "labels", evaluation),
        data=replace(
            pipeline.data,
            train=rows(pipeline.data.train, "label", train),
            evaluation=rows(pipeline.data.evaluation, "label", evaluation),
        ),
    )


def with_names(pipeline: Pipeline, id2label: dict[int, str], label2id: dict[str, int] | None = None) -> Pipeline:
    def model_init() -> PreTrainedModel:
        model = pipeline.model_init()
        model.config.id2label = id2label
        model.config.label2id = label2id or {name: index for index, name in id2label.items()}
        return model

    return replace(pipeline, model_init=model_init)


# -- data.labels_in_range ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "observed"),
    [
        pytest.param((1, 2) * 20, "20 of 40 (50.0%) labels are others: 2 (20 times), first in row 1", id="from 1 to K"),
        pytest.param((0, -1, 1, 1), "1 of 4 (25.0%) labels are others: -1 (1 times), first in row 1", id="hidden"),
        pytest.param((0.0, 1.0), "2 of 2 (100.0%) labels are others: 0.0 (1 times), 1.0 (1 times)", id="floats"),
        pytest.param(("no", "yes"), "2 of 2 (100.0%) labels are others: 'no' (1 times), 'yes' (1 times)", id="texts"),
        pytest.param((0, None, 1), "1 of 3 (33.3%) labels are others: None (1 times), first in row 1", id="missing"),
    ],
)
def test_labels_that_are_no_class_ids_are_found(parts: Pipeline, labels: Sequence[Any], observed: str) -> None:
    (finding,) = judge("labels_in_range", labelled(parts, evaluation=labels))
    assert finding.subject == f"{parts.subject}, validation split"
    assert finding.expected == "class ids from 0 to 1, whole numbers"
    assert finding.observed.startswith(observed)


def test_numbers_of_a_regression_must_be_finite(stsb: Pipeline) -> None:
    assert judge("labels_in_range", labelled(stsb, [2.5, -7.0] * 3, [1, 2])) == []
    (finding,) = judge("labels_in_range", labelled(stsb, [2.5, float("nan"), 1.0], [1.0]))
    assert finding.observed == "1 of 3 (33.3%) labels are others: nan (1 times), first in row 1"
    assert finding.evidence == ("row 1: label nan",)


def test_the_first_three_wrong_labels_are_shown(parts: Pipeline) -> None:
    (finding,) = judge("labels_in_range", labelled(parts, evaluation=(1, 2) * 20))
    assert finding.evidence == ("row 1: label 2", "row 3: label 2", "row 5: label 2")


def test_labels_of_several_values_are_not_judged(parts: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="several values"):
        judge("labels_in_range", labelled(parts, [[0.0, 1.0]] * 4, [[1.0, 0.0]]))


# -- data.classes_in_train, data.classes_in_evaluation -----------------------------------------------------------------


def test_class_that_is_never_trained_is_found(parts: Pipeline) -> None:
    assert judge("classes_in_train", labelled(parts)) == []
    (finding,) = judge("classes_in_train", labelled(parts, [1] * 30))
    assert finding.expected == "train rows with each of 2 classes"
    assert finding.observed == "no rows of class 0 (not_equivalent); 30 rows have 1 (equivalent) 30 times"


def test_spare_output_behind_all_classes_is_a_warning(parts: Pipeline) -> None:
    (finding,) = judge("classes_in_train", labelled(parts, [0] * 30, [0] * 30))
    assert finding.level == "warn"
    assert finding.expected == "train rows with each of 2 classes, or a head without spare outputs"


def test_class_that_is_never_evaluated_is_found(parts: Pipeline) -> None:
    (finding,) = judge("classes_in_evaluation", labelled(parts, evaluation=[0] * 40))
    assert "1 (equivalent): 40 of 80 (50.0%) there" in finding.expected
    assert finding.observed == "none among 40 with 1 (equivalent); 0 (not_equivalent) 40 times"


def test_rare_class_may_be_missing_in_a_small_evaluation(parts: Pipeline) -> None:
    assert judge("classes_in_evaluation", labelled(parts, [0] * 72 + [1] * 8, [0] * 40)) == []


def test_one_of_many_classes_may_be_missing_by_luck(parts: Pipeline) -> None:
    # 8 rows of one of five classes, all of them in one of two equal splits: one deal in 500.
    few = [*(row % 4 for row in range(32)), *[4] * 8]
    assert judge("classes_in_evaluation", labelled(parts, few, [row % 4 for row in range(40)])) == []
    many = [*(row % 4 for row in range(48)), *[4] * 32]
    (finding,) = judge("classes_in_evaluation", labelled(parts, many, [row % 4 for row in range(40)]))
    assert finding.observed.startswith("none among 40 with 4")


# -- data.label_encoding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("evaluation", "observed"),
    [
        pytest.param((1, 2) * 20, "classes 1, 2 instead of 0, 1: 2 never stand in train", id="shifted"),
        pytest.param((0.0, 1.0) * 20, "float instead of int", id="another type"),
        pytest.param(("0", "1") * 20, "str instead of int", id="texts"),
    ],
)
def test_splits_that_are_encoded_apart_are_found(parts: Pipeline, evaluation: Sequence[Any], observed: str) -> None:
    assert judge("label_encoding", labelled(parts)) == []
    (finding,) = judge("label_encoding", labelled(parts, evaluation=evaluation))
    assert finding.expected == "validation labels encoded as in train"
    assert finding.observed == observed


def test_class_that_a_split_lacks_is_no_other_encoding(parts: Pipeline) -> None:
    assert judge("label_encoding", labelled(parts, evaluation=[1] * 40)) == []


def test_names_in_another_order_are_found(parts: Pipeline) -> None:
    given = labelled(parts)
    given = replace(
        given,
        train_dataset=given.train_dataset.cast_column("labels", ClassLabel(names=["no", "yes"])),
        eval_dataset=given.eval_dataset.cast_column("labels", ClassLabel(names=["yes", "no"])),
    )
    (finding,) = judge("label_encoding", given)
    assert finding.observed == "class names ['yes', 'no'] instead of ['no', 'yes']"


def test_raw_labels_that_become_others_in_one_split_are_found(parts: Pipeline) -> None:
    given = labelled(parts)
    flipped = [1 - label for label in EVALUATION]
    rows = given.eval_dataset.remove_columns("labels").add_column("labels", flipped)
    (finding,) = judge("label_encoding", replace(given, eval_dataset=rows))
    assert finding.observed == "raw label 0 became 1 instead of 0"


@pytest.mark.parametrize("scale", [0.2, 20.0])
def test_regression_labels_on_another_scale_are_found(stsb: Pipeline, scale: float) -> None:
    values = [value / 8 for value in range(40)]
    assert judge("label_encoding", labelled(stsb, values, values[::-1])) == []
    (finding,) = judge("label_encoding", labelled(stsb, values, [value * scale for value in values]))
    assert finding.observed.startswith("most lie from ")


def test_regression_labels_that_are_mostly_zero_are_healthy(stsb: Pipeline) -> None:
    train, evaluation = [0.0] * 60 + [1.0, 2.0, 3.0, 4.0] * 5, [0.0] * 37 + [1.0, 2.0, 4.0]
    assert judge("label_encoding", labelled(stsb, train, evaluation)) == []


def test_rare_classes_that_either_split_lacks_are_no_other_encoding(parts: Pipeline) -> None:
    assert judge("label_encoding", labelled(parts, [*TRAIN[:-1], 2], [*EVALUATION[:-1], 3])) == []


def test_few_rows_of_heavy_tailed_labels_are_healthy(stsb: Pipeline) -> None:
    generator = random.Random(0)  # noqa: S311 - no secret
    train = [0.0 if row % 10 else generator.lognormvariate(0, 2) for row in range(80)]
    assert judge("label_encoding", labelled(stsb, [*train[:-1], 90.0], [*[0.0] * 37, 0.3, 0.5, 1.1])) == []


# -- data.label_names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id2label", "observed"),
    [
        pytest.param({0: "LABEL_0", 1: "LABEL_1"}, ", which says nothing", id="generic"),
        pytest.param({0: "equivalent", 1: "not_equivalent"}, ": the same names for other ids", id="permuted"),
        pytest.param({0: "NEGATIVE", 1: "POSITIVE"}, "{0: 'NEGATIVE', 1: 'POSITIVE'}", id="of another task"),
        pytest.param({0: "a", 1: "b", 2: "c"}, "{0: 'a', 1: 'b', 2: 'c'}", id="too many"),
    ],
)
def test_names_that_are_not_those_of_the_data_are_found(
    parts: Pipeline, id2label: dict[int, str], observed: str
) -> None:
    (finding,) = judge("label_names", with_names(parts, id2label))
    assert finding.expected == "id2label = {0: 'not_equivalent', 1: 'equivalent'}, as the data names its classes"
    assert finding.observed.endswith(observed)


def test_names_may_be_written_otherwise(parts: Pipeline) -> None:
    assert judge("label_names", with_names(parts, {0: "Not equivalent", 1: "EQUIVALENT"})) == []


def test_generic_names_are_a_warning_where_the_data_has_none(parts: Pipeline) -> None:
    generic = {0: "LABEL_0", 1: "LABEL_1"}
    given = replace(parts, card=replace(parts.card, label_names=tuple(generic.values())))
    (finding,) = judge("label_names", with_names(given, generic))
    assert finding.level == "warn"
    assert finding.observed.endswith("whoever serves the model gets LABEL_0")


def test_label2id_must_be_the_inverse(parts: Pipeline) -> None:
    names = {0: "not_equivalent", 1: "equivalent"}
    (finding,) = judge("label_names", with_names(parts, names, {"not_equivalent": 1, "equivalent": 0}))
    assert finding.observed == "label2id says 'not_equivalent' is 1, id2label says 0"


def text_column(pipeline: Pipeline, names: dict[int, str], *, noise: float = 0.0) -> Pipeline:
    """Add a raw column that names the labels, in some rows by chance."""
    drawn = random.Random(0)  # noqa: S311 - which rows is all the same
    given = labelled(pipeline)
    values = [names[label if drawn.random() >= noise else 1 - label] for label in TRAIN]
    return replace(given, data=replace(given.data, train=given.data.train.add_column("verdict", values)))


def test_column_of_names_that_says_otherwise_is_found(parts: Pipeline) -> None:
    generic = replace(parts, card=replace(parts.card, label_names=("LABEL_0", "LABEL_1")))
    named = with_names(generic, {0: "same", 1: "other"})
    assert judge("label_names", text_column(named, {0: "same", 1: "other"})) == []
    (finding,) = judge("label_names", text_column(named, {0: "Other", 1: "Same"}))
    assert finding.expected == "id2label = {0: 'other', 1: 'same'}, as column 'verdict' names the labels"


def test_annotator_who_disagrees_is_no_other_encoding(parts: Pipeline) -> None:
    generic = replace(parts, card=replace(parts.card, label_names=("LABEL_0", "LABEL_1")))
    named = with_names(generic, {0: "same", 1: "other"})
    assert judge("label_names", text_column(named, {0: "same", 1: "other"}, noise=0.3)) == []
    assert judge("label_names", text_column(named, {0: "other", 1: "same"}, noise=0.4)) == []
