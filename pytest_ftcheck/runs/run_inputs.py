"""Inputs that a kept run has read, and whether they are unchanged when a later session requests the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.reads.inputs import changed_inputs
from pytest_ftcheck.pipeline.reads.states import RELATIVE
from pytest_ftcheck.runs.project import changed_modules, project_modules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.pipeline.reads.inputs import Inputs


class RunInputs:
    """Files, variables and code that a run reads and that its key cannot cover, such as a helper imported late."""

    def __init__(self, inputs: Inputs, session: str) -> None:
        """Store the recorded inputs.

        Args:
            inputs: inputs of the user's factory, if there is one; the inputs of the training are added. Paths below its
                root may have another location later.
            session: equal in processes that share their runs; only these reuse a run with unknown inputs.

        """
        self.inputs = inputs
        self._session = session

    def record(self) -> dict[str, Any]:
        """Return all inputs so far, and the loaded code of the project, in plain values."""
        return {
            "paths": {
                kind: {path if kind == RELATIVE else self._place(path): state for path, state in states.items()}
                for kind, states in self.inputs.paths.items()
            },
            "variables": self.inputs.variables,
            "modules": project_modules(self.inputs.root),
            "unknown": [*self.inputs.unknown],
            "session": self._session if self.inputs.unknown else "",
        }

    def changed(self, record: Mapping[str, Any]) -> list[str]:
        """Return the inputs that have changed since the record, or the first unknown input.

        Raises:
            KeyError, TypeError, AttributeError: the record is incomplete.

        """
        if record["session"] not in ("", self._session):
            return [f"session: {record['unknown'][0]}"]
        root = self.inputs.root
        paths = {
            kind: {path if kind == RELATIVE else str(root / path): state for path, state in states.items()}
            for kind, states in record["paths"].items()
        }
        return [*changed_inputs(paths, record["variables"]), *changed_modules(record["modules"], root)]

    def _place(self, path: str) -> str:
        inside = Path(path).is_relative_to(self.inputs.root)
        return str(Path(path).relative_to(self.inputs.root)) if inside else path
