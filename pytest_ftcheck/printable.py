"""Texts of data, files and options as a terminal and XML can show them: control characters become escapes."""

from __future__ import annotations

import re
from typing import Any

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what changes the direction of a text
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # ends of lines and marks that nobody sees
    "\ufffe\uffff\ud800-\udfff"  # no characters
    "]"
)


def printable(text: str) -> str:
    r"""Return a text with escapes such as ``\x1b`` or ``\u202e`` for what moves a cursor, hides, or is no XML.

    Newlines and tabs stay.
    """
    return _UNSAFE.sub(lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - as Python writes them


def text_of(error: BaseException) -> str:
    """Return the text of an error of anybody, in one line; one that fails to tell has none."""
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - whatever it is
        return ""


def printable_values(value: Any) -> Any:
    """Return lists and tables with all texts in them, also the keys, as `printable` gives them."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable_values(key): printable_values(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(printable_values(entry) for entry in value)
    return value
