"""Task cards: one TOML table describes a task.

The built-in cards in ``cards/`` and a user's ``[tool.ftcheck.tasks.NAME]`` have the same keys. A user's table with the
name of a built-in task changes only the keys that the table contains.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import TaskError, unknown
from pytest_ftcheck.heads.own_metrics import own_metric
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.tasks.card_rules import check_keys, check_tiers, is_value, wrong
from pytest_ftcheck.tasks.floors import check_floors, gated_metrics, is_limit, layered_limits
from pytest_ftcheck.tasks.layers import layered, overlaid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.heads.head import Head
    from pytest_ftcheck.heads.own_metrics import OwnMetric
    from pytest_ftcheck.tasks.floors import MetricLimits

_LAYERED = {"recipe": is_value, "floors": is_limit}
"""Keys with values for all runs, for a tier or for a checkpoint, and the function that recognises such values."""

_REQUIRED = ("head", "text_columns", "label_column", "metric", "recipe")


@dataclass(frozen=True)
class HubDataset:
    """A data set of the Hub, with the arguments of `datasets.load_dataset`."""

    path: str
    name: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class MetricSpec:
    """A metric module, with the arguments of `evaluate.load`."""

    path: str
    config_name: str | None
    greater_is_better: Mapping[str, bool]
    """Direction of each key of the result of ``compute()``. The first key decides which epoch is best."""


@dataclass(frozen=True)
class TaskCard:
    """A task, and the limits for its metrics."""

    name: str
    head: str
    """Name of a head; see `head_rules`."""
    text_columns: tuple[str, ...]
    """One column, or two for a pair of segments."""
    label_column: str
    label_names: tuple[str, ...]
    """Names of the classes in the order of their ids; empty for regression."""
    metric: MetricSpec
    recipes: Mapping[str, Any]
    """Hyperparameters; see `recipe`."""
    floor_tables: Mapping[str, Any] = field(default_factory=dict)
    """Limits by metric; see `gates`."""
    checkpoints: Mapping[str, str] = field(default_factory=dict)
    """Default checkpoint by tier."""
    dataset: HubDataset | None = None
    data: str | None = None
    """Where the data is when ``--ftcheck-data`` is not given: ``bundled``, ``hub``, a folder or file."""
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Budgets and tolerances by check id, where they differ from the check's own."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Reasons for skipped checks, by id of the check."""
    slices: tuple[str, ...] = ()
    """Parts of the evaluation rows that are scored separately: ``class``, ``length``, ``truncated``, a column, or
    ``package.module:function``, which maps a row to a word."""
    trainer: str | None = None
    """``package.module:factory`` or ``path/to/train.py:factory`` of a user's Trainer."""
    description: str = ""

    @property
    def head_rules(self) -> Head:
        """The rules of the card's head."""
        return head_named(self.head)

    @property
    def num_labels(self) -> int:
        """Width of the logits: K classes, or 1 for regression."""
        return self.head_rules.card.width(self.label_names)

    @property
    def metric_for_best_model(self) -> str:
        """The metric that decides which epoch is best."""
        return next(iter(self.metric.greater_is_better))

    def recipe(self, tier: str, checkpoint: str) -> dict[str, Any]:
        """Hyperparameters for a tier and checkpoint, named as `transformers.TrainingArguments` names them.

        ``max_length`` is the tokenizer's argument, ``fast_cpu`` selects faster kernels on a CPU.
        """
        return layered(self.recipes, tier, checkpoint, is_value)

    def gates(self, tier: str, checkpoint: str) -> dict[str, MetricLimits]:
        """Limits by metric for a tier and checkpoint; empty if none are declared."""
        return layered_limits(self.floor_tables, tier, checkpoint)

    def floors(self, tier: str, checkpoint: str) -> dict[str, float]:
        """Minimum by metric for a tier and checkpoint; empty if none is declared."""
        return {name: limits.min for name, limits in self.gates(tier, checkpoint).items() if limits.min is not None}

    @property
    def gated_metrics(self) -> tuple[str, ...]:
        """Judged metrics: those of the task, and those with limits for any tier or checkpoint."""
        return tuple(dict.fromkeys([*self.metric.greater_is_better, *gated_metrics(self.floor_tables)]))

    @property
    def own_metrics(self) -> tuple[OwnMetric, ...]:
        """The gated metrics of other packages."""
        return tuple(own for name in self.gated_metrics if (own := self._own_metric(name)) is not None)

    def _own_metric(self, name: str) -> OwnMetric | None:
        """Return a metric of another package; a metric with this name that a user's Trainer reports has precedence."""
        return None if name in self.metric.greater_is_better and name != self.metric.path else own_metric(name)

    def greater_is_better(self, metric: str) -> bool:
        """Direction of a gated metric; smaller is better for a loss, and for metrics that only the head computes."""
        if metric in self.metric.greater_is_better:
            return self.metric.greater_is_better[metric]
        own = self._own_metric(metric)
        return own is not None and own.greater_is_better


def builtin_tasks() -> dict[str, dict[str, Any]]:
    """Tables of the built-in cards by task name."""
    folder = resources.files("pytest_ftcheck.tasks") / "cards"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return {file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8")) for file in files}


def known_tables(task_tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Tables of every task, built-in and of the user, by name.

    Args:
        task_tables: ``[tool.ftcheck.tasks]``; a table with a built-in name is merged into that card.

    """
    tables = builtin_tasks()
    return tables | {name: _merged(tables.get(name, {}), table) for name, table in task_tables.items()}


def card_table(name: str, task_tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the table of one task; see `known_tables`.

    Raises:
        TaskError: no such task.

    """
    tables = known_tables(task_tables)
    if name not in tables:
        todo = (
            f"Give one of these, or describe your task in [tool.ftcheck.tasks.{name}]; --ftcheck-list shows the cards."
        )
        raise TaskError(unknown("task", name, tables, todo))
    return tables[name]


def load_card(name: str, task_tables: Mapping[str, Mapping[str, Any]]) -> TaskCard:
    """Return the card of one task.

    Raises:
        TaskError: no such task, or its card is not valid.

    """
    return parse_card(name, card_table(name, task_tables))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if not (isinstance(below, dict) and isinstance(value, dict)):
            merged[key] = value
        elif key in _LAYERED:
            merged[key] = overlaid(below, value, _LAYERED[key])
        else:
            merged[key] = _merged(below, value)
    return merged


def parse_card(name: str, table: Mapping[str, Any]) -> TaskCard:
    """Validate a card's table.

    Raises:
        TaskError: an unknown or missing key, a value of the wrong type, a floor for an undeclared metric.

    """
    check_keys(name, table)
    missing = [key for key in _REQUIRED if key not in table]
    if missing:
        raise wrong(name, f"missing {', '.join(missing)}")
    metric, checks = _parse_metric(name, table["metric"]), table.get("checks", {})
    card = TaskCard(
        name=name,
        description=table.get("description", ""),
        head=_parse_head(name, table),
        text_columns=tuple(table["text_columns"]),
        label_column=table["label_column"],
        label_names=tuple(table.get("label_names", ())),
        metric=metric,
        recipes=table["recipe"],
        floor_tables=table.get("floors", {}),
        checkpoints=table.get("checkpoint", {}),
        dataset=_parse_dataset(name, table["dataset"]) if "dataset" in table else None,
        data=table.get("data"),
        thresholds={
            check: {key: float(value) for key, value in values.items() if key != "skip"}
            for check, values in checks.items()
        },
        skipped={check: values["skip"] for check, values in checks.items() if "skip" in values},
        slices=_parse_slices(name, table),
        trainer=table.get("trainer"),
    )
    for own in card.own_metrics:
        own.require(card.head_rules)
    families = [slice_family(spec) for spec in card.slices]
    check_floors(name, card.floor_tables, metric, of_logits=card.head_rules.scoring.of_logits, slices=families)
    check_tiers(name, table)
    return card


def _parse_head(name: str, table: Mapping[str, Any]) -> str:
    head = str(table["head"])
    try:
        rules = head_named(head)
    except TaskError as error:
        raise wrong(name, str(error)) from None
    columns, labels = table["text_columns"], table.get("label_names", [])
    if not all(isinstance(column, str) for column in columns):
        raise wrong(name, f"text_columns must be names of columns, not {columns!r}")
    # The rows of a Trainer are tokenized already, and may have no texts.
    if (columns or "trainer" not in table) and (refusal := rules.inputs.refusal(columns)):
        raise wrong(name, refusal)
    if not all(isinstance(label, str) for label in labels) or len(set(labels)) != len(labels):
        raise wrong(name, f"label_names must be distinct strings, not {labels!r}")
    if refusal := rules.card.refusal(labels, table.get("slices", [])):
        raise wrong(name, refusal)
    return head


def _parse_slices(name: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    slices = table.get("slices", [])
    if not all(isinstance(spec, str) and spec for spec in slices) or len(set(slices)) != len(slices):
        raise wrong(name, f"slices must be distinct strings, such as ['class', 'length'], not {slices!r}")
    return tuple(slices)


def slice_family(spec: str) -> str:
    """Return the name of a family of slices in limits: for ``package.module:function`` the function's name."""
    return spec.rpartition(":")[2].rpartition(".")[2] if ":" in spec else spec


def _parse_dataset(name: str, table: Mapping[str, Any]) -> HubDataset:
    others = set(table) - {"path", "name", "revision"}
    if others or "path" not in table:
        raise wrong(name, "[dataset] takes path, name and revision, as datasets.load_dataset does; path is required")
    return HubDataset(**table)


def _parse_metric(name: str, table: Mapping[str, Any]) -> MetricSpec:
    directions = table.get("greater_is_better")
    others = set(table) - {"path", "config_name", "greater_is_better"}
    if others or "path" not in table or not isinstance(directions, dict) or not directions:
        raise wrong(
            name,
            "[metric] takes path and config_name, as evaluate.load does, and greater_is_better, "
            "for example { accuracy = true }",
        )
    if not all(isinstance(direction, bool) for direction in directions.values()):
        raise wrong(name, f"metric.greater_is_better must have values true or false, not {directions!r}")
    return MetricSpec(table["path"], table.get("config_name"), dict(directions))
