"""The JSON Schema of the documents and their page, generated from the records.

``python -m pytest_ftcheck.report.schema > pytest_ftcheck/report/schema.json`` writes the schema,
``python -m pytest_ftcheck.report.schema page > docs/json.md`` the page. Both read the docstrings of fields from the
source, because Python does not keep them at run time. pydantic's ``TypeAdapter`` reads them only for its own
dataclasses, and does not support strings for NaN and infinity.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from dataclasses import fields, is_dataclass
from itertools import pairwise
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from pytest_ftcheck.report.document import Document, JudgedDocument
from pytest_ftcheck.report.plain import LEFT_OUT_WHERE_NONE
from pytest_ftcheck.report.records import UnfinishedDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from dataclasses import Field

DOCUMENTS = (Document, UnfinishedDocument, JudgedDocument)
"""The types of documents."""
_NUMBER = {"$ref": "#/$defs/number"}
_NUMBER_OR_TEXT = {
    "description": "A number; NaN and infinity are strings.",
    "anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}],
}
_SIMPLE: Mapping[Any, dict[str, Any]] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: _NUMBER,
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}
_SIMPLE_WORDS: Mapping[Any, str] = {
    Any: "any value",
    str: "string",
    int: "integer",
    float: "number",
    bool: "true or false",
    NoneType: "null",
}

_INTRODUCTION = """# The JSON document

`--ftcheck-json PATH` writes one complete document at the end of the session. When the session begins, it writes
`{"schema": 1, "finished": false, "exit_status": null}` to the same path. **If the document is missing or has
`"finished": false`, the session failed.** For example, code that calls `os._exit(0)` ends pytest with exit code 0, and
nothing was judged. NaN and infinity are strings, because JSON has no such numbers: `"nan"`, `"inf"`, `"-inf"`. An
incompatible change increments `schema`.

The JSON Schema of the document (draft 2020-12) is installed with the package: `pytest_ftcheck/report/schema.json`. It
also describes the result of `pytest_ftcheck.judge(…).to_json()`.
"""


def schema() -> dict[str, Any]:
    """Return the JSON Schema, draft 2020-12, of all documents; it allows no other keys.

    Raises:
        TypeError: a field has a type that a document cannot hold.
        KeyError: a field has no docstring.

    """
    records = list(_records(*DOCUMENTS))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The JSON document of pytest-ftcheck",
        "anyOf": [_reference(kind) for kind in DOCUMENTS],
        "$defs": {"number": _NUMBER_OR_TEXT} | {kind.__name__: _object(kind) for kind in records},
    }


def _records(*kinds: type[Any]) -> Iterator[type[Any]]:
    """Yield these record types, and all record types in their fields, each once."""
    found: dict[type[Any], None] = {}
    left: list[Any] = [*kinds]
    while left:
        hint = left.pop(0)
        if not (is_dataclass(hint) and isinstance(hint, type)):
            left += get_args(hint)
        elif hint not in found:
            found[hint] = None
            left += get_type_hints(hint).values()
    yield from found


def _object(kind: type[Any]) -> dict[str, Any]:
    meanings = _docstrings(kind)
    return {
        "description": inspect.getdoc(kind),
        "type": "object",
        "properties": {name: _of_type(hint) | {"description": meanings[name]} for name, hint in _hints(kind).items()},
        "required": [part.name for part in fields(kind) if not _may_be_left_out(part)],
        "additionalProperties": False,
    }


def _may_be_left_out(part: Field[Any]) -> bool:
    return part.metadata == LEFT_OUT_WHERE_NONE


def _hints(kind: type[Any]) -> dict[str, Any]:
    """Return the types of a record's fields, in order; without None where None means that the field is left out."""
    hints = get_type_hints(kind)
    return {
        part.name: get_args(hints[part.name])[0] if _may_be_left_out(part) else hints[part.name]
        for part in fields(kind)
    }


def _reference(kind: type[Any]) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _of_type(hint: Any) -> dict[str, Any]:
    """Return the schema of a field of this type in a document."""
    parts, origin = get_args(hint), get_origin(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _reference(hint)
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (Union, UnionType):
        return {"anyOf": [_of_type(part) for part in parts]}
    if origin in (list, tuple):
        return {"type": "array", "items": _of_type(parts[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(parts[1])}
    if hint not in _SIMPLE:
        msg = f"{hint}: a JSON document cannot hold this type. Give the field another type, or add the type to _SIMPLE."
        raise TypeError(msg)
    return _SIMPLE[hint]


def _docstrings(kind: type[Any]) -> dict[str, str]:
    """Return the docstrings of fields by name, each in one line, with the fields of base classes."""
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if is_dataclass(base):
            (node,) = ast.parse(inspect.getsource(base)).body
            body = node.body if isinstance(node, ast.ClassDef) else []
            for before, line in pairwise(body):
                if isinstance(before, ast.AnnAssign) and isinstance(line, ast.Expr):
                    text = inspect.cleandoc(ast.literal_eval(line.value))
                    meanings[ast.unparse(before.target)] = re.sub(r"\bNone\b", "null", " ".join(text.split()))
    return meanings


def page() -> str:
    """Render every document and its entries as Markdown: keys, types and meanings."""
    titles = {
        Document: "The document of a session",
        UnfinishedDocument: "A session that has not ended",
        JudgedDocument: "What `judge` returns",
    }
    documents = [f"\n## {title}\n\n{_table(kind)}" for kind, title in titles.items()]
    entries = [f"\n### {kind.__name__}\n\n{_table(kind)}" for kind in _records(*DOCUMENTS) if kind not in DOCUMENTS]
    return "".join([_INTRODUCTION, *documents, "\n## Entries\n", *entries])


def _table(kind: type[Any]) -> str:
    meanings = _docstrings(kind)
    rows = [f"| `{name}` | {_in_words(hint)} | {meanings[name]} |" for name, hint in _hints(kind).items()]
    head = ["| key | type | meaning |", "|---|---|---|"] if rows else []
    return "\n".join([str(inspect.getdoc(kind)), "", *head, *rows]).replace("``", "`").rstrip() + "\n"


def _in_words(hint: Any) -> str:
    """Describe the type of a field, with a link where it is a record."""
    parts, origin = get_args(hint), get_origin(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    if origin is Literal:
        return ", ".join(f"`{json.dumps(part)}`" for part in parts)
    if origin in (Union, UnionType):
        return " or ".join(_in_words(part) for part in parts)
    if origin in (list, tuple):
        return f"list of {_in_words(parts[0])}"
    return f"by name: {_in_words(parts[1])}" if origin is dict else _SIMPLE_WORDS[hint]


def schema_text() -> str:
    """Return the schema as it is installed."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page() if sys.argv[1:] == ["page"] else schema_text())
