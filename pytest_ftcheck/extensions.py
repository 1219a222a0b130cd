"""Finds checks, faults, engines, heads and metrics of other packages by entry points, without importing them.

A package names each of them in its own ``pyproject.toml``, see CONTRIBUTING.md:

    [project.entry-points."pytest_ftcheck.checks"]
    "model.our_norm" = "our_package.checks"
    [project.entry-points."pytest_ftcheck.faults"]
    norm_removed = "our_package.faults"
    [project.entry-points."pytest_ftcheck.engines"]
    lightning = "our_package.engine:train"
    [project.entry-points."pytest_ftcheck.heads"]
    multi-label = "our_package.head:HEAD"
    [project.entry-points."pytest_ftcheck.metrics"]
    cost = "our_package.metrics:COST"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from importlib.metadata import EntryPoint

Kind = Literal["checks", "faults", "engines", "heads", "metrics"]
_REGISTERING = ("checks", "faults")
"""Kinds whose modules register their objects at import; for other kinds, the entry point is the object."""


@cache
def extensions(kind: Kind) -> Mapping[str, EntryPoint]:
    """Return the entry points of a kind by name: id of a check, name of a fault, an engine, a head or a metric."""
    return MappingProxyType({entry.name: entry for entry in entry_points(group=f"pytest_ftcheck.{kind}")})


def load_extension(kind: Kind, name: str, registered: Collection[str] = ()) -> Any:
    """Import the object of an entry point.

    Args:
        kind: kind of the entry point.
        name: name of the entry point.
        registered: registered names, for kinds whose import registers them.

    Raises:
        SettingsError: the import fails, or registers nothing with this name.

    """
    entry = extensions(kind)[name]
    where = f"entry point {name!r} of pytest_ftcheck.{kind} ({entry.value})"
    try:
        loaded = entry.load()
    except Exception as error:
        msg = f"{where} cannot be imported: {type(error).__name__}: {text_of(error)}. Update or remove its package."
        raise SettingsError(msg) from error
    if kind in _REGISTERING and name not in registered:
        msg = f"{where} registers no {kind.removesuffix('s')} of that name."
        raise SettingsError(msg)
    return loaded
