"""Parts for tests: models, tokenized rows, slices, and the pipeline that is assembled from them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import TaskError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from datasets import Dataset, DatasetDict
    from transformers import PreTrainedModel

    from pytest_ftcheck.gates.slices import Masks
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant


class Parts:
    """Objects made from the parts of a session's tasks, each once."""

    def __init__(self, session: FtcheckSession) -> None:
        self._session = session
        self._models: dict[tuple[str, int], PreTrainedModel] = {}
        """The last model that was made, by task and seed."""
        self._tokenized: dict[tuple[str, str], dict[str, Dataset]] = {}
        """Splits by task and digest of a user's tokenizer: its fixture makes a new one for every test."""
        self._masks: dict[tuple[str, str], Mapping[str, Masks]] = {}
        """Evaluation rows of each slice of the card, by task and identity of those rows."""

    def model(self, variant: Variant, overridden: Collection[str], *, of_suite: bool) -> PreTrainedModel:
        """Return an untrained model with a new head, the same one for the same seed.

        The suite's tests share one model where no fixture of a user changes it; they take their own from the pipeline.

        Args:
            variant: task, engine and seed of the test.
            overridden: names of the fixtures that a user gave.
            of_suite: True for a test of the suite.

        """
        make = self.shared_model if of_suite and "ft_model" not in overridden else self.new_model
        return make(variant.task, variant.seed)

    def shared_model(self, task: str, seed: int) -> PreTrainedModel:
        """Return a shared untrained model, which nobody may change; only the last one is kept."""
        key = (task, seed)
        if key not in self._models:
            self._models = {key: self.new_model(task, seed)}
        return self._models[key]

    def new_model(self, task: str, seed: int) -> PreTrainedModel:
        """Make an untrained model with a new head, the same weights for the same seed."""
        from transformers import set_seed  # noqa: PLC0415 - slow to import

        set_seed(seed)
        return self._session.pipeline(task).model_init()

    def dataset(self, task: str, processing_class: Any, overridden: Collection[str]) -> DatasetDict:
        """Return both tokenized splits of a task; tokenize again where a user gave the tokenizer.

        Rows of a user's Trainer stay unchanged: only the user's code knows how they were tokenized.

        Args:
            task: name of the task.
            processing_class: value of ``ft_tokenizer``.
            overridden: names of the fixtures that a user gave.

        """
        from datasets import DatasetDict  # noqa: PLC0415 - slow to import

        pipeline = self._session.pipeline(task)
        if "ft_tokenizer" not in overridden or not pipeline.source.rows.tokenized_here:
            return DatasetDict({"train": pipeline.train_dataset, "validation": pipeline.eval_dataset})
        return DatasetDict(self._tokenized_by(processing_class, pipeline))

    def _tokenized_by(self, processing_class: Any, pipeline: Pipeline) -> dict[str, Dataset]:
        """Return both splits of a pipeline, tokenized by a user's tokenizer."""
        from pytest_ftcheck.pipeline.from_card import tokenize  # noqa: PLC0415 - slow to import
        from pytest_ftcheck.runs.describe_training import tokenizer_digest  # noqa: PLC0415 - slow to import

        key = (pipeline.card.name, tokenizer_digest(processing_class))
        recipe = pipeline.card.recipe(pipeline.tier, pipeline.checkpoint.name)
        keys = ("max_length", *pipeline.card.head_rules.inputs.recipe_keys)
        options = {name: recipe[name] for name in keys if name in recipe}
        rows = {"train": pipeline.data.train, "validation": pipeline.data.evaluation}
        if key not in self._tokenized:
            self._tokenized[key] = {
                name: tokenize(pipeline.card, split, processing_class, **options) for name, split in rows.items()
            }
        return self._tokenized[key]

    def collator(self, task: str, processing_class: Any, overridden: Collection[str]) -> Any:
        """Return the Trainer's own collator, else a collator that pads with this tokenizer; see `dataset`."""
        from transformers import DataCollatorWithPadding  # noqa: PLC0415 - slow to import

        pipeline = self._session.pipeline(task)
        if not pipeline.source.rows.tokenized_here and "ft_tokenizer" not in overridden:
            return pipeline.data_collator
        return DataCollatorWithPadding(processing_class)

    def masks(self, pipeline: Pipeline) -> Mapping[str, Masks]:
        """Return the rows of the card's slices, found once for the same evaluation rows."""
        from pytest_ftcheck.gates.pipeline_slices import pipeline_masks  # noqa: PLC0415 - slow to import

        # The fingerprint that datasets gives to a table.
        key = (pipeline.card.name, getattr(pipeline.eval_dataset, "_fingerprint", str(id(pipeline.eval_dataset))))
        if key not in self._masks:
            self._masks[key] = pipeline_masks(pipeline, self._session.settings.rootdir)
        return self._masks[key]


def assembled(
    base: Pipeline,
    overridden: Collection[str],
    *,
    processing_class: Any,
    dataset: DatasetDict,
    data_collator: Any,
    model: PreTrainedModel,
) -> Pipeline:
    """Put the parts from fixtures into a task's pipeline; the task's own parts stay the same objects.

    Args:
        base: the task's own pipeline.
        overridden: names of the fixtures that a user gave.
        processing_class: value of ``ft_tokenizer``.
        dataset: value of ``ft_dataset``.
        data_collator: value of ``ft_collator``.
        model: value of ``ft_model``.

    Raises:
        TaskError: a user's fixture gives a model, but a Trainer makes its own.

    """
    own_collator = not {"ft_collator", "ft_tokenizer"} & set(overridden)
    own_model = "ft_model" not in overridden
    if not own_model and not base.source.loads_model:
        msg = (
            f"task {base.card.name!r} trains the model of {base.source.spec}: your fixture ft_model cannot change it. "
            "Change it where the Trainer is made, or remove the fixture."
        )
        raise TaskError(msg)
    return replace(
        base,
        processing_class=processing_class,
        train_dataset=dataset["train"],
        eval_dataset=dataset["validation"],
        data_collator=base.data_collator if own_collator else data_collator,
        model_init=base.model_init if own_model else ModelCopies(model),
    )


class ModelCopies:
    """A ``model_init`` that copies the model of a user's fixture."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model

    def __call__(self) -> PreTrainedModel:
        """Make a copy with the same weights."""
        return deepcopy(self._model)

    def described(self) -> PreTrainedModel:
        """Return the object that describes this one in the key of a run."""
        return self._model
