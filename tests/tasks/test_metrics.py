"""The offline metrics give the Hub's results, and the road from logits to a metric fails closed."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import evaluate
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from transformers.trainer_utils import EvalPrediction

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.heads.classes import NO_CLASS
from pytest_ftcheck.tasks.metric_names import greater_is_better, metric_names
from pytest_ftcheck.tasks.metrics import compute_metrics_fn, load_metric, predictions_from_logits

# 3 true positives, 1 false positive, 2 false negatives, 2 true negatives.
PREDICTIONS = [1, 1, 1, 1, 0, 0, 0, 0]
REFERENCES = [1, 1, 1, 0, 1, 1, 0, 0]
ACCURACY, PRECISION, RECALL, F1 = 5 / 8, 3 / 4, 3 / 5, 2 * 3 / (2 * 3 + 1 + 2)
MCC = (3 * 2 - 1 * 2) / math.sqrt((3 + 1) * (3 + 2) * (2 + 1) * (2 + 2))

# Deviations from the means: (-1.5, -.5, .5, 1.5) and (-1, -2, 2, 1), so r = 5 / sqrt(5 * 10); ranks 2, 1, 4, 3.
SCORES = [1.0, 2.0, 3.0, 4.0]
TARGETS = [2.0, 1.0, 5.0, 4.0]
PEARSON, SPEARMAN, MSE = 5 / math.sqrt(50), 1 - 6 * 4 / (4 * 15), (1 + 1 + 4 + 0) / 4

GLUE = {
    "mrpc": {"accuracy": ACCURACY, "f1": F1},
    "qqp": {"accuracy": ACCURACY, "f1": F1},
    "cola": {"matthews_correlation": MCC},
    "stsb": {"pearson": PEARSON, "spearmanr": SPEARMAN},
} | {
    name: {"accuracy": ACCURACY}
    for name in ("qnli", "rte", "sst2", "wnli", "mnli", "mnli_matched", "mnli_mismatched", "hans")
}
PLAIN = {
    "accuracy": ACCURACY,
    "f1": F1,
    "precision": PRECISION,
    "recall": RECALL,
    "matthews_correlation": MCC,
    "pearsonr": PEARSON,
    "spearmanr": SPEARMAN,
    "mse": MSE,
}
EXPECTED: dict[tuple[str, str | None], dict[str, float]] = {("glue", config): want for config, want in GLUE.items()} | {
    (name, None): {name: want} for name, want in PLAIN.items()
}
REGRESSION = {("glue", "stsb"), ("pearsonr", None), ("spearmanr", None), ("mse", None)}
ALL = pytest.mark.parametrize(("path", "config_name"), EXPECTED)


def rows(path: str, config_name: str | None) -> tuple[list[Any], list[Any]]:
    """Return predictions and references that suit the metric."""
    return (SCORES, TARGETS) if (path, config_name) in REGRESSION else (PREDICTIONS, REFERENCES)


@ALL
def test_hand_computed_values_under_the_names_of_the_hub(path: str, config_name: str | None) -> None:
    predictions, references = rows(path, config_name)
    metric = load_metric(path, config_name)
    result = metric.compute(predictions=predictions, references=references)

    assert isinstance(metric, evaluate.Metric)
    assert (metric.name, metric.config_name) == (path, config_name or "default")
    # The glue scores of stsb are computed in float32, as on the Hub.
    assert result == pytest.approx(EXPECTED[path, config_name], rel=1e-6)
    assert {type(value) for value in result.values()} == {float}
    assert tuple(result) == metric_names(path, config_name)
    assert all(isinstance(greater_is_better(name), bool) for name in result)


@ALL
def test_batches_and_single_rows_give_what_one_call_gives(path: str, config_name: str | None) -> None:
    predictions, references = rows(path, config_name)
    metric = load_metric(path, config_name)
    metric.add(prediction=predictions[0], reference=torch.tensor(references[0]))
    metric.add_batch(predictions=np.array(predictions[1:3]), references=torch.tensor(references[1:3]))
    metric.add(prediction=np.array(predictions)[3], reference=references[3])
    assert len(metric) == 4
    result = metric.compute(predictions=predictions[4:], references=references[4:])

    assert result == load_metric(path, config_name).compute(predictions=predictions, references=references)
    assert len(metric) == 0, "the next evaluation would count these rows again"


@pytest.mark.parametrize(
    "convert",
    [
        tuple,
        lambda values: np.array(values, dtype=np.int32),
        lambda values: np.array(values, dtype=np.float32),
        lambda values: np.array(values, dtype=bool),
        torch.tensor,
        lambda values: torch.tensor(values, dtype=torch.bfloat16, requires_grad=True),
        lambda values: [torch.tensor(value) for value in values],
    ],
    ids=["tuple", "int32", "float32", "bool", "tensor", "bfloat16 with grad", "list of tensors"],
)
def test_kinds_of_input(convert: Any) -> None:
    result = load_metric("glue", "mrpc").compute(predictions=convert(PREDICTIONS), references=convert(REFERENCES))
    assert result == pytest.approx({"accuracy": ACCURACY, "f1": F1})


def test_one_metric_serves_many_evaluations_also_after_a_failed_one() -> None:
    metric = load_metric("f1")
    with pytest.raises(ValueError, match="multiclass"):
        metric.compute(predictions=[0, 1, 2], references=[0, 1, 2])
    with pytest.raises(ValueError, match=r"predictions \(2\) and references \(1\)"):
        metric.add_batch(predictions=[1, 0], references=[1])
    for _ in range(2):
        assert metric.compute(predictions=PREDICTIONS, references=REFERENCES) == pytest.approx({"f1": F1})


def test_nothing_is_created_in_the_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluate.config.HF_METRICS_CACHE", str(tmp_path / "cache"))
    metric = load_metric("accuracy")
    metric.compute(predictions=[1], references=[1])
    assert not (tmp_path / "cache").exists()

    # The same class without keep_in_memory does write there, so the line above can fail.
    on_disk = type(metric)()
    assert on_disk.compute(predictions=[1], references=[1]) == {"accuracy": 1.0}
    assert (tmp_path / "cache" / "accuracy").is_dir()


def test_two_metrics_of_one_name_share_nothing() -> None:
    first, second = load_metric("accuracy"), load_metric("accuracy")
    first.add(prediction=1, reference=1)
    second.add(prediction=0, reference=1)
    assert first.experiment_id != second.experiment_id
    assert (first.compute(), second.compute()) == ({"accuracy": 1.0}, {"accuracy": 0.0})


def test_names_and_directions_are_cheap() -> None:
    code = "import sys, pytest_ftcheck.tasks.metrics as m; m.metric_names('f1'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pytest_ftcheck.tasks.metrics" in loaded
    assert not {"evaluate", "torch", "transformers", "sklearn", "scipy"} & set(loaded)


# Compute arguments, examples and values of the documentation of the Hub's scripts.
MULTICLASS = ([0, 2, 1, 0, 0, 1], [0, 1, 2, 0, 1, 2])
BINARY = ([0, 0, 1, 1, 0], [0, 1, 0, 1, 0])
WEIGHTS = [0.9, 0.5, 3.9, 1.2, 0.3]


@pytest.mark.parametrize(
    ("path", "data", "options", "want"),
    [
        ("accuracy", ([0, 1, 1, 2, 1, 0], [0, 1, 2, 0, 1, 2]), {"normalize": False}, 3.0),
        (
            "accuracy",
            ([0, 1, 1, 2, 1, 0], [0, 1, 2, 0, 1, 2]),
            {"sample_weight": [0.5, 2, 0.7, 0.5, 9, 0.4]},
            11.5 / 13.1,
        ),
        ("f1", BINARY, {"pos_label": 0}, 2 / 3),
        ("f1", BINARY, {"sample_weight": WEIGHTS}, 2.4 / 6.8),
        ("f1", MULTICLASS, {"average": "macro"}, 0.8 / 3),
        ("f1", MULTICLASS, {"average": "micro"}, 1 / 3),
        ("f1", MULTICLASS, {"average": "weighted"}, 0.8 / 3),
        ("f1", MULTICLASS, {"average": "macro", "labels": [0, 1]}, 0.4),
        ("precision", BINARY, {"pos_label": 0}, 2 / 3),
        ("precision", BINARY, {"sample_weight": WEIGHTS}, 1.2 / 5.1),
        ("precision", MULTICLASS, {"average": "macro"}, 2 / 9),
        ("precision", ([0, 0], [0, 1]), {"zero_division": 1}, 1.0),
        ("recall", BINARY, {"sample_weight": WEIGHTS}, 1.2 / 1.7),
        ("recall", MULTICLASS, {"average": "macro"}, 1 / 3),
        ("mse", ([2.5, 0.0, 2, 8], [3, -0.5, 2, 7]), {"squared": False}, math.sqrt(0.375)),
        ("mse", ([2.5, 0.0], [3, 0.0]), {"sample_weight": [3, 1]}, 0.75 / 4),
        ("matthews_correlation", BINARY, {"sample_weight": [1, 0, 0, 1, 1]}, 1.0),
    ],
)
def test_compute_arguments_of_the_hub(path: str, data: Any, options: dict[str, Any], want: float) -> None:
    result = load_metric(path).compute(predictions=data[0], references=data[1], **options)
    assert result == pytest.approx({path: want})
    assert type(result[path]) is float


@pytest.mark.parametrize(("path", "want"), [("f1", [0.8, 0, 0]), ("precision", [2 / 3, 0, 0]), ("recall", [1, 0, 0])])
def test_no_average_gives_a_value_for_each_class(path: str, want: list[float]) -> None:
    scores = load_metric(path).compute(predictions=MULTICLASS[0], references=MULTICLASS[1], average=None)[path]
    assert isinstance(scores, np.ndarray)
    assert scores == pytest.approx(want)


@pytest.mark.parametrize(
    ("path", "value", "key", "pvalue"),
    [("pearsonr", -0.74, "p-value", 0.15), ("spearmanr", -0.7, "spearmanr_pvalue", 0.19)],
)
def test_p_values(path: str, value: float, key: str, pvalue: float) -> None:
    data = {"predictions": [10, 9, 2.5, 6, 4], "references": [1, 2, 3, 4, 5]}
    result = load_metric(path).compute(**data, return_pvalue=True)
    assert result == pytest.approx({path: value, key: pvalue}, abs=0.005)
    assert load_metric(path).compute(**data) == {path: result[path]}


CLASS_ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)
FLOATS = st.floats(-100, 100, width=32)
FLOAT_ROWS = st.lists(st.tuples(FLOATS, FLOATS), min_size=2, max_size=30)


def columns(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Split pairs into predictions and references."""
    predictions, references = zip(*pairs, strict=True)
    return np.array(predictions), np.array(references)


@settings(max_examples=40, deadline=None)
@given(CLASS_ROWS, st.integers(1, 30))
@pytest.mark.filterwarnings("ignore:A single label was found", "ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_classification_metrics_equal_scikit_learn(pairs: list[tuple[int, int]], cut: int) -> None:
    predictions, references = columns(pairs)
    assert load_metric("glue", "mnli").compute(predictions=predictions, references=references) == {
        "accuracy": sk.accuracy_score(references, predictions)
    }
    metric = load_metric("glue", "cola")
    metric.add_batch(predictions=predictions[:cut], references=references[:cut])
    metric.add_batch(predictions=predictions[cut:], references=references[cut:])
    assert metric.compute() == {"matthews_correlation": sk.matthews_corrcoef(references, predictions)}
    for path in ("f1", "precision", "recall"):
        want = getattr(sk, f"{path}_score")(references, predictions, average="macro")
        assert load_metric(path).compute(predictions=predictions, references=references, average="macro") == {
            path: want
        }


@settings(max_examples=40, deadline=None)
@given(FLOAT_ROWS)
@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning", "ignore::scipy.stats.NearConstantInputWarning")
def test_regression_metrics_equal_scipy(pairs: list[tuple[float, float]]) -> None:
    predictions, references = columns(pairs)
    want = {
        "pearsonr": stats.pearsonr(predictions, references).statistic,
        "spearmanr": stats.spearmanr(predictions, references).statistic,
        "mse": np.mean((predictions - references) ** 2),
    }
    for path, value in want.items():
        result = load_metric(path).compute(predictions=predictions, references=references)
        assert result == pytest.approx({path: value}, nan_ok=True, rel=1e-6, abs=1e-9)

    # The Hub's glue script scores float32 arrays, and so exactly do we.
    predictions, references = predictions.astype(np.float32), references.astype(np.float32)
    glue = load_metric("glue", "stsb").compute(predictions=predictions, references=references)
    exact = [float(score(predictions, references)[0]) for score in (stats.pearsonr, stats.spearmanr)]
    np.testing.assert_array_equal([glue["pearson"], glue["spearmanr"]], exact)


@pytest.mark.parametrize("constant", ["predictions", "references"])
def test_a_constant_input_gives_nan_correlations_and_zero_mcc(constant: str) -> None:
    scores = {"predictions": SCORES, "references": SCORES} | {constant: [3.0] * 4}
    result = load_metric("glue", "stsb").compute(**scores)
    assert math.isnan(result["pearson"])
    assert math.isnan(result["spearmanr"])

    classes = {"predictions": REFERENCES, "references": REFERENCES} | {constant: [1] * 8}
    assert load_metric("glue", "cola").compute(**classes) == {"matthews_correlation": 0.0}
    both = {"predictions": [1] * 8, "references": [1] * 8}
    assert load_metric("matthews_correlation").compute(**both) == {"matthews_correlation": 0.0}


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("side", ["predictions", "references"])
@pytest.mark.parametrize(("path", "config_name"), sorted(REGRESSION, key=str))
def test_one_broken_value_gives_nan(path: str, config_name: str | None, side: str, broken: float) -> None:
    data = {"predictions": SCORES, "references": TARGETS}
    data[side] = [*data[side][:-1], broken]
    assert all(math.isnan(value) for value in load_metric(path, config_name).compute(**data).values())


@ALL
def test_no_rows_is_an_error(path: str, config_name: str | None) -> None:
    metric = load_metric(path, config_name)
    message = rf"metric '{path}' got no rows"
    with pytest.raises(TaskError, match=message):
        metric.compute()
    with pytest.raises(TaskError, match=message):
        metric.compute(predictions=[], references=[])


@pytest.mark.parametrize("path", ["pearsonr", "spearmanr"])
def test_a_correlation_of_one_row_is_an_error(path: str) -> None:
    with pytest.raises(TaskError, match="at least 2 rows, got 1"):
        load_metric(path).compute(predictions=[1.0], references=[2.0])


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([0.9, 0.1], r"class ids, got 0\.9.*predictions_from_logits"),
        ([1.0, math.nan], "class ids, got nan"),
        ([1.0, math.inf], "class ids, got inf"),
        ([[0.1, 0.9], [0.9, 0.1]], r"shape \(2, 2\).*predictions_from_logits"),
        (["yes", "no"], "must be numbers, got .*'yes'"),
        (None, "got no predictions"),
    ],
)
def test_what_is_not_a_class_id_is_an_error(predictions: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_metric("accuracy").compute(predictions=predictions, references=[1, 0])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("acuracy",), r"unknown metric 'acuracy'\. Did you mean 'accuracy'\?"),
        (("glue", "mrcp"), r"metric 'glue'.*'mrcp'\. Did you mean 'mrpc'\?"),
        (("glue",), r"metric 'glue'.*Known: cola, .*wnli"),
        (("accuracy", "multilabel"), "metric 'accuracy'.*'multilabel'.*Known: default"),
    ],
)
def test_unknown_metrics_name_the_closest(args: tuple[str, ...], message: str) -> None:
    for function in (load_metric, metric_names):
        with pytest.raises(TaskError, match=message):
            function(*args)


def test_directions() -> None:
    up = ["accuracy", "f1", "precision", "recall", "matthews_correlation", "pearson", "pearsonr", "spearmanr"]
    assert [greater_is_better(name) for name in up] == [True] * len(up)
    assert [greater_is_better(name) for name in ("mse", "loss")] == [False, False]
    with pytest.raises(TaskError, match=r"'acc_uracy'\. Did you mean 'accuracy'\?"):
        greater_is_better("acc_uracy")


# Logits -> predictions -> metrics.

LOGITS = np.array([[0.1, 2.0], [3.0, -1.0], [0.5, 0.5]], dtype=np.float32)


@pytest.mark.parametrize(
    "logits",
    [
        LOGITS,
        LOGITS.astype(np.float16),
        LOGITS.tolist(),
        (LOGITS, np.zeros((7, 3))),
        torch.tensor(LOGITS, dtype=torch.bfloat16, requires_grad=True),
    ],
    ids=["float32", "float16", "list", "tuple", "bfloat16"],
)
def test_classes_are_the_highest_logits(logits: Any) -> None:
    predictions = predictions_from_logits(logits, "sequence-classification")
    assert predictions.dtype == np.int64
    assert predictions.tolist() == [1, 0, 0]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_row_that_is_not_finite_has_no_class(broken: float) -> None:
    logits = LOGITS.copy()
    logits[1, 1] = broken
    assert predictions_from_logits(logits, "sequence-classification").tolist() == [1, NO_CLASS, 0]


@pytest.mark.parametrize("logits", [[[1.5], [2.0]], [1.5, 2.0]])
def test_regression_takes_the_one_column(logits: Any) -> None:
    predictions = predictions_from_logits(np.array(logits, dtype=np.float32), "regression")
    assert predictions.dtype == np.float64
    assert predictions.tolist() == [1.5, 2.0]


def test_regression_keeps_the_axis_of_a_single_row() -> None:
    assert predictions_from_logits(np.array([[1.5]]), "regression").shape == (1,)


@pytest.mark.parametrize(
    ("shape", "head"),
    [
        ((3,), "sequence-classification"),
        ((3, 1), "sequence-classification"),
        ((3, 4, 2), "sequence-classification"),
        ((3, 2), "regression"),
        ((), "regression"),
    ],
)
def test_logits_of_another_head_are_an_error(shape: tuple[int, ...], head: str) -> None:
    with pytest.raises(TaskError, match="got shape"):
        predictions_from_logits(np.zeros(shape), head)


def evaluated(predictions: Any, label_ids: Any) -> EvalPrediction:
    """Return what a Trainer gives to compute_metrics."""
    return EvalPrediction(predictions=predictions, label_ids=label_ids)


def test_compute_metrics_for_classification() -> None:
    compute = compute_metrics_fn(load_metric("glue", "mrpc"), "sequence-classification")
    want = {"accuracy": 2 / 3, "f1": 2 / 3}
    assert compute(evaluated(LOGITS, np.array([1, 0, 1]))) == pytest.approx(want)
    assert compute(evaluated((LOGITS, LOGITS), np.array([1, 0, 1]))) == pytest.approx(want), "state from the first call"


@pytest.mark.parametrize("labels", [np.array(TARGETS), np.array(TARGETS)[:, None]])
def test_compute_metrics_for_regression(labels: Any) -> None:
    compute = compute_metrics_fn(load_metric("glue", "stsb"), "regression")
    result = compute(evaluated(np.array(SCORES, dtype=np.float32)[:, None], labels))
    assert result == pytest.approx({"pearson": PEARSON, "spearmanr": SPEARMAN})


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("path", "config_name", "head", "width"),
    [
        ("glue", "mrpc", "sequence-classification", 2),
        ("accuracy", None, "sequence-classification", 3),
        ("glue", "stsb", "regression", 1),
    ],
)
def test_one_broken_logit_makes_every_metric_nan(
    path: str, config_name: str | None, head: str, width: int, broken: float
) -> None:
    logits = np.arange(4.0 * width).reshape(4, width)
    logits[2, -1] = broken
    compute = compute_metrics_fn(load_metric(path, config_name), head)
    result = compute(evaluated((logits,), np.array([0, 1, 1, 0])))
    assert tuple(result) == metric_names(path, config_name)
    assert all(math.isnan(value) for value in result.values())


class Mistakes(evaluate.Metric):  # type: ignore[misc] # evaluate carries no types
    """A user's own metric, of which this package knows no keys."""

    def _info(self) -> evaluate.MetricInfo:
        features = load_metric("accuracy").features
        return evaluate.MetricInfo(description="", citation="", features=features)

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, int]:
        return {"mistakes": sum(p != r for p, r in zip(predictions, references, strict=True))}


def test_compute_metrics_with_a_metric_of_the_user(tmp_path: Any) -> None:
    compute = compute_metrics_fn(Mistakes(keep_in_memory=True, cache_dir=str(tmp_path)), "sequence-classification")
    result = compute(evaluated(LOGITS, np.array([1, 0, 1])))
    assert result == {"mistakes": 1.0}
    assert type(result["mistakes"]) is float

    broken = compute(evaluated(LOGITS * math.nan, np.array([1, 0, 1])))
    assert list(broken) == ["mistakes"]
    assert math.isnan(broken["mistakes"])


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (LOGITS, None, "one column of labels, got none"),
        (LOGITS, (np.zeros(3), np.zeros(3)), "got 2 label columns"),
        (LOGITS, np.zeros((3, 2)), r"got shape \(3, 2\)"),
        (LOGITS, np.zeros(4), "3 rows of logits for 4 labels"),
        (LOGITS[:0], np.zeros(0), "got no rows"),
    ],
)
def test_evaluations_that_cannot_be_scored(logits: Any, labels: Any, message: str) -> None:
    compute = compute_metrics_fn(load_metric("accuracy"), "sequence-classification")
    with pytest.raises(TaskError, match=message):
        compute(evaluated(logits, labels))


def test_an_unknown_head_is_found_before_the_training() -> None:
    with pytest.raises(TaskError, match=r"'sequence-clasification'.*Did you mean 'sequence-classification'\?"):
        compute_metrics_fn(load_metric("accuracy"), "sequence-clasification")
    with pytest.raises(TaskError, match="unknown head"):
        predictions_from_logits(LOGITS, "token")
