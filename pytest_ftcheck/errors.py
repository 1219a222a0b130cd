"""The two families of errors: the tool is misused, or the model is worse than it should be.

::

    Exception
    ├── FtcheckError              the tool is misused: a usage error, pytest exit code 4
    │   ├── SettingsError         an option, a table of [tool.ftcheck]
    │   ├── TaskError             a task card, a metric, a recipe
    │   ├── DataError             a data set: absent, a column, a label, an empty split
    │   ├── CheckpointError       a checkpoint: absent, no weights, another head
    │   ├── DeviceError           a device or dtype that this machine does not have
    │   └── StoreError            the run store cannot be written
    └── AssertionError
        └── CheckFailure          a check or a gate found something: a failed test
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from pytest_ftcheck.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ftcheck.findings import Finding


class FtcheckError(Exception):
    """The tool is misused. The message says what was given, what was expected and what to do."""

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class SettingsError(FtcheckError):
    """An option or a table of ``[tool.ftcheck]`` is wrong."""


class TaskError(FtcheckError):
    """A task card, a metric or a recipe is wrong."""


class DataError(FtcheckError):
    """A data set is absent, or lacks a column, a split or a valid label."""


class CheckpointError(FtcheckError):
    """A checkpoint is absent, has no weights, or has another head."""


class DeviceError(FtcheckError):
    """The requested device or dtype is not available."""


class StoreError(FtcheckError):
    """The run store cannot be read or written."""


class CheckFailure(AssertionError):  # noqa: N818 - an AssertionError: pytest shows it as a failed test, not as an error
    """A check or a gate found something.

    Attributes:
        findings: all findings, never empty.

    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        if not findings:
            msg = "CheckFailure needs at least one finding"
            raise ValueError(msg)
        self.findings = tuple(findings)
        super().__init__("\n\n".join(finding.describe() for finding in self.findings))

    def __reduce__(self) -> tuple[type[CheckFailure], tuple[tuple[Finding, ...]]]:
        """Pickle by the findings, so that the error can be sent to another process."""
        return (type(self), (self.findings,))


def closest(given: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` if a known name is similar, else an empty string."""
    folded = {name.casefold(): name for name in known}
    matches = difflib.get_close_matches(given.casefold(), folded, n=1, cutoff=0.5)
    return f" Did you mean {folded[matches[0]]!r}?" if matches else ""


def unknown(kind: str, given: str, known: Iterable[str], todo: str = "") -> str:
    """Return the message for an unknown name: the given name, known names, the closest match, what to do."""
    names = sorted(known)
    message = f"unknown {kind} {given!r}.{closest(given, names)} Known: {', '.join(names) or 'none'}."
    return f"{message} {todo}" if todo else message
