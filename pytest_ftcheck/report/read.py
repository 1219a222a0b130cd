"""Reads a JSON document back into its records; what no record holds is refused, with the path of the value."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, Union, get_args, get_origin, get_type_hints

from pytest_ftcheck.errors import DataError, closest
from pytest_ftcheck.report.document import Document, JudgedDocument
from pytest_ftcheck.report.plain import LEFT_OUT_WHERE_NONE
from pytest_ftcheck.report.records import SCHEMA, UnfinishedDocument

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AnyDocument: TypeAlias = Document | JudgedDocument | UnfinishedDocument
_WORDS: Mapping[Any, str] = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
_NOT_FINITE = ("nan", "inf", "-inf")
_LONGEST = 40
"""Characters of a value in a message."""


class _Wrong(Exception):  # noqa: N818 - no error of its own: `read_text` gives it the name of the file
    """A value that the record does not hold."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path, self.reason = path, reason


def read_file(path: Path) -> AnyDocument:
    """Read the document of a file.

    Raises:
        DataError: the file cannot be read, or is no document of this version.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        msg = f"{path} cannot be read: {reason}. Give a file that --ftcheck-json wrote."
        raise DataError(msg) from error
    return read_text(text, str(path))


def read_text(text: str, name: str = "the document") -> AnyDocument:
    """Read a document: of a session, of a session that has not ended, or of `judge`.

    Args:
        text: the JSON text.
        name: name of the file, for messages.

    Raises:
        DataError: it is not JSON, has another version, an unknown key, or a value of another type.

    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        msg = f"{name} is not JSON: {error}. Give a file that --ftcheck-json wrote."
        raise DataError(msg) from error
    if not isinstance(value, dict) or "schema" not in value:
        msg = (
            f"{name} has no key 'schema', so it is no document of this package. Give a file that --ftcheck-json wrote."
        )
        raise DataError(msg)
    if type(value["schema"]) is not int or value["schema"] != SCHEMA:
        msg = (
            f"{name} has schema {value['schema']!r}, and this version of pytest-ftcheck reads schema {SCHEMA}. Read it "
            "with the version that wrote it, or run the session again."
        )
        raise DataError(msg)
    try:
        document: AnyDocument = _record(_kind(value), value, "")
    except _Wrong as wrong:
        msg = f"{name}, {wrong.path.removeprefix('.') or 'the document'}: {wrong.reason}."
        raise DataError(msg) from None
    return document


def _no_constant(word: str) -> NoReturn:
    msg = f"{word} is no JSON value; NaN and infinity are strings"
    raise ValueError(msg)


def _kind(value: Mapping[str, Any]) -> type[Any]:
    if value.get("finished") is False:
        return UnfinishedDocument
    return JudgedDocument if "ok" in value else Document


def _record(kind: type[Any], value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _expected(_in_words(kind), value, path)
    parts = {part.name: part for part in fields(kind)}
    for name in value:
        if name not in parts:
            reason = f"unknown key.{closest(name, parts)}"
            raise _Wrong(_inside(path, name), reason)
    given: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for name, part in parts.items():
        hint, left_out = hints[name], part.metadata == LEFT_OUT_WHERE_NONE
        if name in value:
            hint = next(inner for inner in get_args(hint) if inner is not NoneType) if left_out else hint
            given[name] = _value(hint, value[name], _inside(path, name))
        elif not left_out:
            raise _Wrong(_inside(path, name), "the key is missing")
    return kind(**given)


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}"


def _expected(what: str, value: Any, path: str) -> _Wrong:
    return _Wrong(path, f"expected {what}, not {_shown(value)}")


def _value(hint: Any, value: Any, path: str) -> Any:
    """Return a value as its field holds it."""
    parts, origin = get_args(hint), get_origin(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, value, path)
    if origin in (Union, UnionType):
        return _one_of(parts, value, path)
    if origin is list and isinstance(value, list):
        return [_value(parts[0], entry, f"{path}[{place}]") for place, entry in enumerate(value)]
    if origin is tuple and isinstance(value, list):
        return tuple(_value(parts[0], entry, f"{path}[{place}]") for place, entry in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: _value(parts[1], entry, _inside(path, key)) for key, entry in value.items()}
    if not _fits(hint, value):
        raise _expected(_in_words(hint), value, path)
    return float(value) if hint is float else value


def _fits(hint: Any, value: Any) -> bool:
    """Whether a simple type holds a value; true is no integer."""
    if get_origin(hint) is Literal:
        return any(type(part) is type(value) and part == value for part in get_args(hint))
    if hint is float:
        return type(value) in (int, float) or value in _NOT_FINITE
    return hint is Any or (hint in (str, int, bool, NoneType) and type(value) is hint)


def _one_of(parts: tuple[Any, ...], value: Any, path: str) -> Any:
    """Return the value as the first type holds it that can; else raise the error that is deepest in the value."""
    errors = []
    for part in parts:
        try:
            return _value(part, value, path)
        except _Wrong as wrong:
            errors.append(wrong)
    deepest = max(errors, key=lambda wrong: len(wrong.path))
    if deepest.path != path:
        raise deepest
    raise _expected(" or ".join(map(_in_words, parts)), value, path)


def _in_words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(json.dumps(part) for part in get_args(hint))
    if hint is NoneType:
        return "null"
    return _WORDS.get(hint) or {list: "a list", tuple: "a list", dict: "an object"}.get(get_origin(hint), "an object")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
