"""Changes that a run makes to the Trainer that a user's factory returns, and to no other Trainer."""

from __future__ import annotations

import copy
import inspect
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer, TrainingArguments

from pytest_ftcheck.pipeline.reads.heard import unheard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from transformers import PreTrainedModel

HELD_BACK: Mapping[str, str] = {
    "output_dir": "output folder",
    "seed": "seed",
    "report_to": "trackers",
    "push_to_hub": "publishing",
    "disable_tqdm": "progress bars",
    "use_cpu": "device",
}
"""Arguments of `TrainingArguments` that every run replaces, and their names in the header.

``use_cpu`` is set only where the run is on a CPU and the machine has another device.
"""


def held_back(*, seed: int, output_dir: Path, force_cpu: bool) -> dict[str, Any]:
    """Return the values of `HELD_BACK` for a run.

    Args:
        seed: of initialisation, order and dropout.
        output_dir: where the run may write.
        force_cpu: the run is on a CPU, and `TrainingArguments` would choose another device.

    """
    values = {"output_dir": str(output_dir), "seed": seed, **_QUIET}
    return {**values, "use_cpu": True} if force_cpu else values


_QUIET: Mapping[str, Any] = {"report_to": [], "push_to_hub": False, "disable_tqdm": True}


@dataclass(frozen=True)
class TrainerChanges:
    """Replacements of arguments that the factory passes to `Trainer.__init__`."""

    parts: Mapping[str, Any] = field(default_factory=dict)
    """Arguments by their names in `Trainer.__init__`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `TrainingArguments` that are set as attributes, see `held_back`."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """Hyperparameters of `TrainingArguments`, from which its constructor derives others."""
    model: tuple[Callable[[Any], object], ...] = ()

    def changed(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords of `Trainer.__init__` with these changes.

        Args:
            given: the keywords of the factory; the model is changed in place, so that an existing optimizer of the
            model stays valid.

        """
        given = given | dict(self.parts)
        self._change_model(given)
        return {**given, "args": changed_arguments(given["args"], self.arguments, self.recipe)}

    def _change_model(self, given: dict[str, Any]) -> None:
        if given.get("model") is not None:
            _apply(self.model, given["model"])
        elif given.get("model_init") is not None and self.model:
            make = given["model_init"]
            takes_trial = bool(inspect.signature(make).parameters)
            given["model_init"] = (
                (lambda trial: _apply(self.model, make(trial))) if takes_trial else (lambda: _apply(self.model, make()))
            )


def changed_arguments(
    own: TrainingArguments, values: Mapping[str, Any], recipe: Mapping[str, Any] | None = None
) -> TrainingArguments:
    """Copy arguments with other values; attributes that the user has added stay.

    Args:
        own: the user's arguments; they are not changed, because two Trainers may share them.
        values: set as attributes.
        recipe: passed to the constructor, which derives other values from them.

    """
    # `TrainingArguments` derives values from the device, too.
    derived = {**(recipe or {}), **{name: values[name] for name in values if name == "use_cpu"}}
    changed = replace(own, **derived) if derived else copy.copy(own)
    known = {spec.name for spec in fields(own)} | vars(changed).keys()
    for name, value in [*((name, value) for name, value in vars(own).items() if name not in known), *values.items()]:
        setattr(changed, name, value)
    return changed


def _apply(changes: tuple[Callable[[Any], object], ...], model: Any) -> Any:
    for change in changes:
        change(model)
    return model


@contextmanager
def constructions(changes: TrainerChanges, place: int | None) -> Iterator[list[Trainer]]:
    """Watch the Trainers that a factory makes, in their order, and change the one at the given index.

    The change is made at construction, where a Trainer derives its accelerator, loss and callbacks from its arguments.
    A factory may make other Trainers, such as a teacher's: for those, only publishing, trackers and progress bars are
    switched off. Empty folders that any of the Trainers made are removed.

    Args:
        changes: changes of the Trainer at this index.
        place: index, from 0; None where it is not known yet: then no Trainer is changed.

    Yields:
        The Trainers that were made so far.

    """
    original = Trainer.__init__
    signature = inspect.signature(original)
    made: list[Trainer] = []
    folders: list[Path] = []

    def watched(*args: Any, **kwargs: Any) -> None:
        given = dict(signature.bind(*args, **kwargs).arguments)
        trainer = given.pop("self")
        own = given.get("args") or TrainingArguments(output_dir="tmp_trainer")  # as the Trainer itself does
        made.append(trainer)
        folders.extend(_make_folder(Path(own.output_dir or "trainer_output")))
        if len(made) - 1 == place:
            original(trainer, **changes.changed({**given, "args": own}))
        else:
            original(trainer, **{**given, "args": changed_arguments(own, _QUIET)})

    Trainer.__init__ = watched  # type: ignore[method-assign]  # restored below
    try:
        yield made
    finally:
        Trainer.__init__ = original  # type: ignore[method-assign]  # as it was
        for folder in reversed(folders):
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder, and return the folders that did not exist, the outermost first; empty if it cannot be made."""
    with unheard():
        absent = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # if the Trainer needs the folder, it reports the error itself
            return []
    return absent[::-1]


@dataclass(frozen=True)
class ChangedModel:
    """A ``model_init`` that changes in place the model of another ``model_init``."""

    model_init: Callable[[], PreTrainedModel]
    change: Callable[[PreTrainedModel], object]

    def __call__(self) -> PreTrainedModel:
        """Make a model and change it."""
        model = self.model_init()
        self.change(model)
        return model


def model_changes(model_init: Callable[[], PreTrainedModel]) -> tuple[Callable[[Any], object], ...]:
    """The changes in order, the innermost first."""
    if not isinstance(model_init, ChangedModel):
        return ()
    return (*model_changes(model_init.model_init), model_init.change)
