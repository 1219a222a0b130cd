"""Escapes control characters in strings from data, files and options, for terminals and XML."""

from __future__ import annotations

import re
from typing import Any

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters except tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of a text
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # line separators and invisible marks
    "\ufffe\uffff\ud800-\udfff"  # not characters
    "]"
)


def printable(text: str) -> str:
    r"""Return a string with escapes such as ``\x1b`` or ``\u202e`` for control, invisible and invalid XML characters.

    Newlines and tabs stay.
    """
    return _UNSAFE.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # as Python writes them


def text_of(error: BaseException) -> str:
    """Return the message of any error in one line; empty if its ``__str__`` fails."""
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - any error of user code
        return ""


def printable_values(value: Any) -> Any:
    """Return a value with `printable` applied to all strings in lists, tuples and dicts, also to keys."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_values(key): printable_values(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(printable_values(entry) for entry in value)
    return value
