"""What the documents say of the project: links that lead somewhere, names that exist."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from transformers import Trainer

from pytest_ftcheck.checks.catalogue import FAMILIES
from pytest_ftcheck.checks.names import COST_OF
from pytest_ftcheck.gates.compared_run import ComparedRun
from pytest_ftcheck.judging.selection import FLOOR_ID, NAMES_OF_GATES
from pytest_ftcheck.pipeline.parts import Pipeline
from pytest_ftcheck.plugin import fixtures
from pytest_ftcheck.report.summary import summary_table
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.tasks.card import TaskCard, builtin_tasks

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "examples/*/*.md", "fixtures/**/*.md")
    for path in REPOSITORY.glob(pattern)
)


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    dead = []
    for link in re.findall(r"\]\((?![a-z]+:)([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def columns(text: str) -> list[str]:
    return re.split(r" {3,}", text.strip())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_tables_of_gates_have_the_columns_of_today(document: Path) -> None:
    today = columns(summary_table([], color=False).splitlines()[0])
    shown = re.findall(r"^ task +engine .*$", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert [line for line in shown if [name for name in columns(line) if name != "seed"] != today] == []


def test_the_readme_names_every_built_in_task() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"^\*\*A bundled task\*\* \(([^;]+);", text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", named)) == set(builtin_tasks()), "README.md, A bundled task: other tasks"


CLASSES: dict[str, Any] = {"TaskCard": TaskCard, "Pipeline": Pipeline, "Run": Run, "ComparedRun": ComparedRun}
"""Of what fixtures return: those of ours with attributes for users."""
INTERNAL = {"ft_session", "ft_variant"}


def returned() -> dict[str, str]:
    """The class that each fixture is annotated with."""
    module = ast.parse(Path(fixtures.__file__).read_text(encoding="utf-8"))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.returns]
    return {node.name: ast.unparse(node.returns).split(" |")[0] for node in functions if node.returns}


def attributes(fixture: str) -> set[str]:
    """Public attributes of what a fixture returns."""
    kind = CLASSES[returned()[fixture]]
    return {field.name for field in fields(kind)} | {name for name in dir(kind) if not name.startswith("_")}


def described() -> dict[str, set[str]]:
    """The attributes that the page of the fixtures names, by fixture."""
    page = (REPOSITORY / "docs" / "fixtures.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(ft_\w+)[^|`]*` \| (.*) \|$", page, re.MULTILINE)
    return {fixture: set(re.findall(r"`\.(\w+)", text)) for fixture, text in rows}


def test_every_fixture_is_described() -> None:
    assert set(described()) == set(returned()) - INTERNAL


@pytest.mark.parametrize("fixture", ["ft_task", "ft_pipeline", "ft_run", "ft_baseline"])
def test_fixtures_have_the_attributes_that_their_page_names(fixture: str) -> None:
    assert described()[fixture]
    assert described()[fixture] - attributes(fixture) == set()


def test_no_attributes_are_named_of_other_fixtures() -> None:
    assert {name for name, named in described().items() if named} == {"ft_task", "ft_pipeline", "ft_run", "ft_baseline"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_examples_use_attributes_that_fixtures_have(document: Path) -> None:
    used = re.findall(r"\b(ft_\w+)\.([a-z]\w*)", document.read_text(encoding="utf-8"))
    assert {name for name, _ in used} <= set(returned())
    assert [
        (name, attribute)
        for name, attribute in used
        if returned()[name] in CLASSES and attribute not in attributes(name)
    ] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_checks_in_tables_exist(document: Path) -> None:
    """Of the changelog and the tables of benchmarks, names may be those of an earlier time."""
    if document.parent.name == "benchmarks" or document.name == "CHANGELOG.md":
        return
    families = "|".join(FAMILIES)
    cells = [line for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    named = {name for line in cells for name in re.findall(rf"`((?:{families})\.[a-z]\w*)`", line)}
    assert named <= {*COST_OF, FLOOR_ID, *NAMES_OF_GATES}


def test_a_pipeline_is_named_as_a_trainer_names_its_parts() -> None:
    named_by_trainer = described()["ft_pipeline"] - {"card", "tier", "checkpoint", "data"}
    assert named_by_trainer <= set(inspect.signature(Trainer.__init__).parameters)
