"""A head's name stands in `pytest_ftcheck.heads` and in the task cards, and nowhere else in the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pytest_ftcheck
from pytest_ftcheck.heads.registry import known_heads

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(pytest_ftcheck.__file__).parent
VERDICTS = {"report/history.py", "report/html/history.py"}
"""Here, "regression" is a verdict."""
MODULES = sorted(file for file in PACKAGE.rglob("*.py") if file.relative_to(PACKAGE).parts[0] != "heads")


def names_in(text: str) -> list[str]:
    """Name the heads that a module names: a whole text, in quotes, with a hyphen anywhere.

    The word "regression" of a sentence is no name.
    """
    found = [f"line {number}: {name}" for number, name in _literals(text)]
    for name in known_heads():
        quoted = re.compile(rf"(['\"`]){re.escape(name)}\1") if "-" not in name else re.compile(re.escape(name))
        found += [f"line {number}: {name}" for number, line in enumerate(text.splitlines(), 1) if quoted.search(line)]
    return found


def _literals(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and node.value in known_heads():
            yield node.lineno, str(node.value)


def test_the_modules_are_found() -> None:
    assert len(MODULES) > 300


def test_no_module_outside_names_a_head() -> None:
    found = {str(file.relative_to(PACKAGE)): names_in(file.read_text(encoding="utf-8")) for file in MODULES}
    assert {file: names for file, names in found.items() if names and file not in VERDICTS} == {}


@pytest.mark.parametrize(
    "text",
    [
        'if card.head == "regression":\n    pass',
        "HEADS = {\n    'sequence-classification': 1,\n}",
        '"""One of ``regression``."""',
        "pass  # for sequence-classification only",
    ],
)
def test_a_name_is_found_wherever_it_stands(text: str) -> None:
    assert names_in(text)


def test_the_word_in_a_sentence_is_no_name() -> None:
    assert names_in('hint = "labels of a regression are numbers"  # regression') == []
