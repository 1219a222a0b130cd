"""The table of a task, added to the project's configuration; comments and order of the file stay."""

from __future__ import annotations

import ast
import re
import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from pytest_ftcheck.configuration import read_config
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.init.find import dotted

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_ftcheck.init.project import Source

_REMOVES_COLUMNS = frozenset({"remove_columns", "select_columns", "set_format", "with_format"})
_TOKENIZER = re.compile(r"(^|[._])(tok|tokenizer|tokeniser|processing_class|tokenize)$", re.IGNORECASE)


def task_name(root: Path) -> str:
    """Name the task by the folder of the project: letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^\w-]+", "-", root.name).strip("-_") or "model"


def task_of(root: Path, trainer: str) -> str:
    """Return the name of the task whose table has this Trainer already; empty if there is none.

    Raises:
        SettingsError: the configuration file is not valid.

    """
    tables = read_config(root).get("tasks", {})
    tables = tables if isinstance(tables, dict) else {}
    return next(
        (str(n) for n, table in tables.items() if isinstance(table, dict) and table.get("trainer") == trainer), ""
    )


def tables_of(root: Path) -> list[str]:
    """Return the names of all tasks in the configuration file.

    Raises:
        SettingsError: the configuration file is not valid.

    """
    tables = read_config(root).get("tasks", {})
    return [str(name) for name in tables] if isinstance(tables, dict) else []


def text_columns(source: Source) -> list[str]:
    """Return the columns that a file tokenizes, as in ``tokenizer(batch["text"])``.

    Empty where they are not certain: several calls with different columns, or code that removes columns, so that the
    Trainer's data sets may no longer have them.
    """
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg in _REMOVES_COLUMNS:
            return []
        if isinstance(node, ast.Attribute) and node.attr in _REMOVES_COLUMNS:
            return []
        if isinstance(node, ast.Call) and _TOKENIZER.search(dotted(node.func)):
            columns = [_column(argument) for argument in node.args]
            if columns and all(columns):
                found.add(tuple(columns))
    return list(found.pop()) if len(found) == 1 else []


def _column(node: ast.expr) -> str:
    value = node.slice.value if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) else ""
    return value if isinstance(value, str) else ""


def config_path(root: Path) -> Path:
    """Return the file for the table: ``ftcheck.toml`` if there is one (it is read first), else ``pyproject.toml``."""
    own = root / "ftcheck.toml"
    return own if own.is_file() else root / "pyproject.toml"


def with_table(path: Path, task: str, trainer: str, columns: list[str]) -> str:
    """Return the text of the configuration file with the table of the task at its end.

    Raises:
        SettingsError: the file is not TOML in UTF-8, or its form does not allow another table.

    """
    try:
        before = path.read_bytes().decode("utf-8") if path.exists() else ""
        known: dict[str, Any] = tomllib.loads(before.removeprefix("\ufeff"))
        own = path.name == "ftcheck.toml" and "ftcheck" not in known.get("tool", {})
        newline = "\r\n" if "\r\n" in before else "\n"
        table = _table("tasks" if own else "tool.ftcheck.tasks", task, trainer, columns).replace("\n", newline)
        gap = "" if not before.strip() else newline if before.endswith("\n") else 2 * newline
        text = before + gap + table
        after = tomlkit.parse(text.removeprefix("\ufeff")).unwrap()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TOMLKitError) as error:
        todo = f"Correct the file, or write [tool.ftcheck.tasks.{task}]"
        msg = f"{path}: the table of the task cannot be added: {error}. {todo}."
        raise SettingsError(msg) from error
    _take_out(after, task, own=own)
    if not _same(after, known):
        msg = f"{path}: the table of the task would change other tables. Write [tool.ftcheck.tasks.{task}] yourself."
        raise SettingsError(msg)
    return text


def _take_out(document: dict[str, Any], task: str, *, own: bool) -> None:
    del (document if own else document["tool"]["ftcheck"])["tasks"][task]


def _same(after: Any, before: Any) -> bool:
    """Whether two documents are equal but for tables that are empty."""
    if isinstance(after, dict):
        keys = after.keys() | (before.keys() if isinstance(before, dict) else set())
        empty: dict[str, Any] = {}
        old = before if isinstance(before, dict) else empty
        return (isinstance(before, dict) or before is None) and all(
            _same(after.get(k, {}), old.get(k, {})) for k in keys
        )
    return bool(after == before)


def _table(above: str, task: str, trainer: str, columns: list[str]) -> str:
    key = tomlkit.key(task).as_string()
    texts = f"text_columns = {tomlkit.item(columns).as_string()}  # what is tokenized\n" if columns else ""
    return (
        f"[{above}.{key}]  # pytest --ftcheck-task={task}\n"
        f"trainer = {tomlkit.item(trainer).as_string()}  # returns the untrained Trainer\n"
        f"{texts}"
        "# Names of the classes, if the config of the model does not have them:\n"
        '# label_names = ["negative", "positive"]\n'
        "# Limits of the metrics. Ten seeds measure them, and write them here:\n"
        f"#   pytest --ftcheck-task={task} --ftcheck-calibrate=10 --ftcheck-write-floors\n"
        "# floors = { accuracy = 0.85 }\n"
    )
