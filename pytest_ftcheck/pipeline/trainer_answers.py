"""The answers that a user's Trainer for question answering makes of its windows.

As in run_qa.py of transformers, ``post_process_function`` takes raw rows, windows and logits, and returns an
`EvalPrediction` with the answers and the right answers of all questions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from transformers import EvalPrediction

from pytest_ftcheck.columns import scalars
from pytest_ftcheck.heads.answers import ANSWERS, REFERENCES, read_answers
from pytest_ftcheck.heads.registry import head_with_own_answers
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.pipeline.generated_logits import generated_logits
from pytest_ftcheck.pipeline.trainer_metrics import answers_questions, metrics_of_logits, numbers_in
from pytest_ftcheck.pipeline.trainer_rows import judged_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.head import Head

_ID = "id"
_TEXTS = ("prediction_text", "text", "answer")
_RIGHT = ("answers", "answer")
_ENDS = 2


@dataclass(frozen=True)
class AnsweredQuestions:
    """The answers to Q questions, in the order of the raw rows."""

    answers: NDArray[np.str_]
    """``[Q]``; an empty text means no answer."""
    references: NDArray[np.str_]
    """``[Q]``, the right answers of each question as a JSON list; see `AnswersOfWindows.references`."""

    @property
    def outputs(self) -> dict[str, NDArray[Any]]:
        """Both arrays as outputs of a run."""
        return {ANSWERS: self.answers, REFERENCES: self.references}

    @property
    def rows(self) -> EvaluatedRows:
        """The rows that gates evaluate."""
        return EvaluatedRows(self.references, self.answers, None, head_with_own_answers())


@dataclass(frozen=True)
class MadeUpAnswers:
    """The answers that a Trainer makes of generated logits, and their metrics."""

    answered: AnsweredQuestions
    metrics: Mapping[str, float]
    """Result of the user's ``compute_metrics``: at least one number."""


def made_up_answers(trainer: Any, head: Head) -> MadeUpAnswers | None:
    """Let a Trainer make answers of generated logits; None where gates cannot evaluate its answers.

    Args:
        trainer: a Trainer that has not trained.
        head: head of its windows.

    """
    windows, examples = judged_rows(trainer), getattr(trainer, "eval_examples", None)
    tables = isinstance(windows, Dataset) and isinstance(examples, Dataset) and "input_ids" in windows.column_names
    if not (tables and answers_questions(trainer) and trainer.compute_metrics) or trainer.args.batch_eval_metrics:
        return None
    logits = generated_logits(head, _no_positions(len(windows)), _ENDS, windows)
    try:
        evaluated = _processed(trainer, head, windows, logits)
        answered, metrics = _answered(evaluated, examples), numbers_in(trainer.compute_metrics(evaluated))
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - user code may raise anything; the card calls it again and reports it
        return None
    return MadeUpAnswers(answered, metrics) if answered is not None and metrics else None


def answers_of(trainer: Any, head: Head, windows: Any, logits: NDArray[Any]) -> AnsweredQuestions:
    """Return the answers that a Trainer makes of its windows.

    Args:
        trainer: a Trainer of which `made_up_answers` returns answers.
        head: head of its windows.
        windows: the N windows, as the Trainer has them.
        logits: ``[N, T, 2]``.

    Raises:
        ValueError: there is not one answer for each question, as there was of generated logits.

    """
    found = _answered(_processed(trainer, head, windows, logits), trainer.eval_examples)
    if found is None:
        msg = (
            f"post_process_function returns no text for each of the {len(trainer.eval_examples)} questions of "
            "eval_examples, as it does for generated logits. Return one answer for each question, whatever the logits."
        )
        raise ValueError(msg)
    return found


def _processed(trainer: Any, head: Head, windows: Any, logits: NDArray[Any]) -> EvalPrediction:
    """Return the result of the Trainer's ``post_process_function``, called as in its evaluation."""
    answered: list[EvalPrediction] = []

    def keep(evaluated: EvalPrediction) -> dict[str, float]:
        answered.append(evaluated)
        return {}

    evaluation = EvalPrediction(logits, _no_positions(len(logits)))
    metrics_of_logits(trainer, head.name, compute=keep, windows=windows)(evaluation)
    return answered[0]


def _no_positions(rows: int) -> NDArray[np.int64]:
    """Return positions ``[N, 2]``, which are not used to make answers."""
    return np.zeros((rows, _ENDS), dtype=np.int64)


def _answered(evaluated: EvalPrediction, examples: Dataset) -> AnsweredQuestions | None:
    """Read answers and right answers; None where their form is unknown, or there is not one for each question."""
    given, right = (_by_question(part, examples) for part in (evaluated.predictions, evaluated.label_ids))
    answers = None if given is None else _all_of(_answer, given)
    references = None if right is None else _all_of(_right_answers, right)
    if answers is None or references is None:
        return None
    encoded = [json.dumps(texts, ensure_ascii=False) for texts in references]
    return AnsweredQuestions(np.array(answers, dtype=np.str_), np.array(encoded, dtype=np.str_))


def with_right_answers(examples: Dataset, references: Sequence[str], column: str) -> Dataset:
    """Return raw rows whose column of answers holds the right answers, in the form of SQuAD without positions."""
    texts = [read_answers(reference) for reference in references]
    form = pa.struct({"text": pa.list_(pa.string()), "answer_start": pa.list_(pa.int64())})
    values = pa.array([{"text": each, "answer_start": [-1] * len(each)} for each in texts], type=form)
    kept = examples.with_format(None)
    kept = kept.remove_columns(column) if column in kept.column_names else kept
    return kept.add_column(column, pa.chunked_array([values]))


def _by_question(entries: Any, examples: Dataset) -> list[Any] | None:
    """Return one entry for each raw row, in their order; None where entries and rows do not correspond.

    Args:
        entries: a mapping by id, or a sequence in the order of the rows or of mappings with an id.
        examples: the raw rows.

    """
    ids = [str(value) for value in scalars(examples, _ID)] if _ID in examples.column_names else None
    if isinstance(entries, Mapping):
        by_id = {str(key): value for key, value in entries.items()}
    elif not isinstance(entries, (list, tuple, np.ndarray)) or len(entries) != len(examples):
        return None
    elif not all(isinstance(entry, Mapping) and _ID in entry for entry in entries):
        return list(entries)
    else:
        by_id = {str(entry[_ID]): entry for entry in entries}
    return None if ids is None or by_id.keys() != set(ids) else [by_id[key] for key in ids]


def _all_of(read: Any, entries: Sequence[Any]) -> list[Any] | None:
    found = [read(entry) for entry in entries]
    return None if any(value is None for value in found) else found


def _answer(entry: Any) -> str | None:
    """Return the text of an answer; None where there is none."""
    if isinstance(entry, Mapping):
        entry = next((entry[name] for name in _TEXTS if name in entry), None)
    return str(entry) if isinstance(entry, str) else None


def _right_answers(entry: Any) -> list[str] | None:
    """Return the texts of the right answers: none where the question has no answer; None for an unknown form."""
    if isinstance(entry, Mapping):
        entry = next((entry[name] for name in (*_RIGHT, *_TEXTS) if name in entry), None)
    if isinstance(entry, Mapping):
        entry = entry.get("text")
    texts = [entry] if isinstance(entry, str) else entry
    if not isinstance(texts, (list, tuple, np.ndarray)):
        return None
    texts = [text.get("text") if isinstance(text, Mapping) else text for text in texts]
    return [str(text) for text in texts if text] if all(isinstance(text, str) for text in texts) else None
