"""What a kept run has read, and whether it is still the same when a later session wants the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.inputs import Inputs, changed_inputs
from pytest_ftcheck.runs.project import changed_modules, project_modules

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunInputs:
    """Files, variables and code behind a run that no key can know before it is made: a helper that is imported late."""

    def __init__(self, root: Path, inputs: Inputs | None = None) -> None:
        """Bind what is recorded.

        Args:
            root: of the project; what lies below it may lie elsewhere later.
            inputs: of the user's factory, where there is one: the training is recorded beside it.

        """
        self._root = root
        self.inputs = Inputs() if inputs is None else inputs

    def record(self) -> dict[str, Any]:
        """Return all that was read so far, and the code of the project that is loaded, in plain values."""
        files = {self._place(path): digest for path, digest in self.inputs.files.items()}
        return {"files": files, "variables": self.inputs.variables, "modules": project_modules(self._root)}

    def changed(self, record: Mapping[str, Any]) -> list[str]:
        """Name what is no longer as it was recorded.

        Raises:
            KeyError, TypeError, AttributeError: the record is not whole.

        """
        files = {str(self._root / path): digest for path, digest in record["files"].items()}
        return [*changed_inputs(files, record["variables"]), *changed_modules(record["modules"], self._root)]

    def _place(self, path: str) -> str:
        inside = self._root in Path(path).parents
        return str(Path(path).relative_to(self._root)) if inside else path
