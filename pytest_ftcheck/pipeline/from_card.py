"""Makes a pipeline from a task card and the settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.columns import BATCH, tables
from pytest_ftcheck.errors import DataError, TaskError, unknown
from pytest_ftcheck.heads.answers import QUESTION
from pytest_ftcheck.paths import as_path, kind_of
from pytest_ftcheck.pipeline.checkpoint_files import check_configuration
from pytest_ftcheck.pipeline.from_checkpoint import load_model, load_tokenizer, resolve_checkpoint
from pytest_ftcheck.pipeline.parts import Pipeline
from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS, bundled_data
from pytest_ftcheck.tasks.datasets import TaskData, find_path, load_data

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.settings import Settings
    from pytest_ftcheck.tasks.card import TaskCard

OWN_RECIPE_KEYS = ("max_length", "fast_cpu")
"""Keys of a recipe that are not arguments of `TrainingArguments`: the tokenizer's, and the kernels on a CPU."""


def decide_tier(card: TaskCard, settings: Settings) -> str:
    """Return the requested tier; else ``tiny`` where checkpoint and data are bundled, else ``full``."""
    if settings.tier:
        return settings.tier
    data = settings.data or card.data or ("bundled" if bundled_data(card.name) else "hub")
    bundled_model = settings.model in (None, *BUNDLED_CHECKPOINTS)
    return "tiny" if data == "bundled" and bundled_model else "full"


def decide_checkpoint(card: TaskCard, settings: Settings, tier: str) -> str:
    """Return the requested checkpoint, else the card's for this tier.

    Raises:
        TaskError: no checkpoint was requested, and the card has none for this tier.

    """
    if settings.model:
        return settings.model
    if tier not in card.checkpoints:
        todo = f"Give --ftcheck-model, or checkpoint.{tier} in its card."
        msg = f"task {card.name!r} has no checkpoint for tier {tier}. {todo}"
        raise TaskError(msg)
    model = card.checkpoints[tier]
    beside_file = settings.rootdir / as_path(model)
    return str(beside_file) if model not in BUNDLED_CHECKPOINTS and kind_of(beside_file) == "folder" else model


def decide_data(card: TaskCard, settings: Settings, tier: str) -> str:
    """Return the requested data, else the card's, else the tier's."""
    if settings.data:
        return settings.data
    if card.data and card.data not in ("bundled", "hub"):
        return str(settings.rootdir / as_path(card.data))
    return card.data or ("bundled" if tier == "tiny" else "hub")


def load_task_data(card: TaskCard, settings: Settings, tier: str) -> TaskData:
    """Load the rows that the settings request; see `load_data` for its errors."""
    return load_data(
        card,
        decide_data(card, settings, tier),
        max_train_rows=settings.max_train_rows,
        max_eval_rows=settings.max_eval_rows,
        online=settings.online,
    )


def build_pipeline(card: TaskCard, settings: Settings, data: TaskData | None = None) -> Pipeline:
    """Make all parts of a fine-tune, or, with ``settings.no_train``, of the evaluation of an existing model.

    Args:
        card: card of the task.
        settings: checkpoint, data, and number of rows.
        data: rows in memory, as `load_data` makes them from data sets or frames; None: load the data of the settings.

    Raises:
        FtcheckError: data, checkpoint, metric or recipe do not fit.

    """
    from pytest_ftcheck.pipeline.card_source import CardSource  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.tasks.metrics import metrics_of_card  # noqa: PLC0415 - slow to import

    metrics_of_card(card)  # report an unknown metric before anything is loaded
    check_metric_keys(card)
    tier = decide_tier(card, settings)
    source = decide_data(card, settings, tier)
    if source not in ("bundled", "hub"):
        # The data decides the tier: if the data does not exist, report that first, not the checkpoint of that tier.
        find_path(source)
    checkpoint = resolve_checkpoint(decide_checkpoint(card, settings, tier), online=settings.online)
    data = data or load_task_data(card, settings, tier)
    recipe = card.recipe(tier, checkpoint.name)
    max_length, fast_cpu = (recipe.pop(name, None) for name in OWN_RECIPE_KEYS)
    if max_length is not None and (not isinstance(max_length, int) or isinstance(max_length, bool) or max_length < 1):
        msg = f"recipe of task {card.name!r}: max_length = {max_length!r}: expected an integer, at least 1."
        raise TaskError(msg)
    if fast_cpu not in (None, True, False):
        msg = f"recipe of task {card.name!r}: fast_cpu = {fast_cpu!r}: expected true or false."
        raise TaskError(msg)
    if checkpoint.folder is not None and checkpoint.name not in BUNDLED_CHECKPOINTS:
        check_configuration(checkpoint.folder, card.head_rules.model)
    processing_class = load_tokenizer(checkpoint)
    keys = card.head_rules.inputs.recipe_keys
    options = {name: recipe.pop(name) for name in keys if name in recipe}
    train_dataset, eval_dataset = (
        tokenize(card, rows, processing_class, max_length, **options) for rows in (data.train, data.evaluation)
    )
    masks = card.head_rules.masks
    if masks is not None:
        eval_dataset = masks.fixed(eval_dataset, processing_class)
    return Pipeline(
        card=card,
        tier=tier,
        checkpoint=checkpoint,
        data=data,
        model_init=partial(load_model, checkpoint, card, settings.dtype, whole=settings.no_train),
        processing_class=processing_class,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        data_collator=card.head_rules.inputs.collator(processing_class),
        compute_metrics=metrics_of_card(card, eval_dataset, data.evaluation),
        args=recipe,
        source=CardSource(),
        fast_cpu=bool(fast_cpu) if settings.fast_cpu is None else settings.fast_cpu,
        trains=not settings.no_train,
        timeout=settings.timeout,
    )


def check_metric_keys(card: TaskCard) -> None:
    """Compare the keys and directions that a card declares with those of its metric.

    Raises:
        TaskError: the metric does not return a key, or has another direction.

    """
    from pytest_ftcheck.tasks.metrics import metric_directions  # noqa: PLC0415 - imports numpy

    names = metric_directions(card)
    for name, declared in card.metric.greater_is_better.items():
        if name not in names:
            todo = f"metric.greater_is_better takes keys that {card.metric.path!r} returns."
            raise TaskError(unknown(f"metric key of task {card.name!r}:", name, names, todo))
        if declared != names[name]:
            right = str(names[name]).lower()
            msg = f"task card {card.name!r}: metric.greater_is_better.{name} must be {right}."
            raise TaskError(msg)


def tokenize(
    card: TaskCard,
    rows: Dataset,
    processing_class: PreTrainedTokenizerBase,
    max_length: int | None = None,
    **options: Any,
) -> Dataset:
    """Tokenize the card's text columns in the form that its head requires, without padding.

    Args:
        card: names the text columns and the label column.
        rows: raw rows.
        processing_class: the tokenizer.
        max_length: number of tokens to which longer rows are truncated; None: the tokenizer's own limit.
        options: values of the recipe for the head's `InputRules.recipe_keys`.

    Returns:
        The tokenizer's columns, ragged, and ``labels``, for each row; if the head has `Head.answers`, a row may become
        several.

    Raises:
        DataError: the tokenizer refuses the texts.

    """
    from datasets import Dataset, concatenate_datasets  # noqa: PLC0415 - slow to import

    def encoded(table: pa.Table, first: int) -> Dataset:
        texts = {column: table.column(column).to_pylist() for column in card.text_columns}
        labels = table.column(card.label_column).to_pylist()
        try:
            made = card.head_rules.inputs.encode(processing_class, texts, labels, max_length, **options)
        except (ValueError, TypeError, OverflowError) as error:
            msg = f"cannot tokenize {', '.join(card.text_columns)} of task {card.name!r}: {error}"
            raise DataError(msg) from error
        if QUESTION in made:
            made[QUESTION] = [first + row for row in made[QUESTION]]
        return Dataset.from_dict(made)

    # Concatenation does not copy the batches: only one of them at a time is a list of Python objects.
    columns = [*card.text_columns, card.label_column]
    return concatenate_datasets([encoded(table, at * BATCH) for at, table in enumerate(tables(rows, columns))])
