"""Digests nested objects, each once, and notes objects without a stable description."""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SESSION = uuid4().hex
"""Replaces the content of objects without a stable description: equal in this process, different in others."""

_PLAIN = frozenset({str, bytes, int, float, complex, bool, NoneType, type(Ellipsis), type(NotImplemented)})
_PLAIN_DEPTH = 12
_FRAMES = 20_000
"""Recursion limit while nested objects are described."""

Handler = Callable[["Describer", Any, str], bytes | None]
"""Describes an object at a path such as ``data_collator.inner``; returns None for objects that it does not know."""


def mix(kind: str, *parts: str | bytes) -> bytes:
    """Digest a kind of object with its parts."""
    digest = hashlib.sha256(kind.encode())
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.digest()


class Describer:
    """Digests objects, each once.

    Attributes:
        unstable: objects without a stable description, in the order of their discovery.

    """

    def __init__(self, handlers: Sequence[Handler], root: Path | None, session: str) -> None:
        """Store the handlers.

        Args:
            handlers: called in this order; the first that does not return None describes the object.
            root: root folder of the project; digests of paths below it do not depend on its location.
            session: replaces the content of objects without a stable description.

        """
        self._handlers = handlers
        self.unstable: dict[str, None] = {}
        self._root = "" if root is None else str(root)
        self._session = session
        self._done: dict[int, tuple[Any, bytes]] = {}
        """Digests by identity; the object is kept here so that its identity stays unique."""
        self._open: dict[int, int] = {}
        """Depth of the objects that are being described."""

    def __call__(self, thing: Any, path: str) -> bytes:
        """Digest the object at a path."""
        text = plain_text(thing)
        if text is not None:
            return mix("plain", text.replace(self._root, "<root>") if self._root else text)
        known = self._done.get(id(thing))
        if known is not None:
            return known[1]
        if id(thing) in self._open:
            return mix("again", str(len(self._open) - self._open[id(thing)]))
        self._open[id(thing)] = len(self._open)
        try:
            digest = self._described(thing, path)
        finally:
            del self._open[id(thing)]
        self._done[id(thing)] = (thing, digest)
        return digest

    def _described(self, thing: Any, path: str) -> bytes:
        try:
            for handle in self._handlers:
                digest = handle(self, thing, path)
                if digest is not None:
                    return digest
            return self.give_up(thing, path)
        except RecursionError:
            return self.give_up(thing, path, "objects are nested too deep")
        except Exception as error:  # noqa: BLE001 - an object of any library may raise any error
            return self.give_up(thing, path, f"{type(error).__name__}: {error}")

    def give_up(self, thing: Any, path: str, why: str = "") -> bytes:
        """Note that an object has no stable description."""
        kind = f"{type(thing).__module__}.{type(thing).__qualname__}"
        self.unstable.setdefault(f"{path or 'it'} is a {kind}" + (f" ({why})" if why else ""))
        return mix("unstable", self._session, kind)

    def items(self, things: Any, path: str) -> bytes:
        """Digest things in their order."""
        return mix("items", *(self(thing, f"{path}[{place}]") for place, thing in enumerate(things)))

    def mapping(self, things: Mapping[Any, Any], path: str, *, ordered: bool = False) -> bytes:
        """Digest a mapping; the order of its keys counts only if ``ordered``."""
        pairs = [self(key, path) + self(value, _inside(path, key)) for key, value in things.items()]
        return mix("mapping", *(pairs if ordered else sorted(pairs)))


def plain_text(thing: Any) -> str | None:
    """Return a string for a plain value, or a list or tuple of plain values; None for other objects."""
    if type(thing) in _PLAIN:
        return f"{type(thing).__name__} {thing!r}"
    if type(thing) in (list, tuple) and _is_plain(thing, _PLAIN_DEPTH):
        return f"{type(thing).__name__} {thing!r}"
    return None


def _is_plain(thing: Any, depth: int) -> bool:
    kinds = {type(entry) for entry in thing}
    if kinds <= _PLAIN:
        return True
    nested = kinds - _PLAIN
    if depth == 0 or not nested <= {list, tuple}:
        return False
    return all(_is_plain(entry, depth - 1) for entry in thing if type(entry) in nested)


def describe_container(describer: Describer, thing: Any, path: str) -> bytes | None:
    """Describe Python's own containers, of exactly these types."""
    describe = _CONTAINERS.get(type(thing))
    return None if describe is None else describe(describer, thing, path)


def _sequence(describer: Describer, thing: Any, path: str) -> bytes:
    return mix(type(thing).__name__, describer.items(thing, path))


def _set(describer: Describer, thing: Any, path: str) -> bytes:
    return mix(type(thing).__name__, *sorted(describer(entry, path) for entry in thing))


def _shown(describer: Describer, thing: Any, path: str) -> bytes:
    del describer, path
    return mix(type(thing).__name__, repr(thing))


_CONTAINERS: Mapping[type, Callable[[Describer, Any, str], bytes]] = {
    list: _sequence,
    tuple: _sequence,
    dict: lambda describer, thing, path: mix("dict", describer.mapping(thing, path)),
    MappingProxyType: lambda describer, thing, path: mix("dict", describer.mapping(thing, path)),
    OrderedDict: lambda describer, thing, path: mix("OrderedDict", describer.mapping(thing, path, ordered=True)),
    set: _set,
    frozenset: _set,
    deque: lambda describer, thing, path: mix("deque", repr(thing.maxlen), describer.items(thing, path)),
    bytearray: _shown,
    range: _shown,
    slice: _shown,
}


def _inside(path: str, key: Any) -> str:
    if isinstance(key, str) and key.isidentifier():
        return f"{path}.{key}" if path else key
    return f"{path}[{key!r}]" if type(key) in _PLAIN else f"{path}[…]"


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Raise the recursion limit in this context, for deeply nested objects."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
