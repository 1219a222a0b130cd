"""Changes of numbers that lie in objects of every kind: nothing but the table of numbers changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.runs.reuse.workplace import Change
else:
    from workplace import Change

FILE = Path(__file__).parent / "beside" / "values.csv"
TABLE = dict(line.split(",") for line in FILE.read_text(encoding="utf-8").split()[1:])
UNNAMED = (
    "local",
    "context",
    "sqlite",
    "opened",
    "dict_view",
    "memoryview",
    "struct",
    "trace",
    "script_module",
)
"""Objects that nothing describes: a run with one of them is never kept."""


def another(value: str) -> str:
    """Return another value: 0.9 says yes, and 0.1 no; whole numbers count, and all others are amounts."""
    if value == "0.9":
        return "0.1"
    return str(int(value) + 1) if value.isdigit() else f"{float(value) + 0.07:.2f}"


def change_of(name: str) -> Change:
    """Change one number of the table."""
    value = TABLE[name]
    old, new = f"\n{name},{value}\n", f"\n{name},{another(value)}\n"
    return Change(f"held-{name}", "../beside/values.csv", old, new, project="held")


HELD = tuple(change_of(name) for name in TABLE if name not in UNNAMED)
