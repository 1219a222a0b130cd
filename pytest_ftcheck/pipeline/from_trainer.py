"""Makes a pipeline from a user's own `transformers.Trainer`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.deadline import deadline
from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.pipeline.factory import load_factory
from pytest_ftcheck.pipeline.parts import Pipeline
from pytest_ftcheck.pipeline.reads.inputs import Inputs
from pytest_ftcheck.pipeline.trainer_card import card_of, checkpoint_of, head_for, task_data
from pytest_ftcheck.pipeline.trainer_metrics import answers_questions
from pytest_ftcheck.pipeline.trainer_source import TrainerSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasets import Dataset

    from pytest_ftcheck.settings import Settings


def build_trainer_pipeline(
    name: str,
    spec: str,
    table: Mapping[str, Any],
    settings: Settings,
    *,
    factory: Callable[..., Any] | None = None,
) -> Pipeline:
    """Make a pipeline from the parts of a user's Trainer.

    Args:
        name: of the task.
        spec: ``package.module:factory`` or ``path/to/train.py:factory``.
        table: the user's table of the task: label names, metrics, floors, text columns, thresholds of checks.
        settings: root folder, number of rows, device.
        factory: the function itself; ``spec`` is then only its name. None: import the function by ``spec``.

    Raises:
        TaskError: the factory cannot be imported, fails, or returns something that cannot be checked.
        FtcheckError: the card's table is wrong.

    """
    inputs = Inputs(settings.rootdir) if settings.reuse else None
    with deadline(settings.timeout), inputs.recorded() if inputs else nullcontext():
        factory = factory or load_factory(spec, settings.rootdir)
    source = TrainerSource(spec, factory, inputs, timeout=settings.timeout)
    template = source.template
    source.check()
    train, evaluation = source.rows.table("train_dataset"), source.rows.table("eval_dataset")
    head = head_for(template, spec, table)
    # A table with a head asks for its rows to be judged, not for answers.
    made_up = None if table.get("head") == head.name else source.evaluation.try_answers(head)
    card = card_of(name, spec, template, table, head=head, train=train, evaluation=evaluation, made_up=made_up)
    checkpoint = checkpoint_of(template.model)
    data = task_data(card, settings, train, evaluation)
    pipeline = Pipeline(
        card=card,
        tier=settings.tier or "full",
        checkpoint=checkpoint,
        data=data,
        model_init=source.model_init,
        processing_class=source.tokenizer,
        train_dataset=train,
        eval_dataset=evaluation,
        data_collator=template.data_collator,
        compute_metrics=source.evaluation.judged_metrics(card),
        args=source.args,
        source=source,
        fast_cpu=bool(settings.fast_cpu),
        trains=not settings.no_train,
        timeout=settings.timeout,
    )
    if settings.max_eval_rows is not None and answers_questions(template):
        msg = (
            f"{spec}: --ftcheck-max-eval-rows removes windows, but post_process_function needs all windows of "
            "eval_examples. Remove the option, and return a Trainer with fewer raw rows."
        )
        raise TaskError(msg)
    return _fewer_rows(pipeline, settings)


def _fewer_rows(pipeline: Pipeline, settings: Settings) -> Pipeline:
    """Keep the requested number of rows, raw and tokenized."""
    from pytest_ftcheck.tasks.datasets import SELECTION_SEED  # noqa: PLC0415 - only where rows are left out

    def chosen(rows: Dataset, most: int | None) -> Dataset:
        if most is None or most >= len(rows):
            return rows
        return rows.shuffle(seed=SELECTION_SEED, keep_in_memory=True).select(range(most), keep_in_memory=True)

    data, train, evaluation = pipeline.data, settings.max_train_rows, settings.max_eval_rows
    return replace(
        pipeline,
        train_dataset=chosen(pipeline.train_dataset, train),
        eval_dataset=chosen(pipeline.eval_dataset, evaluation),
        data=replace(data, train=chosen(data.train, train), evaluation=chosen(data.evaluation, evaluation)),
    )
