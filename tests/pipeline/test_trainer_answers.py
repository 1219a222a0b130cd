"""The answers of a Trainer as run_qa.py has it: read in the forms in which scripts return them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from transformers import EvalPrediction

from pytest_ftcheck.gates.intervals import row_interval
from pytest_ftcheck.gates.row_metrics import resolve_metric
from pytest_ftcheck.heads.own_answers import HEAD
from pytest_ftcheck.heads.positions import HEAD as POSITIONS
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.pipeline.trainer_answers import answers_of, made_up_answers, with_right_answers
from pytest_ftcheck.pipeline.trainer_evaluation import TrainerEvaluation

IDS = ["a", "b", "c"]
GIVEN = ["sold", "", "Anna"]
RIGHT = ['["sold", "she sold"]', "[]", '["Ben"]']
SQUAD: list[dict[str, Any]] = [
    {"text": ["sold", "she sold"], "answer_start": [5, 1]},
    {"text": [], "answer_start": []},
    {"text": ["Ben"], "answer_start": [0]},
]


def made(given: Any, right: Any, **changed: Any) -> Any:
    """Make a Trainer whose post-processing returns these answers for any logits."""
    args = SimpleNamespace(batch_eval_metrics=False, include_for_metrics=[], metric_for_best_model=None)
    trainer = SimpleNamespace(
        eval_dataset=Dataset.from_dict({"input_ids": [[1] * 5] * 4}),
        eval_examples=Dataset.from_dict({"id": IDS, "question": ["What?", "Who?", "Whom?"]}),
        post_process_function=lambda *_: EvalPrediction(predictions=given, label_ids=right),
        preprocess_logits_for_metrics=None,
        compute_metrics=lambda answered: {"f1": float(len(answered.predictions))},
        args=args,
    )
    vars(trainer).update(changed)
    return trainer


FORMS: dict[str, tuple[Any, Any]] = {
    "run_qa": (
        [{"id": key, "prediction_text": text} for key, text in zip(IDS, GIVEN, strict=True)],
        [{"id": key, "answers": answers} for key, answers in zip(IDS, SQUAD, strict=True)],
    ),
    "another order": (
        [{"id": key, "prediction_text": GIVEN[IDS.index(key)], "no_answer_probability": 0.0} for key in "cab"],
        [{"id": key, "answers": SQUAD[IDS.index(key)]} for key in "bca"],
    ),
    "by id": (dict(zip(IDS, GIVEN, strict=True)), dict(zip(IDS, SQUAD, strict=True))),
    "texts": (GIVEN, [["sold", "she sold"], [], "Ben"]),
    "arrays": (np.array(GIVEN), [np.array(["sold", "she sold"]), np.array([], dtype=str), np.array(["Ben"])]),
    "lists of mappings": (GIVEN, [[{"text": text} for text in answers["text"]] for answers in SQUAD]),
}


@pytest.mark.parametrize("form", FORMS)
def test_answers_are_read_in_the_order_of_the_raw_rows(form: str) -> None:
    found = made_up_answers(made(*FORMS[form]), POSITIONS)
    assert found is not None
    assert found.answered.answers.tolist() == GIVEN
    assert found.answered.references.tolist() == RIGHT
    assert found.metrics == {"f1": 3.0}
    rows = found.answered.rows
    assert rows.head is HEAD
    assert rows.logits is None


@pytest.mark.parametrize(
    ("given", "right", "changed"),
    [
        (GIVEN[:2], RIGHT[:2], {}),
        ([1, 2, 3], GIVEN, {}),
        (GIVEN, [1, 2, 3], {}),
        (GIVEN, [{"id": key} for key in IDS], {}),
        ([{"id": key, "prediction_text": "x"} for key in "abd"], GIVEN, {}),
        (None, GIVEN, {}),
        (GIVEN, GIVEN, {"compute_metrics": None}),
        (GIVEN, GIVEN, {"compute_metrics": lambda _: 1 / 0}),
        (GIVEN, GIVEN, {"compute_metrics": lambda _: {"f1": "high"}}),
        (GIVEN, GIVEN, {"post_process_function": lambda *_: 1 / 0}),
        (GIVEN, GIVEN, {"eval_examples": [1, 2, 3]}),
        (GIVEN, GIVEN, {"eval_dataset": {"one": [], "two": []}}),
        (GIVEN, GIVEN, {"post_process_function": None}),
    ],
    ids=[
        "too few",
        "numbers",
        "numbers as answers",
        "no answers",
        "unknown id",
        "none",
        "no metrics",
        "metrics fail",
        "no number",
        "post-processing fails",
        "no table",
        "several sets",
        "no post-processing",
    ],
)
def test_of_any_other_form_the_windows_are_judged(given: Any, right: Any, changed: dict[str, Any]) -> None:
    assert made_up_answers(made(given, right, **changed), POSITIONS) is None


def test_answers_that_are_missing_only_in_the_run_are_an_error() -> None:
    trainer = made(GIVEN[:2], RIGHT[:2])
    with pytest.raises(ValueError, match="no text for each of the 3 questions of eval_examples"):
        answers_of(trainer, POSITIONS, trainer.eval_dataset, np.zeros((4, 5, 2), np.float32))


def test_post_processing_gets_the_windows_and_logits_of_the_run() -> None:
    seen: list[Any] = []

    def post_process(examples: Any, windows: Any, predictions: Any) -> EvalPrediction:
        seen.append((len(examples), windows, [part.shape for part in predictions]))
        return EvalPrediction(predictions=GIVEN, label_ids=GIVEN)  # type: ignore[arg-type]  # texts, not arrays: as run_qa.py

    trainer = made(GIVEN, GIVEN, post_process_function=post_process)
    windows = trainer.eval_dataset.select([0, 1])
    answers_of(trainer, POSITIONS, windows, np.zeros((2, 5, 2), np.float32))
    assert seen == [(3, windows, [(2, 5), (2, 5)])]


def test_raw_rows_have_the_right_answers_of_the_metrics() -> None:
    examples = Dataset.from_dict({"id": IDS, "answers": ["", "", ""]})
    rows = with_right_answers(examples, RIGHT, "answers")
    assert [entry["text"] for entry in rows["answers"]] == [["sold", "she sold"], [], ["Ben"]]
    evaluation = TrainerEvaluation(made(*FORMS["run_qa"]))
    assert getattr(evaluation.questions, "column_names", None) is None
    assert evaluation.try_answers(POSITIONS) is not None
    assert getattr(evaluation.questions, "column_names", None) == ["id", "question", "answers"]


def test_a_metric_in_percent_and_one_as_a_share_have_intervals() -> None:
    given = np.array([*["sold"] * 30, *["Anna"] * 10])
    rows = EvaluatedRows(np.array(['["sold"]'] * 40), given, None, HEAD)
    for name, scale in (("f1", 100), ("exact_match", 1), ("em", 1)):
        resolved = resolve_metric(name, rows, 0.75 * scale)
        interval = row_interval(resolved, rows)
        assert interval is not None
        assert 0.55 * scale < interval.low < 0.75 * scale < interval.high < 0.9 * scale
    assert resolve_metric("f1", rows, 60.0) is None
