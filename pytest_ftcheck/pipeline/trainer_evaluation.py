"""The evaluation of a user's Trainer: its sets, metrics, and the answers that it makes of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.heads.traits import POSITIONS
from pytest_ftcheck.pipeline.trainer_answers import answers_of, made_up_answers, with_right_answers
from pytest_ftcheck.pipeline.trainer_metrics import metrics_of_logits
from pytest_ftcheck.pipeline.trainer_rows import best_metric, judged_set, unjudged_sets
from pytest_ftcheck.tasks.metrics import metrics_of_card

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.heads.head import Head
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.pipeline.trainer_answers import MadeUpAnswers
    from pytest_ftcheck.pipeline.trainer_metrics import Metrics
    from pytest_ftcheck.tasks.card import TaskCard

RIGHT_ANSWERS = "answers"
"""Column of `TrainerEvaluation.questions` with the right answers."""


class TrainerEvaluation:
    """The evaluation of a user's Trainer; see `pytest_ftcheck.pipeline.source.SourceEvaluation`."""

    ends_with_judged_rows = False
    gives_all_declared = False

    def __init__(self, trainer: Any) -> None:
        """Store the Trainer."""
        self._trainer = trainer
        self._judged: Metrics | None = None
        self._made_up: MadeUpAnswers | None = None
        self._questions: Dataset | None = None

    @property
    def judged_set(self) -> str | None:
        """Name of the evaluation set that is judged; None where it has none."""
        return judged_set(self._trainer)

    @property
    def unjudged_sets(self) -> tuple[str, ...]:
        """Names of the evaluation sets that are not judged."""
        return unjudged_sets(self._trainer)

    @property
    def best_metric(self) -> str:
        """``metric_for_best_model`` of the user's arguments, named as in ``compute_metrics``."""
        return best_metric(self._trainer)

    def judged_metrics(self, card: TaskCard) -> Metrics:
        """Return the function that computes the user's metrics from logits, including the user's preprocessing.

        Without a user's function, return the head's, which the Trainer does not call.
        """
        if self._judged is None:
            theirs = self._trainer.compute_metrics is not None
            self._judged = metrics_of_logits(self._trainer, card.head) if theirs else metrics_of_card(card)
        return self._judged

    def are_own(self, compute: object) -> bool:
        """Whether a function computes the user's metrics, or the card's if the user has none."""
        return compute is self._judged

    def try_answers(self, head: Head) -> MadeUpAnswers | None:
        """Let the Trainer make answers of generated logits; None where gates cannot evaluate its answers.

        Args:
            head: head of its windows.

        """
        if POSITIONS in head.traits:
            self._made_up = made_up_answers(self._trainer, head)
        if self._made_up is not None:
            references = self._made_up.answered.references.tolist()
            self._questions = with_right_answers(self._trainer.eval_examples, references, RIGHT_ANSWERS)
        return self._made_up

    @property
    def made_up(self) -> MadeUpAnswers | None:
        """Result of `try_answers`."""
        return self._made_up

    @property
    def questions(self) -> Dataset | None:
        """The Trainer's raw rows with the right answers as its metrics get them; None where it makes no answers."""
        return self._questions

    def raw_outputs(self, pipeline: Pipeline, logits: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the answers of the Trainer's own function."""
        if self._made_up is None:
            return {}
        windows = pipeline.source.rows.given("eval_dataset", pipeline.eval_dataset)
        return answers_of(self._trainer, pipeline.card.head_rules, windows, logits).outputs
