"""Describe instances of classes by their state: attributes, slots, content, and the state that pickling keeps."""

from __future__ import annotations

import copyreg
import sys
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.runs.describe_code import is_library_module
from pytest_ftcheck.runs.describer import mix

if TYPE_CHECKING:
    from pytest_ftcheck.runs.describer import Describer

_REDUCERS = ("__reduce_ex__", "__reduce__", "__getstate__")
_CONTENT = {list: list, tuple: list, dict: dict, set: set, frozenset: set, str: str, bytes: bytes, int: int}


def describe_object(describer: Describer, thing: Any, path: str) -> bytes:
    """Describe an instance by its class and its state."""
    described = getattr(type(thing), "described", None)
    if described is not None and is_ours(type(thing)):
        return mix("ours", describer(type(thing), path), describer(thing.described(), path))
    kind = type(thing)
    parts = [describer(kind, path)]
    reducer = _reducer(kind)
    if reducer is not None:
        parts.append(_reduced(describer, thing, path))
    # A library's pickling does not know attributes of the user's subclass; the user's pickling may leave some out.
    if reducer is not object and not is_library_class(kind):
        parts.append(_attributes(describer, thing, path))
    return mix("object", *parts)


def is_ours(kind: type) -> bool:
    """Whether a class belongs to this package."""
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def is_library_class(kind: type) -> bool:
    """Whether a class belongs to a library, so that the library's version describes it."""
    module = sys.modules.get(kind.__module__)
    return module is None or is_library_module(module)


def _reducer(kind: type) -> type | None:
    """Return the class that defines how instances are pickled; None where that is a class of the user."""
    for base in kind.__mro__:
        if any(name in vars(base) for name in _REDUCERS):
            return base if base is object or is_library_class(base) else None
    return object


def _reduced(describer: Describer, thing: Any, path: str) -> bytes:
    """Describe the state that pickling keeps; for a class written in C, Python can read no other state.

    Raises:
        TypeError: the object cannot be pickled.

    """
    reduce = copyreg.dispatch_table.get(type(thing))
    found = reduce(thing) if reduce is not None else thing.__reduce_ex__(4)
    if isinstance(found, str):
        if getattr(sys.modules.get(getattr(thing, "__module__", "") or "numpy"), found, None) is not thing:
            msg = f"its module has another object with the name {found}"
            raise TypeError(msg)
        return mix("global", found)
    make, arguments, *rest = found
    held: list[Any] = [*rest, None, None, None]
    state, entries, pairs = held[:3]
    parts = [describer(make, path), describer.items(arguments, path)]
    parts.append(describer.mapping(state, path) if isinstance(state, dict) else describer(state, path))
    if entries is not None:
        parts.append(describer.items(entries, path))
    if pairs is not None:
        parts.append(describer.mapping(dict(pairs), path))
    return mix("reduced", *parts)


def _attributes(describer: Describer, thing: Any, path: str) -> bytes:
    parts = [describer.mapping(getattr(thing, "__dict__", {}), path)]
    slots = {
        name: getattr(thing, _mangled(base, name))
        for base in type(thing).__mro__
        for name in _slots(base)
        if hasattr(thing, _mangled(base, name))
    }
    parts.append(describer.mapping(slots, path))
    content = next((make(thing) for base, make in _CONTENT.items() if isinstance(thing, base)), None)
    parts.append(describer(content, path))
    return mix("attributes", *parts)


def _slots(base: type) -> tuple[str, ...]:
    names = vars(base).get("__slots__", ())
    names = (names,) if isinstance(names, str) else tuple(names)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _mangled(base: type, name: str) -> str:
    """Return the name under which Python stores a private slot."""
    private = name.startswith("__") and not name.endswith("__")
    return f"_{base.__name__.lstrip('_')}{name}" if private else name
