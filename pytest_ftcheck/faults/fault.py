"""The class of a fault, and the registry of all faults.

A fault is a named defect with its natural consequence: a function from a pipeline to a pipeline that has it. It is
planted where it would happen, in the rows, the collator, the model, the training or the saving, and does not know
how checks find it. The first line of its docstring describes the defect. It raises `NotApplicable` if it cannot be
planted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import SettingsError, closest
from pytest_ftcheck.extensions import extensions, load_extension
from pytest_ftcheck.faults.names import NAMES
from pytest_ftcheck.heads.traits import unmet
from pytest_ftcheck.settings import ENGINES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_ftcheck.pipeline.parts import Pipeline

FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "data": ("data", "labels", "label_sets", "splits", "tags", "choices"),
        "batches": ("batches", "inputs", "masks"),
        "model": ("model", "weights", "start", "choice_scores"),
        "training": ("training", "sampling", "optimizer", "evaluation", "ways"),
        "metrics": ("metrics", "tag_metrics"),
        "answers": ("answers", "answer_metrics"),
        "serving": ("serving", "saved_config", "saved_tokenizers"),
    }
)
"""Modules of each family, in the order in which they are shown."""
ALL = "all"
OTHERS = "others"
"""Family of the faults of other packages."""
FLOOR = "metrics.floor"
"""The gate of the suite, which compares the run with the card's floors; it is not in the catalogue of checks."""

Plant = Callable[["Pipeline"], "Pipeline"]


@dataclass(frozen=True)
class Fault:
    """One fault in the registry."""

    name: str
    plant: Plant
    """Takes a healthy pipeline, and returns a pipeline with the defect."""
    caught_by: tuple[str, ...]
    """Ids of the checks of which at least one must fail."""
    seen_in_practice: str
    """How the defect occurs in practice, in a sentence."""
    engines: tuple[str, ...] = ENGINES
    """Engines in which the fault can be planted."""
    needs: tuple[str, ...] = ()
    """Traits that the head of a task must have, see `pytest_ftcheck.heads.traits`."""
    whole_run: bool = False
    """True if the checks need a run of the whole recipe, because the effect is in the trained weights."""

    @property
    def module(self) -> str:
        """Module of the fault; for another package, with the name of the package."""
        return self.plant.__module__.removeprefix("pytest_ftcheck.faults.")

    @property
    def family(self) -> str:
        """Family of the module; ``others`` for a fault of another package."""
        return next((family for family, modules in FAMILIES.items() if self.module in modules), OTHERS)

    @property
    def meaning(self) -> str:
        """Summary of the defect, one sentence."""
        return (self.plant.__doc__ or "").strip().splitlines()[0]

    def plant_in(self, pipeline: Pipeline, engine: str) -> Pipeline:
        """Return the pipeline with the fault, for an engine.

        Raises:
            NotApplicable: the fault cannot be planted with this engine, head or pipeline.

        """
        if reason := unmet(self.needs, pipeline.card.head_rules.traits):
            raise NotApplicable(reason)
        if engine not in self.engines:
            msg = f"it cannot be planted in engine {engine}"
            raise NotApplicable(msg)
        return self.plant(pipeline)


_FAULTS: dict[str, Fault] = {}


def fault(
    *,
    caught_by: tuple[str, ...],
    seen_in_practice: str,
    engines: tuple[str, ...] = ENGINES,
    needs: tuple[str, ...] = (),
    whole_run: bool = False,
) -> Callable[[Plant], Plant]:
    """Register a function as a fault with the function's name; see `Fault` for the arguments."""

    def register(plant: Plant) -> Plant:
        name = plant.__name__
        _FAULTS[name] = Fault(name, plant, caught_by, seen_in_practice, engines, needs, whole_run)
        return plant

    return register


def faults() -> Mapping[str, Fault]:
    """Every fault by name, in the order of the families and of their modules."""
    order = [module for modules in FAMILIES.values() for module in modules]
    for module in order:
        import_module(f"pytest_ftcheck.faults.{module}")
    for name in extensions("faults"):
        load_extension("faults", name, _FAULTS)
    ordered = sorted(
        _FAULTS.values(), key=lambda entry: len(order) if entry.family == OTHERS else order.index(entry.module)
    )
    return MappingProxyType({entry.name: entry for entry in ordered})


def select_faults(names: Iterable[str]) -> tuple[Fault, ...]:
    """Choose faults by name or family; ``all`` takes every one.

    Raises:
        SettingsError: no such fault or family.

    """
    wanted = set(names)
    check_names(wanted)
    return tuple(entry for entry in faults().values() if ALL in wanted or {entry.name, entry.family} & wanted)


def check_names(names: Iterable[str]) -> None:
    """Refuse unknown names of faults and families, without importing the faults.

    Raises:
        SettingsError: no such fault or family.

    """
    known = [name for family in NAMES.values() for name in family] + list(extensions("faults"))
    for name in sorted(set(names) - {ALL, OTHERS, *FAMILIES, *known}):
        guess = closest(name, [*FAMILIES, *known])
        msg = (
            f"--ftcheck-faults: unknown fault {name!r}.{guess} `python -m pytest_ftcheck.report.faults` describes "
            f"all {len(known)} of them, in the families {', '.join(FAMILIES)}; without any name, all are planted."
        )
        raise SettingsError(msg)
