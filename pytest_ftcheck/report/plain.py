"""Converts records to plain values, for other processes and for documents, and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from types import MappingProxyType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)

LEFT_OUT_WHERE_NONE: Mapping[str, bool] = MappingProxyType({"left_out_where_none": True})
"""Metadata of a field that `plain` leaves out where it is None; other fields keep their None."""


def plain(value: Any) -> Any:
    """Return a record as a dict of plain values; convert all records inside lists and dicts, too."""
    if is_dataclass(value) and not isinstance(value, type):
        held = {part.name: getattr(value, part.name) for part in fields(value) if not _is_left_out(value, part)}
        return {name: plain(entry) for name, entry in held.items()}
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def _is_left_out(record: Any, part: Any) -> bool:
    return getattr(record, part.name) is None and part.metadata == LEFT_OUT_WHERE_NONE


def record_of(kind: type[Record], values: Mapping[str, Any]) -> Record:
    """Make a record from the result of `plain`.

    Raises:
        TypeError: the values have other names than the record.

    """
    hints = _hints(kind)
    return kind(**{name: _typed(hints.get(name), value) for name, value in values.items()})


@cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _typed(hint: Any, value: Any) -> Any:
    """Make the records in a value; a union of several record types is not supported."""
    if value is None:
        return None
    if is_dataclass(hint) and isinstance(hint, type):
        return record_of(hint, value)
    parts, origin = get_args(hint), get_origin(hint)
    if origin in (Union, UnionType):
        return next((_typed(part, value) for part in parts if is_dataclass(part)), value)
    if origin in (list, tuple):
        return origin(_typed(parts[0], entry) for entry in value)
    if origin is dict:
        return {key: _typed(parts[1], entry) for key, entry in value.items()}
    return value
