"""One check, explained in the terminal: what must hold, likely causes, what to do, how to move or skip it."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.heads.traits import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_ftcheck.checks.catalogue import Check

_INDENT = "  "
_SECTIONS = ("Args:", "Returns:", "Raises:")
_WIDTH = 100
"""Columns of a line."""
_MOST = 12
"""Ids that are listed of those that a check explains, or that explain it."""


def explained(check: Check, *, explained_by: Sequence[str], explains: Sequence[str], faults: Sequence[str]) -> str:
    """Render what the user of a red check needs, in lines of at most 100 columns.

    Args:
        check: of the catalogue.
        explained_by: ids of the checks that are a likely cause where they are red as well.
        explains: ids of the checks that are red because of this one.
        faults: names of the planted faults that it catches, see ``--ftcheck-faults``.

    """
    paragraphs = inspect.cleandoc(check.function.__doc__ or "").split("\n\n")
    meaning = [" ".join(part.split()) for part in paragraphs if not part.startswith(_SECTIONS)]
    thresholds = ", ".join(f"{name} = {value:g}" for name, value in check.thresholds.items())
    tolerances = ", ".join(f"{value:g} in {dtype}" for dtype, value in check.tolerance.items())
    parts: list[tuple[str, list[str]]] = [
        ("what must hold", meaning),
        ("applies to", [f"tasks with {in_words(check.needs)}"] if check.needs else []),
        ("catches", [check.catches]),
        ("what to do", [check.hint]),
        ("look first at, where they are red too", _listed(explained_by)),
        ("makes these red too", _listed(explains)),
        ("planted faults that it catches", _listed(faults)),
        ("cost", [check.cost]),
        ("thresholds", [f'checks."{check.id}" = {{ {thresholds} }} in the card'] if thresholds else []),
        ("tolerance", [f'{tolerances}; checks."{check.id}".tolerance in the card'] if tolerances else []),
        (
            "to skip it",
            [f'checks."{check.id}".skip = "why" in the card, or --ftcheck-checks=-{check.id} for one session'],
        ),
    ]
    lines = [check.id]
    for title, texts in parts:
        if texts:
            lines += ["", title, *(line for text in texts for line in _wrapped(text))]
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return [", ".join(names[:_MOST]) + more]


def _wrapped(text: str) -> list[str]:
    options: dict[str, Any] = {"initial_indent": _INDENT, "subsequent_indent": _INDENT}
    return textwrap.wrap(text, width=_WIDTH, break_on_hyphens=False, break_long_words=False, **options)
