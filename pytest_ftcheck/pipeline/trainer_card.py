"""The task card of a user's Trainer, made from its parts and the user's table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from datasets import ClassLabel
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from transformers import EvalPrediction

from pytest_ftcheck.columns import LABEL_NAMES, POSITION_NAMES, label_values, scalars
from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.registry import head_named, head_with_own_answers, known_heads
from pytest_ftcheck.heads.traits import LABEL_PER_ROW
from pytest_ftcheck.pipeline.from_checkpoint import Checkpoint
from pytest_ftcheck.pipeline.generated_logits import generated, generated_logits
from pytest_ftcheck.pipeline.trainer_evaluation import RIGHT_ANSWERS
from pytest_ftcheck.pipeline.trainer_head import head_of
from pytest_ftcheck.pipeline.trainer_metrics import MetricsOfOutputs, metrics_of_logits, numbers_in
from pytest_ftcheck.pipeline.trainer_rows import best_metric, judged_rows
from pytest_ftcheck.pipeline.trainer_texts import find_text_columns
from pytest_ftcheck.printable import text_of
from pytest_ftcheck.tasks.card import TaskCard, parse_card
from pytest_ftcheck.tasks.datasets import TaskData, load_data
from pytest_ftcheck.tasks.metric_names import known_direction

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

    from pytest_ftcheck.heads.head import Head
    from pytest_ftcheck.pipeline.trainer_answers import MadeUpAnswers
    from pytest_ftcheck.pipeline.trainer_metrics import Metrics
    from pytest_ftcheck.settings import Settings

OWN_DATA = "the Trainer's own data"


def card_of(
    name: str,
    spec: str,
    trainer: Any,
    table: Mapping[str, Any],
    *,
    head: Head,
    train: Dataset,
    evaluation: Dataset,
    made_up: MadeUpAnswers | None = None,
) -> TaskCard:
    """Make a card from a Trainer's parts; entries of the user's table take precedence.

    Args:
        name: of the task.
        spec: where the Trainer comes from.
        trainer: a Trainer that has not trained.
        table: ``[tool.ftcheck.tasks.NAME]``, any part of a card.
        head: result of `head_for`.
        train: its train rows.
        evaluation: its evaluation rows.
        made_up: the answers that the Trainer makes of generated logits; gates then evaluate answers.

    Raises:
        TaskError: a model whose outputs cannot be judged, or a table that is not valid.
        DataError: no labels.

    """
    labels = _label_column(trainer, head, evaluation)
    width = _width(trainer, head, evaluation)
    if made_up is None:
        metric = _metric(trainer, head, evaluation, labels, width)
    else:
        head = head_with_own_answers()
        metric = _named_metric(trainer, made_up.metrics)
    found: dict[str, Any] = {
        "head": head.name,
        "label_column": labels if made_up is None else RIGHT_ANSWERS,
        "text_columns": list(table.get("text_columns") or find_text_columns(trainer, head, train, evaluation)),
        "metric": metric,
        "recipe": {},
    }
    names = _label_names(trainer, train, labels, width) if head.masks is None else []
    if names and not head.card.refusal(names, []):
        found["label_names"] = names
    # A card with a trainer may lack text columns. The labels are in the Trainer's column, unless the card has raw rows.
    over = {key: value for key, value in table.items() if key != "label_column" or "data" in table}
    card = parse_card(name, found | over | {"trainer": spec})
    if card.head != head.name or card.num_labels != width:
        msg = (
            f"task {name!r}: its table has head {card.head} with {card.num_labels} label(s), but the Trainer's model "
            f"has head {head.name} with {width}. Correct head and label_names of the table, or num_labels of the model."
        )
        raise TaskError(msg)
    return card


def head_for(trainer: Any, spec: str, table: Mapping[str, Any]) -> Head:
    """Return the table's head if a row has other labels than one, which no batch shows; else determine the head.

    Raises:
        TaskError: see `head_of`; or the table names a head whose answers a Trainer's rows cannot have.

    """
    named = table.get("head")
    if named not in known_heads() or LABEL_PER_ROW in head_named(named).traits:
        return head_of(trainer, spec)
    if head_named(named).answers is not None:
        msg = (
            f"{spec}: head = {named!r}: a Trainer's rows do not name their raw rows. Remove head: then the rows are "
            "judged, and the answers that the Trainer's own post_process_function makes of eval_examples. Or judge the "
            "saved model with raw rows: --ftcheck-model=FOLDER --ftcheck-no-train and a card with this head."
        )
        raise TaskError(msg)
    return head_named(named)


def checkpoint_of(model: Any) -> Checkpoint:
    """Name the checkpoint that the model was loaded from, by its configuration."""
    came_from = str(getattr(model.config, "_name_or_path", "") or "")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Checkpoint(Path(came_from).name or type(model).__name__, _folder_of(came_from), parameters)


def _folder_of(came_from: str) -> Path | None:
    """Return the folder that a model was loaded from: the named folder, or that of a Hub id in the cache."""
    if not came_from:
        return None
    if (Path(came_from) / "config.json").is_file():
        return Path(came_from).resolve()
    with suppress(HFValidationError):  # the name is neither a folder nor a Hub id
        cached = try_to_load_from_cache(came_from, "config.json")
        return Path(cached).parent if isinstance(cached, str) else None
    return None


def task_data(card: TaskCard, settings: Settings, train: Dataset, evaluation: Dataset) -> TaskData:
    """Return the raw rows: those of the card, else the Trainer's own, with the texts that they still have.

    Raises:
        DataError: the card and the Trainer have different numbers of rows.

    """
    own = TaskData(train, evaluation, "eval_dataset", OWN_DATA, synthetic=False)
    source = settings.data or card.data
    if not source:
        return own
    path = source if source in ("bundled", "hub") else str(settings.rootdir / source)
    raw = load_data(card, path, online=settings.online)
    counts, expected = (len(raw.train), len(raw.evaluation)), (len(train), len(evaluation))
    if counts != expected:
        msg = (
            f"the raw rows in {raw.source} ({counts[0]} train, {counts[1]} evaluation) are not those of the Trainer "
            f"({expected[0]} and {expected[1]}). Name the data that the Trainer's rows were made from, or remove data."
        )
        raise DataError(msg)
    return raw


def _width(trainer: Any, head: Head, rows: Dataset) -> int:
    """Return K: num_labels of the model's configuration; where a row has several texts, their number."""
    if head.single_texts is not None and "input_ids" in rows.column_names:
        return len(rows[0]["input_ids"])
    return int(trainer.model.config.num_labels) if head.kept is None else len(head.kept.names)


def _label_column(trainer: Any, head: Head, rows: Dataset) -> str:
    names = [*(trainer.label_names or ()), *LABEL_NAMES, *POSITION_NAMES]
    found = next((name for name in names if name in rows.column_names), None)
    if found is None and head.masks is not None:  # the collator draws them
        return LABEL_NAMES[0]
    if found is None:
        todo = "Keep the column 'label' or 'labels' when you tokenize."
        if set(POSITION_NAMES) <= set(getattr(trainer.train_dataset, "column_names", ())):
            todo = (
                "Give it start_positions and end_positions, as train_dataset has them; or keep example_id and "
                "offset_mapping, and give the Trainer the raw rows as eval_examples, with id and answers."
            )
        msg = f"eval_dataset has no labels: it has {', '.join(rows.column_names)}. {todo}"
        raise DataError(msg)
    return str(found)


def _label_names(trainer: Any, rows: Dataset, column: str, width: int) -> list[str]:
    feature = rows.features[column]
    # Tags of tokens are plain numbers; the column with the tags of words, also lists, may have their names.
    others = [other for other in rows.features.values() if hasattr(feature, "feature") and hasattr(other, "feature")]
    for known in (getattr(one, "feature", one) for one in (feature, *others)):
        if isinstance(known, ClassLabel) and len(known.names) == width:
            return list(known.names)
    names = trainer.model.config.id2label or {}
    return [str(names.get(index, f"LABEL_{index}")) for index in range(width)]


def _metric(trainer: Any, head: Head, rows: Dataset, labels: str, width: int) -> dict[str, Any]:
    """Return the keys of the user's ``compute_metrics``, called with generated logits, else of the head."""
    if trainer.compute_metrics is None:
        own = head.scoring.default_metric
        return {"path": own, "greater_is_better": dict(head.scoring.own_metrics.get(own, {own: True}))}
    if head.masks is not None:
        return _named_metric(trainer, _of_a_batch(trainer, head))
    try:
        given = label_values(rows) if labels in POSITION_NAMES else scalars(rows, labels)
        label_ids = head.labels.stacked(given)
    except ValueError as error:
        msg = f"labels in column {labels!r} are lists of several lengths. Make each a vector of {width} "
        msg += "numbers, 0 or 1, in the data set and not in the collator; or keep one label a row."
        raise TaskError(msg) from error
    values = _computed_metrics(trainer, head, label_ids, generated_logits(head, label_ids, width, rows))
    return _named_metric(trainer, values)


def _named_metric(trainer: Any, values: Mapping[str, float]) -> dict[str, Any]:
    return {"path": "compute_metrics", "greater_is_better": _directions(trainer, values)}


def _directions(trainer: Any, values: Mapping[str, float]) -> dict[str, bool]:
    """Return the direction of each metric: True if greater is better. The metric of the best weights is first."""
    best = best_metric(trainer)
    ordered = sorted(values, key=lambda key: key.removeprefix("eval_") != best)
    return {key: known_direction(key.removeprefix("eval_")) for key in ordered}


def _of_a_batch(trainer: Any, head: Head) -> dict[str, float]:
    """Return the result of the user's ``compute_metrics`` for generated logits of the first batch."""
    with torch.random.fork_rng(devices=[]):
        batch = next(iter(trainer.get_eval_dataloader(judged_rows(trainer))))
    label_ids = batch["labels"].cpu().numpy()
    logits = generated((*label_ids.shape, int(trainer.model.config.vocab_size)))
    return _computed_metrics(trainer, head, label_ids, logits)


def _computed_metrics(trainer: Any, head: Head, label_ids: NDArray[Any], logits: NDArray[Any]) -> dict[str, float]:
    """Return the result of the user's ``compute_metrics`` for generated logits."""
    try:
        computed: Any = _computed(metrics_of_logits(trainer, head.name), EvalPrediction(logits, label_ids))
        values = numbers_in(computed) if isinstance(computed, Mapping) else {}
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        msg = (
            f"the Trainer's compute_metrics fails on logits {logits.shape} and label ids {label_ids.shape}: "
            f"{type(error).__name__}: {text_of(error)}. compute_metrics takes an EvalPrediction and must return a dict "
            "of numbers by name."
        )
        raise TaskError(msg) from error
    if not values:
        returned = "no number" if isinstance(computed, Mapping) else f"{type(computed).__name__}, not a dict"
        what = "None: it may lack a return" if computed is None else returned
        msg = f"the Trainer's compute_metrics returns {what}. Return at least one number, such as {{'accuracy': 0.9}}."
        raise TaskError(msg)
    return values


def _computed(compute: Metrics, evaluated: EvalPrediction) -> Any:
    """Put the logits into a tuple if the model returns more outputs; an evaluation reports any other error."""
    if not isinstance(compute, MetricsOfOutputs):
        return compute(evaluated)
    try:
        return compute(evaluated)
    except Exception:  # noqa: BLE001 - as above
        return compute.compute(evaluated)
