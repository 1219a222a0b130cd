"""The gates of a card: limits of a metric, its slices and its baseline, and limits that gate nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import Dataset

from pytest_ftcheck.errors import DataError, FtcheckError, TaskError
from pytest_ftcheck.gates.card_gates import degenerate, judge_metric, limited_slices, limits_for, session_share
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.gates.pipeline_slices import pipeline_masks
from pytest_ftcheck.gates.trivial_limits import best_trivial_of, refuse_trivial_limits
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS
from pytest_ftcheck.tasks.card import builtin_tasks
from pytest_ftcheck.tasks.floors import CalibratedSeeds, MetricLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline

ROWS = 200
SEEDS = CalibratedSeeds(mean=0.9, spread=0.01, seeds=10, rows=ROWS)


@pytest.fixture(scope="module")
def mrpc(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=64, eval_rows=ROWS)


def gated(pipeline: Pipeline, *slices: str, **floors: Any) -> Pipeline:
    return replace(pipeline, card=replace(pipeline.card, floor_tables=floors, slices=slices))


def run_with(pipeline: Pipeline, right: int, **metrics: float) -> ComparedRun:
    """Return a run that is right in the first rows."""
    label_ids = np.asarray(pipeline.eval_dataset["labels"])
    predictions = np.where(np.arange(len(label_ids)) < right, label_ids, 1 - label_ids)
    logits = np.eye(2, dtype=np.float32)[predictions] * 2
    rows = EvaluatedRows(label_ids, predictions, logits)
    return ComparedRun({"accuracy": right / len(label_ids), **metrics}, rows)


def test_calibration_counts_on_the_rows_and_runs_that_it_is_for() -> None:
    asked = MetricLimits(min=0.85, max_drop=0.02, relative=True, calibrated=SEEDS)
    limits = limits_for(asked, greater_is_better=True, rows=ROWS, false_alarms=0.005)
    assert limits.calibrated is not None
    assert (limits.calibrated.mean, limits.calibrated.std, limits.calibrated.seeds) == (0.9, 0.01, 10)
    assert (limits.limit, limits.max_drop, limits.relative, limits.false_alarms) == (0.85, 0.02, True, 0.005)
    assert limits_for(asked, greater_is_better=True, rows=ROWS - 1).calibrated is None
    for_a_mean = replace(asked, calibrated=replace(SEEDS, runs=5))
    assert limits_for(for_a_mean, greater_is_better=True, rows=ROWS).calibrated is None
    assert limits_for(for_a_mean, greater_is_better=True, rows=ROWS, runs=5).calibrated is not None


@pytest.mark.parametrize(("right", "status"), [(190, "pass"), (170, "inconclusive"), (140, "fail")])
def test_a_floor_of_the_card_is_judged(mrpc: Pipeline, right: int, status: str) -> None:
    verdicts = judge_metric(gated(mrpc, accuracy=0.85), run_with(mrpc, right), "accuracy")
    assert {name: verdict.status for name, verdict in verdicts.items()} == {"": status}


def test_a_ceiling_of_what_the_logits_give_is_judged(mrpc: Pipeline) -> None:
    pipeline = gated(mrpc, expected_calibration_error={"max": 0.05})
    (verdict,) = judge_metric(pipeline, run_with(mrpc, 140), "expected_calibration_error").values()
    assert verdict.status == "fail"
    assert [finding.check for finding in verdict.findings] == ["metrics.ceiling"]


def test_slices_are_scored_for_the_deciding_metric_and_where_they_are_limited(mrpc: Pipeline, tmp_path: Path) -> None:
    pipeline = gated(mrpc, "class", f1=0.6, accuracy={"min": 0.6, "slices": {"class=equivalent": 0.99}})
    masks = pipeline_masks(pipeline, tmp_path)
    run = run_with(mrpc, 150, f1=0.7)
    found = judge_metric(pipeline, run, "accuracy", masks=masks)
    assert list(found) == ["", "class=not_equivalent", "class=equivalent"]
    assert [verdict.status for verdict in found.values()] == ["pass", "ungated", "fail"]
    assert sum(verdict.rows for verdict in found.values()) == 2 * ROWS
    assert (
        found["class=equivalent"]
        .findings[0]
        .subject.startswith("accuracy of mrpc with tiny-bert on bundled, class=equivalent (")
    )
    assert list(judge_metric(pipeline, run, "f1", masks=masks)) == [""]


def test_a_limit_of_a_family_is_one_for_each_of_its_slices(mrpc: Pipeline, tmp_path: Path) -> None:
    pipeline = gated(mrpc, "length", accuracy={"slices": {"length": 0.1}})
    found = judge_metric(pipeline, run_with(mrpc, 190), "accuracy", masks=pipeline_masks(pipeline, tmp_path))
    assert [verdict.status for verdict in found.values()] == ["ungated", *["pass"] * (len(found) - 1)]
    assert len(found) > 2


@pytest.mark.parametrize("rows", [0, ROWS])
def test_a_slice_of_a_broken_run_is_red(mrpc: Pipeline, tmp_path: Path, rows: int) -> None:
    pipeline = gated(mrpc, "class", accuracy={"slices": {"class": 0.7}})
    label_ids = np.asarray(mrpc.eval_dataset["labels"])[:rows]
    logits = np.full((rows, 2), np.nan, dtype=np.float32)
    broken = ComparedRun({"accuracy": 0.9}, EvaluatedRows.of_logits(logits, label_ids, "sequence-classification"))
    found = judge_metric(pipeline, broken, "accuracy", masks=pipeline_masks(pipeline, tmp_path))
    assert [verdict.status for verdict in found.values()] == ["ungated", "fail", "fail"]


def test_slices_of_a_metric_of_the_users_own_are_refused(mrpc: Pipeline, tmp_path: Path) -> None:
    pipeline = gated(mrpc, "class", accuracy={"slices": {"class": 0.7}})
    run = run_with(mrpc, 150)
    own = ComparedRun({"accuracy": 0.123}, run.rows)
    with pytest.raises(DataError, match="accuracy of task 'mrpc' has no slices"):
        judge_metric(pipeline, own, "accuracy", masks=pipeline_masks(pipeline, tmp_path))


def test_the_cards_calibration_tells_the_spread_that_a_baseline_does_not_know(mrpc: Pipeline) -> None:
    before, after = run_with(mrpc, 190), run_with(mrpc, 182)
    alone = gated(mrpc, accuracy={"min": 0.85, "max_drop": 0.01})
    known = gated(mrpc, accuracy={"min": 0.85, "max_drop": 0.01, "calibrated": vars(replace(SEEDS, spread=0.03))})
    (first,) = judge_metric(alone, after, "accuracy", baseline=before).values()
    (second,) = judge_metric(known, after, "accuracy", baseline=before).values()
    assert first.drop is not None
    assert second.drop is not None
    assert first.drop.seed_bound is None
    assert (first.status, second.status) == ("fail", "inconclusive")


@pytest.mark.parametrize("logits", [np.zeros((4, 2)), np.full((4, 2), np.nan), np.zeros((0, 2))])
def test_a_run_that_says_one_thing_failed(logits: Any) -> None:
    label_ids = np.array([0, 1, 0, 1])[: len(logits)]
    assert degenerate(EvaluatedRows.of_logits(logits.astype(np.float32), label_ids, "sequence-classification"))


def test_a_run_that_is_always_right_did_not_fail() -> None:
    label_ids = np.array([1, 1, 1])
    assert not degenerate(EvaluatedRows.of_logits(np.eye(2)[label_ids], label_ids, "sequence-classification"))


def test_a_sessions_share_is_split_over_its_comparisons(mrpc: Pipeline, tmp_path: Path) -> None:
    assert session_share({"mrpc": gated(mrpc, accuracy=0.8)}, {}, engines=2, seeds=1) == pytest.approx(0.01)
    table = {"min": 0.8, "max_drop": 0.1, "slices": {"class": 0.5, "label=1": 0.5}}
    pipeline = gated(mrpc, "class", "label", accuracy=table, loss={"max": 0.1})
    masks = {"mrpc": pipeline_masks(pipeline, tmp_path)}
    assert session_share({"mrpc": pipeline}, masks, engines=2, seeds=1) == pytest.approx(0.01 / 2)
    # The baseline; the mean and the failed runs of two limits, of two classes, and of one value of a column.
    assert session_share({"mrpc": pipeline}, masks, engines=1, seeds=5) == pytest.approx(0.01 / (1 + 2 * (2 + 2 + 1)))


# Slices of a pipeline


def masks_of(pipeline: Pipeline, *slices: str, folder: Path) -> dict[str, int]:
    masks = pipeline_masks(gated(pipeline, *slices), folder)
    return {name: int(mask.sum()) for family in masks.values() for name, mask in family.items()}


def test_every_kind_of_slice_splits_the_rows(mrpc: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "kinds.py").write_text(
        "def is_long(row): return len(row['sentence1']) > 60\n\ndef some(row): return None if row['label'] else 'no'\n",
        encoding="utf-8",
    )
    for spec in ("class", "length", "truncated", "label", "kinds.py:is_long"):
        found = masks_of(mrpc, spec, folder=tmp_path)
        assert sum(found.values()) == ROWS
        assert all(name.startswith(spec.rpartition(":")[2] + "=") for name in found)
    assert masks_of(mrpc, "truncated", folder=tmp_path) == {"truncated=False": ROWS}
    assert list(masks_of(mrpc, "kinds.py:some", folder=tmp_path)) == ["some=no"]


def test_rows_of_several_texts_are_measured_as_a_whole(make_pipeline: Callable[..., Pipeline], tmp_path: Path) -> None:
    pipeline = make_pipeline("swag", train_rows=8, eval_rows=ROWS)
    ids = [[row[0], *(choice[:-1] for choice in row[1:])] for row in pipeline.eval_dataset["input_ids"]]
    masks = [[[1] * len(choice) for choice in row] for row in ids]
    columns = {**pipeline.eval_dataset.to_dict(), "input_ids": ids, "attention_mask": masks}
    ragged = replace(pipeline, eval_dataset=Dataset.from_dict(columns))
    assert masks_of(pipeline, "truncated", folder=tmp_path) == {"truncated=False": ROWS}
    assert masks_of(ragged, "truncated", folder=tmp_path) == {"truncated=True": ROWS}
    assert sum(masks_of(ragged, "length", folder=tmp_path).values()) == ROWS


def test_truncated_rows_are_those_that_lost_tokens(make_pipeline: Callable[..., Pipeline], tmp_path: Path) -> None:
    from pytest_ftcheck.pipeline.from_card import tokenize

    pipeline = make_pipeline("mrpc", train_rows=8, eval_rows=20)
    whole = [len(ids) for ids in pipeline.eval_dataset["input_ids"]]
    tokenizer = pipeline.processing_class
    assert tokenizer is not None
    cut = tokenize(pipeline.card, pipeline.data.evaluation, tokenizer, max_length=26)
    found = masks_of(replace(pipeline, eval_dataset=cut), "truncated", folder=tmp_path)
    assert found["truncated=True"] == sum(length > 26 for length in whole) > 0


WRONG: list[tuple[str, str]] = [
    ("lenght", "slices: unknown column 'lenght'. Did you mean 'length'?"),
    ("sentence1", "slices: 'sentence1' has 200 values; slices take at most 50"),
    ("nowhere:function", "cannot import 'nowhere' of slices of task card 'mrpc': nowhere:function"),
    ("kinds.py:fails", "kinds.py:fails fails on a row: KeyError: 'text'"),
    ("kinds.py:is_log", "kinds.py has no function 'is_log'. Did you mean 'is_long'?"),
]


@pytest.mark.parametrize(("spec", "expected"), WRONG)
def test_slices_that_are_not_there_are_explained(mrpc: Pipeline, tmp_path: Path, spec: str, expected: str) -> None:
    source = "def is_long(row): return True\n\ndef fails(row): return row['text']\n"
    (tmp_path / "kinds.py").write_text(source, encoding="utf-8")
    with pytest.raises(FtcheckError) as error:
        masks_of(mrpc, spec, folder=tmp_path)
    assert expected in str(error.value)


def test_a_calibrated_slice_may_be_of_other_rows_where_its_family_is_limited(mrpc: Pipeline, tmp_path: Path) -> None:
    seeds = {"mean": 0.9, "spread": 0.01, "seeds": 10, "rows": 50}
    limits: dict[str, Any] = {"length=1-2": {"min": 0.8, "calibrated": seeds}}
    with pytest.raises(TaskError, match="unknown slice 'length=1-2'"):
        pipeline_masks(gated(mrpc, "length", accuracy={"slices": limits}), tmp_path)
    assert pipeline_masks(gated(mrpc, "length", accuracy={"slices": {"length": 0.7, **limits}}), tmp_path)


def test_a_slice_with_a_limit_of_its_own_is_one_gate(mrpc: Pipeline, tmp_path: Path) -> None:
    pipeline = gated(mrpc, "class", accuracy={"slices": {"class": 0.5, "class=equivalent": 0.6}})
    masks = pipeline_masks(pipeline, tmp_path)
    assert session_share({"mrpc": pipeline}, {"mrpc": masks}, engines=1, seeds=5) == pytest.approx(0.01 / 4)
    found = limited_slices(pipeline, run_with(pipeline, 150), "accuracy", masks)
    assert [score.name for score in found] == ["class=not_equivalent", "class=equivalent"]
    assert limited_slices(pipeline, run_with(pipeline, 150), "f1", masks) == []


def test_a_limit_for_a_slice_without_rows_is_explained(mrpc: Pipeline, tmp_path: Path) -> None:
    pipeline = gated(mrpc, "class", accuracy={"slices": {"class=equivalnt": 0.7}})
    with pytest.raises(TaskError, match=r"unknown slice 'class=equivalnt'\. Did you mean 'class=equivalent'"):
        pipeline_masks(pipeline, tmp_path)


# Limits that gate nothing


@pytest.mark.parametrize(
    ("floors", "who"),
    [
        ({"accuracy": 0.55}, "the floor 0.5500 for accuracy has no effect: 'always "),
        ({"f1": 0.7}, "the floor 0.7000 for f1 has no effect: 'always equivalent'"),
        ({"loss": {"max": 0.69}}, "the ceiling 0.6900 for loss has no effect: 'the fraction of each label"),
        ({"brier_score": {"max": 0.25}}, "the ceiling 0.2500 for brier_score has no effect"),
    ],
)
def test_a_limit_that_a_trivial_classifier_reaches_is_refused(mrpc: Pipeline, floors: dict[str, Any], who: str) -> None:
    with pytest.raises(TaskError) as error:
        refuse_trivial_limits(gated(mrpc, **floors))
    assert str(error.value).startswith(f"task card 'mrpc': {who}")
    assert "give more evaluation rows (200 now)" in str(error.value)


def test_limits_above_the_trivial_ones_are_taken(mrpc: Pipeline) -> None:
    floors = {"accuracy": 0.7, "f1": 0.8, "loss": {"max": 0.5}, "expected_calibration_error": {"max": 0.9}}
    refuse_trivial_limits(gated(mrpc, **floors))
    # Of the rows of one class, a constant classifier has all right.
    refuse_trivial_limits(gated(mrpc, "class", accuracy={"max_drop": 0.1, "slices": {"class": 0.1}}))


def test_the_average_of_an_f1_is_asked_of_the_users_function(make_pipeline: Callable[..., Pipeline]) -> None:
    yelp = make_pipeline("yelp_review_full", train_rows=64, eval_rows=100)
    from sklearn.metrics import f1_score

    def with_average(average: str) -> Pipeline:
        def compute(evaluated: Any) -> dict[str, float]:
            predictions = evaluated.predictions.argmax(-1)
            return {"f1": float(f1_score(evaluated.label_ids, predictions, average=average))}

        return replace(yelp, card=replace(yelp.card, metric=metric), compute_metrics=compute)

    metric = replace(yelp.card.metric, greater_is_better={"f1": True})
    for average, value in (("macro", 0.07), ("micro", 0.2)):
        best = best_trivial_of(with_average(average), "f1")
        assert best is not None
        assert best.metric == f"f1:{average}"
        assert best.value >= value
    assert best_trivial_of(replace(with_average("macro"), compute_metrics=lambda _: {"f1": 0.5}), "f1") is None


@pytest.mark.parametrize("task", builtin_tasks())
@pytest.mark.parametrize("checkpoint", BUNDLED_CHECKPOINTS)
def test_no_bundled_floor_is_refused(make_pipeline: Callable[..., Pipeline], task: str, checkpoint: str) -> None:
    refuse_trivial_limits(make_pipeline(task, model=checkpoint, train_rows=100, eval_rows=400))
