"""What a run changes of the Trainer that a user's factory makes."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from transformers import Trainer, TrainingArguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from transformers import PreTrainedModel


@dataclass(frozen=True)
class TrainerChanges:
    """What takes the place of what the factory hands to `Trainer.__init__`."""

    parts: Mapping[str, Any] = field(default_factory=dict)
    """By their names in `Trainer.__init__`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of `TrainingArguments`."""
    model: tuple[Callable[[Any], object], ...] = ()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Change the arguments of every Trainer that is made meanwhile.

        At construction, because a Trainer derives its accelerator, loss and callbacks from them there.
        """
        original = Trainer.__init__
        signature = inspect.signature(original)

        def changed(*args: Any, **kwargs: Any) -> None:
            given = signature.bind(*args, **kwargs).arguments
            trainer, own = given.pop("self"), given.pop("args", None)
            if own is None:
                own = TrainingArguments(output_dir=str(self.arguments.get("output_dir", "trainer_output")))
            self._change_model(given)
            original(trainer, **given | dict(self.parts), args=replace(own, **self.arguments))

        Trainer.__init__ = changed  # type: ignore[method-assign]  # restored below
        try:
            yield
        finally:
            Trainer.__init__ = original  # type: ignore[method-assign]  # as it was

    def _change_model(self, given: dict[str, Any]) -> None:
        """Change the model in place, so that an optimizer that was made for it stays its own."""
        if given.get("model") is not None:
            _apply(self.model, given["model"])
        elif given.get("model_init") is not None and self.model:
            make = given["model_init"]
            takes_trial = bool(inspect.signature(make).parameters)
            given["model_init"] = (
                (lambda trial: _apply(self.model, make(trial))) if takes_trial else (lambda: _apply(self.model, make()))
            )


def _apply(changes: tuple[Callable[[Any], object], ...], model: Any) -> Any:
    for change in changes:
        change(model)
    return model


@dataclass(frozen=True)
class ChangedModel:
    """A ``model_init`` that changes in place what another one makes."""

    model_init: Callable[[], PreTrainedModel]
    change: Callable[[PreTrainedModel], object]

    def __call__(self) -> PreTrainedModel:
        """Make a model and change it."""
        model = self.model_init()
        self.change(model)
        return model


def model_changes(model_init: Callable[[], PreTrainedModel]) -> tuple[Callable[[Any], object], ...]:
    """Changes in the order in which they are made, the innermost first."""
    if not isinstance(model_init, ChangedModel):
        return ()
    return (*model_changes(model_init.model_init), model_init.change)
