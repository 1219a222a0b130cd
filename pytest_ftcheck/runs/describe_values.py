"""Describe values whose attributes contain too much or too little, or change in every process."""

from __future__ import annotations

import contextvars
import enum
import io
import logging
import os
import sys
import threading
import types
import weakref
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.runs.describer import mix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.runs.describer import Describer

_LOCKS = (type(threading.Lock()), type(threading.RLock()))


def describe_value(describer: Describer, thing: Any, path: str) -> bytes | None:
    """Describe a value of a known type; None for other objects."""
    for known, describe in _KINDS:
        if isinstance(thing, known):
            return describe(describer, thing, path)
    return None


def _enum(describer: Describer, thing: enum.Enum, path: str) -> bytes:
    own = {name: value for name, value in vars(thing).items() if not name.startswith("_")}
    return mix("enum", describer(type(thing), path), thing.name, describer.mapping(own, path))


def _path(describer: Describer, thing: PurePath, path: str) -> bytes:
    return mix("path", describer(str(thing), path))


def _may_hold_more(thing: Any) -> bool:
    """Whether an array has attributes that affect behaviour; attributes of a memory map only repeat its file."""
    return hasattr(thing, "__dict__") and not isinstance(thing, np.memmap)


def _array(describer: Describer, thing: np.ndarray[Any, Any] | np.generic, path: str) -> bytes:
    array = np.asarray(thing)
    kind = f"{type(thing).__qualname__} {array.dtype.str} {array.shape}"
    parts = [describer(type(thing), path), describer.mapping(vars(thing), path)] if _may_hold_more(thing) else []
    if array.dtype.hasobject:
        return mix("array", kind, describer(array.tolist(), path), *parts)
    return mix("array", kind, np.ascontiguousarray(array).tobytes(), *parts)


def _generator(describer: Describer, thing: types.GeneratorType[Any, Any, Any], path: str) -> bytes:
    """Describe the state of a generator: its code, its next instruction, and its variables."""
    frame = thing.gi_frame
    if frame is None:
        return mix("generator", "at its end")
    return mix("generator", describer(thing.gi_code, path), str(frame.f_lasti), describer(dict(frame.f_locals), path))


def _reference(describer: Describer, thing: weakref.ref[Any], path: str) -> bytes:
    target = thing()
    return mix("weak", "gone" if target is None else describer(target, path))


def _weak_mapping(describer: Describer, thing: Any, path: str) -> bytes:
    return mix("weak", describer.mapping(dict(thing), path))


def _weak_set(describer: Describer, thing: weakref.WeakSet[Any], path: str) -> bytes:
    return mix("weak", describer(set(thing), path))


def _file(describer: Describer, thing: io.IOBase, path: str) -> bytes:
    if any(thing is stream for stream in (sys.stdout, sys.stderr, sys.stdin, sys.__stdout__, sys.__stderr__)):
        return mix("stream")
    if isinstance(thing, (io.StringIO, io.BytesIO)):
        return mix("file in memory", describer(thing.getvalue(), path), str(thing.tell()))
    return describer.give_up(thing, path)


def _by_name(describer: Describer, thing: Any, path: str) -> bytes:
    del describer, path
    return mix(type(thing).__qualname__, str(getattr(thing, "name", "")))


def _without_content(describer: Describer, thing: Any, path: str) -> bytes:
    """Describe an object without settings only by its class: a lock, or `os.environ` (see `Inputs`)."""
    del describer, path
    return mix(type(thing).__qualname__)


_KINDS: tuple[tuple[Any, Callable[..., bytes]], ...] = (
    (enum.Enum, _enum),
    (PurePath, _path),
    ((np.ndarray, np.generic), _array),
    (np.dtype, lambda _, thing, __: mix("dtype", thing.str)),
    (types.GeneratorType, _generator),
    (weakref.ref, _reference),
    ((weakref.WeakKeyDictionary, weakref.WeakValueDictionary), _weak_mapping),
    (weakref.WeakSet, _weak_set),
    (io.IOBase, _file),
    ((logging.Logger, logging.Handler), _by_name),
    ((*_LOCKS, type(os.environ)), _without_content),
    (contextvars.ContextVar, lambda describer, thing, path: describer.give_up(thing, path)),
)
