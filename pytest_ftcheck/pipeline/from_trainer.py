"""From a user's own `transformers.Trainer` to a pipeline, and from the pipeline to a Trainer for every run."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments, set_seed

from pytest_ftcheck.deadline import deadline
from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.pipeline.factory import call_factory, load_factory
from pytest_ftcheck.pipeline.parts import Pipeline
from pytest_ftcheck.pipeline.quiet import quiet_libraries, warnings_of_a_script
from pytest_ftcheck.pipeline.reads.inputs import Inputs
from pytest_ftcheck.pipeline.trainer_card import card_of, checkpoint_of, task_data
from pytest_ftcheck.pipeline.trainer_changes import (
    HELD_BACK,
    TrainerChanges,
    constructions,
    held_back,
    model_changes,
)
from pytest_ftcheck.pipeline.trainer_metrics import metrics_of_logits
from pytest_ftcheck.pipeline.trainer_rows import (
    RowFormat,
    best_metric,
    is_stream,
    judged_rows,
    judged_set,
    plain_rows,
    unjudged_sets,
)
from pytest_ftcheck.tasks.metrics import metrics_of_card

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from datasets import Dataset
    from transformers import EvalPrediction, PreTrainedModel

    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.tasks.card import TaskCard

_ABSENT = object()
_PURPOSES = {"train_dataset": "train", "eval_dataset": "judge it"}


def build_trainer_pipeline(
    name: str,
    spec: str,
    table: Mapping[str, Any],
    settings: Settings,
    *,
    factory: Callable[..., Any] | None = None,
) -> Pipeline:
    """Make a pipeline of the parts of a user's Trainer.

    Args:
        name: of the task.
        spec: ``package.module:factory`` or ``path/to/train.py:factory``.
        table: what the user's card says beside: label names, metrics, floors, text columns, limits of checks.
        settings: the root folder, rows to keep, device.
        factory: the function itself, where it is at hand; None: it is imported by ``spec``, which else only names it.

    Raises:
        TaskError: the factory cannot be imported, fails, or gives something that cannot be checked.
        FtcheckError: the card's table is wrong.

    """
    inputs = Inputs(settings.rootdir) if settings.reuse else None
    with deadline(settings.timeout), inputs.recorded() if inputs else nullcontext():
        factory = factory or load_factory(spec, settings.rootdir)
    source = TrainerSource(spec, factory, inputs, timeout=settings.timeout)
    template = source.template
    source.check()
    train, evaluation = source.train_rows, source.evaluation_rows
    card = card_of(name, spec, template, table, train=train, evaluation=evaluation)
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
        compute_metrics=source.judged_metrics(card),
        args=source.args,
        trainer=source,
        fast_cpu=bool(settings.fast_cpu),
        trains=not settings.no_train,
        timeout=settings.timeout,
    )
    return _fewer_rows(pipeline, settings)


def _fewer_rows(pipeline: Pipeline, settings: Settings) -> Pipeline:
    """Keep as many rows as were asked for, raw and tokenized alike."""
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


class TrainerSource:
    """Makes the user's Trainer: once as the template that its parts are taken from, and anew for every run."""

    def __init__(
        self, spec: str, factory: Callable[..., Any], inputs: Inputs | None = None, *, timeout: float | None = None
    ) -> None:
        """Remember where Trainers come from.

        Args:
            spec: as the user wrote it, for messages.
            factory: returns a Trainer that has not trained.
            inputs: what was read when the factory was imported, where runs are kept for later sessions: what the
                factory reads belongs to them.
            timeout: seconds that a call of the factory may take.

        """
        self._timeout = timeout
        self.spec = spec
        self.inputs = inputs
        self._factory = factory
        self._formats: dict[str, RowFormat] = {}
        self._streamed: dict[str, int] = {}
        """How many rows stand for each data set that is a stream."""
        self._judged_metrics: Callable[[EvalPrediction], dict[str, float]] | None = None
        self._place: int | None = None
        """Of the Trainer that is returned, among those that the factory makes; None until it was called once."""

    @cached_property
    def template(self) -> Any:  # a Trainer; but transformers declares that its model and data may be anything
        """A Trainer that is only looked at."""
        return self._call(TrainerChanges(), None, seed=0, device=None, output_dir=None, max_steps=None)

    @cached_property
    def args(self) -> dict[str, Any]:
        """The user's arguments that are not `TrainingArguments`' defaults."""
        given, defaults = self.template.args, TrainingArguments(output_dir="unused")
        names = [spec.name for spec in fields(TrainingArguments) if spec.init and spec.name not in HELD_BACK]
        own = {name: getattr(given, name) for name in names if getattr(given, name) != getattr(defaults, name)}
        if "metric_for_best_model" in own:
            own["metric_for_best_model"] = best_metric(self.template)
        return own

    @cached_property
    def train_rows(self) -> Dataset:
        """The rows that are trained on, as plain lists; of a stream, the first ones."""
        return self._rows("train_dataset", self.template.train_dataset)

    @cached_property
    def evaluation_rows(self) -> Dataset:
        """The rows that are evaluated, as plain lists: of several sets, the judged one; of a stream, the first ones."""
        return self._rows("eval_dataset", judged_rows(self.template))

    def _rows(self, name: str, given: Any) -> Dataset:
        with deadline(self._timeout):
            rows, self._formats[name] = plain_rows(given)
        if not len(rows):
            msg = f"{self.spec}: {name} is empty: its stream ends without a row. Change what {self.spec} returns."
            raise TaskError(msg)
        if is_stream(given):
            self._streamed[name] = len(rows)
        return rows

    def is_streamed(self, name: str) -> bool:
        """Whether a data set of the user's Trainer (``train_dataset`` or ``eval_dataset``) is a stream."""
        return name in self._streamed

    def held_back(self, device: str) -> tuple[str, ...]:
        """Name what a run on this device sets of the Trainer, whatever the user has: see `HELD_BACK`."""
        streams = [f"{name} (a stream: its first {rows} rows)" for name, rows in self._streamed.items()]
        words = [words for name, words in HELD_BACK.items() if name != "use_cpu" or self._elsewhere(device)]
        return (*words, *streams)

    def _elsewhere(self, device: str) -> bool:
        """Whether the Trainer would take another device than the CPU that is asked for."""
        return device == "cpu" and self.template.args.device.type != "cpu"

    @property
    def judged_set(self) -> str | None:
        """Name of the evaluation set that is judged; None where it has none."""
        return judged_set(self.template)

    @property
    def unjudged_sets(self) -> tuple[str, ...]:
        """Names of the evaluation sets that are not judged."""
        return unjudged_sets(self.template)

    @property
    def tokenizer(self) -> Any:
        """The Trainer's tokenizer, else its collator's, else None."""
        own = getattr(self.template, "processing_class", None)
        found = own if own is not None else getattr(self.template.data_collator, "tokenizer", None)
        return found if hasattr(found, "convert_ids_to_tokens") else None

    def judged_metrics(self, card: TaskCard) -> Callable[[EvalPrediction], dict[str, float]]:
        """Return the user's metrics of logits, with what prepares the logits for them.

        Where they have none, ours, which their Trainer never sees.
        """
        if self._judged_metrics is None:
            theirs = self.template.compute_metrics is not None
            self._judged_metrics = metrics_of_logits(self.template, card.head) if theirs else metrics_of_card(card)
        return self._judged_metrics

    def _are_own_metrics(self, compute: object) -> bool:
        """Whether metrics are those that the user's Trainer has, or none where ours are computed beside it."""
        return compute is self._judged_metrics

    def formatted(self, rows: Dataset) -> Dataset:
        """Give rows the format in which the user's collator gets them."""
        self.evaluation_rows  # noqa: B018 - reading them finds out
        return self._formats["eval_dataset"].apply(rows)

    def model_init(self) -> PreTrainedModel:
        """Make the user's model anew; the caller seeds, and a factory that takes a seed gets that one."""
        seed = torch.initial_seed() % 2**32  # what numpy takes at most
        trainer = self._call(TrainerChanges(), None, seed=seed, device=None, output_dir=None, max_steps=None)
        return cast("PreTrainedModel", cast("Any", trainer.model).cpu())

    def check(self) -> None:
        """Refuse a Trainer that cannot be checked.

        Raises:
            TaskError: it has trained, or has no data.

        """
        trainer = self.template
        todo = f"Change what {self.spec} returns."
        if trainer.state.global_step:
            steps = trainer.state.global_step
            msg = f"{self.spec}: the Trainer has trained already ({steps} optimizer steps). Return it untrained."
            raise TaskError(msg)
        for name, purpose in _PURPOSES.items():
            rows = judged_rows(trainer) if name == "eval_dataset" else trainer.train_dataset
            if rows is None:
                msg = f"{self.spec}: the Trainer has no {name}: nothing to {purpose} on. {todo}"
                raise TaskError(msg)
            if not (is_stream(rows) or len(rows)):
                msg = f"{self.spec}: {name} is empty: 0 rows. {todo}"
                raise TaskError(msg)

    def make(self, pipeline: Pipeline, *, seed: int, device: str, output_dir: Path, steps: int | None) -> Trainer:
        """Make the user's Trainer for one run, with what the pipeline changes of its parts.

        Args:
            pipeline: made of this source; a part that is no longer the source's own takes its place.
            seed: of initialisation, order and dropout.
            device: ``cpu``, ``cuda`` or ``mps``.
            output_dir: where it may write.
            steps: ``max_steps``, where the pipeline asks for it.

        """
        parts: dict[str, Any] = {}
        for name, own in (("train_dataset", self.train_rows), ("eval_dataset", self.evaluation_rows)):
            rows = getattr(pipeline, name)
            if rows is not own or name in self._streamed:
                parts[name] = self._formats[name].apply(rows)
        if pipeline.data_collator is not self.template.data_collator:
            parts["data_collator"] = pipeline.data_collator
        if not self._are_own_metrics(pipeline.compute_metrics):
            # Ours take the logits as the model gives them.
            parts |= {"compute_metrics": pipeline.compute_metrics, "preprocess_logits_for_metrics": None}
        if pipeline.processing_class is not self.tokenizer:
            parts["processing_class"] = pipeline.processing_class
        recipe = {name: value for name, value in pipeline.args.items() if self.args.get(name, _ABSENT) != value}
        values = held_back(seed=seed, output_dir=output_dir, force_cpu=self._elsewhere(device))
        changes = TrainerChanges(parts, values, recipe, model_changes(pipeline.model_init))
        return self._call(changes, self._place, seed=seed, device=device, output_dir=str(output_dir), max_steps=steps)

    def _call(self, changes: TrainerChanges, place: int | None, **keywords: Any) -> Trainer:
        set_seed(keywords["seed"])
        recorded = self.inputs.recorded() if self.inputs else nullcontext()
        with (
            quiet_libraries(),
            warnings_of_a_script(),
            recorded,
            constructions(changes, place) as made,
            deadline(self._timeout),
        ):
            trainer = call_factory(self._factory, self.spec, keywords)
        if not isinstance(trainer, Trainer):
            msg = (
                f"{self.spec} returns {type(trainer).__name__}, expected a transformers.Trainer that has not trained "
                "yet. Return the Trainer itself, and leave trainer.train() to us."
            )
            raise TaskError(msg)
        found = next((index for index, each in enumerate(made) if each is trainer), None)
        if found is None or self._place not in (None, found):
            msg = (
                f"{self.spec} did not make the Trainer that it returned in this call, or makes its Trainers in another "
                "order each time. Make a new Trainer in every call: each run needs one with fresh weights."
            )
            raise TaskError(msg)
        self._place = found
        _silence(trainer)
        return trainer

    def described(self) -> Trainer:
        """Return what stands for this in the key of a run: a Trainer as the factory makes it."""
        if self.inputs is None:
            return cast("Trainer", self.template)
        # The checks have used the template: a collator that counts its batches is another one by now.
        return self._call(TrainerChanges(), None, seed=0, device=None, output_dir=None, max_steps=None)


def _silence(trainer: Trainer) -> None:
    """Take out progress bars and trackers; nothing is sent anywhere."""
    for callback in list(trainer.callback_handler.callbacks):
        tracker = type(callback).__module__.startswith("transformers.integrations")
        if tracker or isinstance(callback, (PrinterCallback, ProgressCallback)):
            trainer.remove_callback(callback)
