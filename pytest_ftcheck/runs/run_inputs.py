"""What a kept run has read, and whether it is still the same when a later session wants the run."""

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
    """Files, variables and code behind a run that no key can know before it is made: a helper that is imported late."""

    def __init__(self, inputs: Inputs, session: str) -> None:
        """Bind what is recorded.

        Args:
            inputs: of the user's factory, where there is one: the training is recorded beside it. What lies below its
                root may lie elsewhere later.
            session: equal in processes that share their runs. They take a run of which not all inputs are known.

        """
        self.inputs = inputs
        self._session = session

    def record(self) -> dict[str, Any]:
        """Return all that was read so far, and the code of the project that is loaded, in plain values."""
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
        """Name what is no longer as it was recorded, or what is not known of it.

        Raises:
            KeyError, TypeError, AttributeError: the record is not whole.

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
