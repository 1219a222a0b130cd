"""Compares the parts of a run by identity, because reading their content again would take longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


def same_parts(pipeline: Pipeline) -> tuple[object, ...]:
    """Return a tuple that is equal for pipelines of one process with the same parts and arguments, without patches."""
    return (
        pipeline.card.name,
        Same(pipeline.model_init),
        Same(pipeline.processing_class),
        Same(pipeline.train_dataset),
        Same(pipeline.eval_dataset),
        Same(pipeline.data_collator),
        tuple(sorted((name, repr(value)) for name, value in pipeline.args.items())),
    )


class Same:
    """Compares by identity, and keeps the object alive so that its identity stays unique."""

    def __init__(self, thing: object) -> None:
        """Store the object."""
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same object."""
        return isinstance(other, Same) and self._thing is other._thing

    def __hash__(self) -> int:
        """Return the identity."""
        return id(self._thing)
