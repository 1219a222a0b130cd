"""Metrics of other packages, by the entry points ``pytest_ftcheck.metrics``, for cards and floors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError, TaskError
from pytest_ftcheck.extensions import extensions, load_extension
from pytest_ftcheck.heads.traits import unmet
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.heads.head import Head
    from pytest_ftcheck.heads.row_metrics import RowMetric
    from pytest_ftcheck.heads.rows import EvaluatedRows


@dataclass(frozen=True)
class OwnMetric:
    """A metric of another package; the entry point that names it has its name."""

    name: str
    """The name; no metric of this package has it."""
    greater_is_better: bool
    of_rows: Callable[[EvaluatedRows], RowMetric | float]
    """Function of N >= 1 rows of finite numbers. A `RowMetric` has intervals, slices, and a comparison with a
    baseline that considers the noise of rows; a float is judged only by its value."""
    needs: tuple[str, ...] = ()
    """Traits that the task's head must have, see `pytest_ftcheck.heads.traits`."""

    def row_metric(self, rows: EvaluatedRows) -> RowMetric | None:
        """Return the metric as a function of rows; None if the function returns only a value.

        Raises:
            TaskError: the metric does not apply to the head of the rows, or the package's function fails.

        """
        return self._scored(rows)[0]

    def value(self, rows: EvaluatedRows) -> float:
        """Return the metric of all rows; the errors are those of `row_metric`."""
        return self._scored(rows)[1]

    def require(self, head: Head) -> None:
        """Check that the metric applies to the head of the task.

        Raises:
            TaskError: the head lacks a trait that the metric needs.

        """
        if reason := unmet(self.needs, head.traits):
            msg = f"metric {self.name!r}: {reason}. Choose another metric."
            raise TaskError(msg)

    def _scored(self, rows: EvaluatedRows) -> tuple[RowMetric | None, float]:
        """Return the function of rows, if there is one, and the value of all rows."""
        from pytest_ftcheck.heads.row_metrics import metric_value  # noqa: PLC0415 - cards are read without NumPy

        self.require(rows.head_rules)
        try:
            found: Any = self.of_rows(rows)
            return (found, metric_value(found)) if hasattr(found, "leave_one_out") else (None, float(found))
        except Exception as error:
            msg = (
                f"metric {self.name!r} of another package fails on {len(rows)} rows: {type(error).__name__}: "
                f"{text_of(error)}. It takes EvaluatedRows and returns a RowMetric or a float: update or remove its "
                "package."
            )
            raise TaskError(msg) from error


@cache
def own_metric(name: str) -> OwnMetric | None:
    """Return the metric of another package with this name; None if there is none.

    Raises:
        SettingsError: the entry point cannot be imported, or is not an `OwnMetric` with the same name.

    """
    if name not in extensions("metrics"):
        return None
    found = load_extension("metrics", name)
    if not isinstance(found, OwnMetric) or found.name != name:
        what = f"the metric {found.name!r}" if isinstance(found, OwnMetric) else f"a {type(found).__name__}"
        msg = f"entry point {name!r} of pytest_ftcheck.metrics names {what}, expected the OwnMetric {name!r}."
        raise SettingsError(msg)
    return found
