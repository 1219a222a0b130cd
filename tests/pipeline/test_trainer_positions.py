"""A Trainer as run_qa.py has it: labels of its evaluation rows, and metrics of answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from transformers import EvalPrediction

from pytest_ftcheck.pipeline.trainer_metrics import MetricsOfEnds, metrics_of_logits
from pytest_ftcheck.pipeline.trainer_positions import with_eval_positions

OFFSETS = [None, [0, 4], [5, 9], [10, 14], None]
EXAMPLES = {
    "id": ["a", "b"],
    "answers": [{"text": ["sold"], "answer_start": [5]}, {"text": [], "answer_start": []}],
}


def made(**changed: Any) -> Any:
    rows = {"input_ids": [[1] * 5] * 3, "example_id": ["a", "b", "a"], "offset_mapping": [OFFSETS] * 3}
    rows |= changed.get("rows", {})
    train = Dataset.from_dict({name: [0] for name in changed.get("train", ("start_positions", "end_positions"))})
    examples = Dataset.from_dict(changed.get("examples", EXAMPLES))
    eval_dataset = Dataset.from_dict({name: values for name, values in rows.items() if values})
    return SimpleNamespace(train_dataset=train, eval_dataset=eval_dataset, eval_examples=examples)


def test_evaluation_rows_get_the_positions_that_their_offsets_tell() -> None:
    trainer = made()
    with_eval_positions(trainer)
    assert trainer.eval_dataset["start_positions"][:] == [2, 0, 2]
    assert trainer.eval_dataset["end_positions"][:] == [2, 0, 2]


@pytest.mark.parametrize(
    "changed",
    [
        {"train": ("labels",)},
        {"rows": {"example_id": []}},
        {"rows": {"offset_mapping": [[[0, 4]] * 5] * 3}},
        {"rows": {"example_id": ["a", "b", "c"]}},
        {"examples": {"id": ["a", "b"]}},
        {"rows": {"start_positions": [1, 1, 1], "end_positions": [1, 1, 1]}},
    ],
    ids=["other labels", "no ids", "all offsets", "unknown id", "no answers", "labels"],
)
def test_rows_that_do_not_tell_their_answers_stay_as_they_are(changed: dict[str, Any]) -> None:
    trainer = made(**changed)
    before = trainer.eval_dataset
    with_eval_positions(trainer)
    assert trainer.eval_dataset is before


def evaluated() -> EvalPrediction:
    return EvalPrediction(np.arange(24, dtype=np.float32).reshape(3, 4, 2), np.array([[1, 2], [0, 0], [3, 3]]))


def test_metrics_get_start_and_end_as_a_trainer_hands_them_over() -> None:
    def compute(given: Any) -> dict[str, float]:
        (start, end), (first, last) = given.predictions, given.label_ids
        assert start.flags["C_CONTIGUOUS"]
        return {"start": float(start[1, 2]), "end": float(end[1, 2]), "first": float(first[2]), "last": float(last[0])}

    assert MetricsOfEnds(compute)(evaluated()) == {"start": 12, "end": 13, "first": 3, "last": 2}


@pytest.mark.parametrize("batched", [False, True])
def test_metrics_of_answers_go_through_the_trainers_own_post_processing(batched: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    seen: list[Any] = []

    def compute(given: Any, compute_result: bool = True) -> dict[str, float]:  # noqa: FBT001, FBT002 - as transformers calls it
        seen.append((given, compute_result))
        return {"f1": float(len(seen))}

    def post_process(examples: Any, rows: Any, predictions: Any) -> Any:
        return len(examples), len(rows), [part.shape for part in predictions]

    trainer = made()
    trainer.compute_metrics = compute
    trainer.args = SimpleNamespace(
        metric_for_best_model=None, batch_eval_metrics=batched, include_for_metrics=[], eval_batch_size=2
    )
    trainer.preprocess_logits_for_metrics = None
    if not batched:
        trainer.post_process_function = post_process
    metrics = metrics_of_logits(trainer, "answer-positions")(evaluated())
    if batched:
        assert [len(given.predictions[0]) for given, _ in seen] == [2, 1]
        assert [last for _, last in seen] == [False, True]
        assert metrics == {"f1": 2}
    else:
        assert seen == [((2, 3, [(3, 4), (3, 4)]), True)]
