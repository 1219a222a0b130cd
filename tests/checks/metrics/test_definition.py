"""What a metric is called, against what it is for made-up logits: also where the model of the run is perfect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from datasets import Dataset
from scipy import special, stats
from sklearn import metrics as sk
from transformers import EvalPrediction

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.trainer_metrics import BatchedMetrics, PreparedMetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Compute = Callable[[NDArray[Any], NDArray[Any]], Mapping[str, Any]]

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


@pytest.fixture(scope="module")
def pipelines(make_pipeline: Callable[..., Pipeline]) -> dict[str, Pipeline]:
    return {task: make_pipeline(task, train_rows=8, eval_rows=60) for task in ("mrpc", "stsb", "yelp_review_full")}


def judge(pipeline: Pipeline, compute: Compute, *, seed: int = 0, **changes: Any) -> list[Finding]:
    def asked(given: Any) -> dict[str, Any]:
        return dict(compute(given.predictions, given.label_ids))

    evidence = Evidence(
        replace(pipeline, compute_metrics=asked, **changes),
        engine="manual",
        seed=seed,
        environment=ENVIRONMENT,
        make_run=lambda: pytest.fail("no run is needed"),
        make_probe=lambda **_: pytest.fail("no training is needed"),
    )
    return run_check(catalogue()["metrics.definition"], evidence)


def classes(logits: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.argmax(logits, axis=-1))


RIGHT: dict[str, tuple[str, Compute]] = {
    "accuracy": ("mrpc", lambda z, y: {"accuracy": (classes(z) == y).mean(), "rows": len(y)}),
    "percent, rounded": ("mrpc", lambda z, y: {"acc": round(100 * float((classes(z) == y).mean()), 2)}),
    "f1 of class 1": ("mrpc", lambda z, y: {"f1": sk.f1_score(y, classes(z), zero_division=0)}),
    "f1 of class 0": ("mrpc", lambda z, y: {"f1": sk.f1_score(y, classes(z), pos_label=0, zero_division=0)}),
    "macro": ("yelp_review_full", lambda z, y: {"f1_macro": sk.f1_score(y, classes(z), average="macro")}),
    "weighted": (
        "yelp_review_full",
        lambda z, y: {"precision": sk.precision_score(y, classes(z), average="weighted", zero_division=0)},
    ),
    "threshold on a probability": (
        "mrpc",
        lambda z, y: {"accuracy": ((special.softmax(z, axis=1)[:, 1] > 0.5) == y).mean()},
    ),
    "area under the curve": ("mrpc", lambda z, y: {"roc_auc": sk.roc_auc_score(y, special.softmax(z, axis=1)[:, 1])}),
    "correlations": (
        "stsb",
        lambda z, y: {
            "pearson": stats.pearsonr(z[:, 0], y).statistic,
            "spearmanr": stats.spearmanr(z[:, 0], y).statistic,
        },
    ),
    "errors": ("stsb", lambda z, y: {"mse": ((z[:, 0] - y) ** 2).mean(), "mae": np.abs(z[:, 0] - y).mean()}),
    "a name of one's own": ("mrpc", lambda z, y: {"quality": float((classes(z) == y).mean()) ** 2}),
}


@pytest.mark.parametrize(("task", "compute"), RIGHT.values(), ids=RIGHT)
def test_metrics_that_are_what_they_are_called_are_quiet(
    pipelines: dict[str, Pipeline], task: str, compute: Compute
) -> None:
    for seed in range(5):
        assert judge(pipelines[task], compute, seed=seed) == []


WRONG: dict[str, tuple[str, Compute, str]] = {
    "threshold on a raw logit": ("mrpc", lambda z, y: {"accuracy": ((z[:, 1] > 0.5) == y).mean()}, ""),
    "argmax over one column": (
        "mrpc",
        lambda z, y: {"accuracy": (classes(z[:, :1]) == y).mean()},
        "for all of them",
    ),
    "precision and recall exchanged": (
        "mrpc",
        lambda z, y: {"precision": sk.precision_score(classes(z), y, zero_division=0)},
        ": it is precision with predictions and references exchanged",
    ),
    "accuracy for macro F1": (
        "yelp_review_full",
        lambda z, y: {"macro_f1": (classes(z) == y).mean()},
        ": it is accuracy",
    ),
    "rows of another order": ("mrpc", lambda z, y: {"accuracy": (classes(z)[::-1] == y).mean()}, ""),
    "area of answers": (
        "mrpc",
        lambda z, y: {"roc_auc": sk.roc_auc_score(y, classes(z))},
        ": it is that of predicted classes (argmax), not of scores such as probabilities",
    ),
    "squared for absolute": ("stsb", lambda z, y: {"mae": ((z[:, 0] - y) ** 2).mean()}, ": it is mse"),
    "a column against a row": ("stsb", lambda z, y: {"mse": ((z - y) ** 2).mean()}, ""),
}


@pytest.mark.parametrize(("task", "compute", "observed"), WRONG.values(), ids=WRONG)
def test_metrics_that_are_something_else_are_found(
    pipelines: dict[str, Pipeline], task: str, compute: Compute, observed: str
) -> None:
    for seed in range(2):
        (finding,) = judge(pipelines[task], compute, seed=seed)
        assert finding.observed.endswith(observed)
        assert "compute_metrics" in finding.hint


@pytest.mark.parametrize("size", [7, 16, 64])
def test_metrics_that_take_batches_are_asked_batch_by_batch(pipelines: dict[str, Pipeline], size: int) -> None:
    right: list[bool] = []

    def forgetful(batch: Any, *, compute_result: bool) -> dict[str, float]:
        right.clear()
        return accumulating(batch, compute_result=compute_result)

    def accumulating(batch: Any, *, compute_result: bool) -> dict[str, float]:
        right.extend((batch.predictions.argmax(dim=-1) == batch.label_ids).tolist())
        if not compute_result:
            return {}
        share = float(np.mean(right))
        right.clear()
        return {"accuracy": share}

    def of(compute: Callable[..., dict[str, float]]) -> list[Finding]:
        batched = BatchedMetrics(compute, size)
        changes: dict[str, Any] = {"args": {"per_device_eval_batch_size": size}}
        return judge(pipelines["mrpc"], lambda z, y: batched(EvalPrediction(z, y)), **changes)

    assert of(accumulating) == []
    if size < 60:
        (finding,) = of(forgetful)
        assert finding.observed.endswith(f": it is the accuracy of the last batch alone, {60 % size} of the rows")


@pytest.mark.parametrize(
    ("names", "share", "level"),
    [
        (("no paraphrase", "paraphrase"), 0.8, "fail"),
        (("LABEL_0", "LABEL_1"), 0.7, "fail"),
        (("spam", "message"), 0.8, "warn"),
        (("no paraphrase", "paraphrase"), 0.5, ""),
    ],
)
def test_f1_of_the_frequent_class_0_is_found(
    pipelines: dict[str, Pipeline], names: tuple[str, str], share: float, level: str
) -> None:
    rows = pipelines["mrpc"].eval_dataset
    labels = [int(row >= share * len(rows)) for row in range(len(rows))]
    card = replace(pipelines["mrpc"].card, label_names=names)
    changes = {"eval_dataset": rows.remove_columns("labels").add_column("labels", labels), "card": card}
    assert judge(pipelines["mrpc"], lambda z, y: {"f1": sk.f1_score(y, classes(z))}, **changes) == []
    found = judge(pipelines["mrpc"], lambda z, y: {"f1": sk.f1_score(y, classes(z), pos_label=0)}, **changes)
    assert [entry.level for entry in found] == ([level] if level else [])
    assert all(
        f"f1 of class {names[0]} (pos_label=0), which {share:.0%} of the rows are of" in entry.observed
        for entry in found
    )


def test_a_metric_that_decides_and_cannot_move_is_found_whatever_its_name(pipelines: dict[str, Pipeline]) -> None:
    chosen = {"metric_for_best_model": "eval_quality"}
    (finding,) = judge(pipelines["mrpc"], lambda _, y: {"quality": float(y.mean()), "share": 0.5}, args=chosen)
    assert finding.expected.startswith("quality to depend on the predictions")


def test_rows_without_a_label_may_be_left_out_or_counted_as_wrong(pipelines: dict[str, Pipeline]) -> None:
    rows = pipelines["mrpc"].eval_dataset.to_dict()
    rows["labels"] = [-100 if row % 6 == 0 else label for row, label in enumerate(rows["labels"])]
    partly = replace(pipelines["mrpc"], eval_dataset=Dataset.from_dict(rows))
    assert judge(partly, lambda z, y: {"accuracy": (classes(z) == y).mean()}) == []
    assert judge(partly, lambda z, y: {"accuracy": (classes(z) == y)[y >= 0].mean()}) == []


def test_what_cannot_be_asked_is_not_judged(pipelines: dict[str, Pipeline]) -> None:
    def wants_more(logits: NDArray[Any], _: NDArray[Any]) -> Mapping[str, Any]:
        return {"accuracy": logits[2].mean() + logits["hidden"]}

    with pytest.raises(NotApplicable, match="fails with made-up logits: IndexError"):
        judge(pipelines["mrpc"], wants_more)
    few = pipelines["mrpc"].eval_dataset.select(range(10))
    with pytest.raises(NotApplicable, match="fewer than 20 evaluated rows"):
        judge(pipelines["mrpc"], lambda *_: {"accuracy": 1.0}, eval_dataset=few)


def test_recall_of_a_few_rows_may_be_the_same_for_all_questions(pipelines: dict[str, Pipeline]) -> None:
    rows = pipelines["mrpc"].eval_dataset
    rare = rows.remove_columns("labels").add_column("labels", [int(row < 2) for row in range(len(rows))])

    def recall(logits: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
        return {"recall": sk.recall_score(labels, classes(logits), zero_division=0)}

    assert [
        found for seed in range(20) for found in judge(pipelines["mrpc"], recall, seed=seed, eval_dataset=rare)
    ] == []


def of_each_class(names: tuple[str, ...]) -> Compute:
    def compute(logits: NDArray[Any], labels: NDArray[Any]) -> Mapping[str, Any]:
        each = sk.recall_score(labels, classes(logits), average=None, zero_division=0)
        return {f"recall_{name}": float(value) for name, value in zip(names, each, strict=True)}

    return compute


def test_metrics_of_classes_are_of_the_class_that_they_name(pipelines: dict[str, Pipeline]) -> None:
    names = pipelines["mrpc"].card.label_names
    assert judge(pipelines["mrpc"], of_each_class(names)) == []
    found = {
        finding.expected.partition(" of ")[0]: finding
        for finding in judge(pipelines["mrpc"], of_each_class(names[::-1]))
    }
    told = f": it is the recall of class {names[0]}: names and class ids are in different orders"
    assert found[f"recall_{names[1]}"].observed.endswith(told)
    assert len(found) == 2


def test_logits_that_are_prepared_wrongly_are_told_from_a_wrong_metric(pipelines: dict[str, Pipeline]) -> None:
    def accuracy(given: EvalPrediction) -> dict[str, float]:
        return {"accuracy": float((classes(np.asarray(given.predictions)) == given.label_ids).mean())}

    def prepared(by: Callable[[Any], Any]) -> list[Finding]:
        metrics = PreparedMetrics(lambda logits, _: by(logits), accuracy)
        evidence = Evidence(
            replace(pipelines["mrpc"], compute_metrics=metrics),
            engine="manual",
            seed=0,
            environment=ENVIRONMENT,
            make_run=lambda: pytest.fail("no run is needed"),
            make_probe=lambda **_: pytest.fail("no training is needed"),
        )
        return run_check(catalogue()["metrics.definition"], evidence)

    assert prepared(lambda logits: 2 * logits) == []
    (finding,) = prepared(lambda logits: -logits)
    assert finding.observed.endswith("right with the model's own logits: preprocess_logits_for_metrics changes them")
