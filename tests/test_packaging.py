"""The wheel: what it carries, what it declares, and that it works where the repository is not."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string, policy
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

import pytest_ftcheck
from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS

if TYPE_CHECKING:
    from email.message import Message

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "pytest_ftcheck"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DIST_INFO = f"pytest_ftcheck-{pytest_ftcheck.__version__}.dist-info"
MEGABYTE = 2**20

FIRST_SESSION = "--ftcheck-task=mrpc"
"""What the README says to run after the installation."""
# Needed without an import: the fixture `benchmark` comes from pytest-benchmark.
NEEDED_WITHOUT_IMPORT = {"pytest-benchmark"}
# Imported only where it is installed.
OPTIONAL = {"matplotlib", "pytest-xdist"}


def run(*command: str, cwd: Path = REPOSITORY, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter, without what the outer pytest run left in the environment."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist: whatever is missing in the sdist is missing here, too."""
    folder = tmp_path_factory.mktemp("dist")
    built = run("-m", "build", "--no-isolation", "--outdir", str(folder))
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return message_from_string(archive.read(f"{DIST_INFO}/METADATA").decode(), policy=policy.default)


def test_wheel_says_under_which_licence_data_and_checkpoints_are(wheel: Path, names: set[str]) -> None:
    cards = [name for name in names if name.endswith((".md", "/LICENSE"))]
    fixtures = "pytest_ftcheck/_fixtures"
    checkpoints = [f"{fixtures}/checkpoints/{name}/README.md" for name in BUNDLED_CHECKPOINTS]
    assert set(cards) == {f"{DIST_INFO}/licenses/LICENSE", f"{fixtures}/DATA_CARD.md", *checkpoints}
    with zipfile.ZipFile(wheel) as archive:
        texts = {name: archive.read(name).decode() for name in cards}
    assert [name for name, text in texts.items() if name.endswith(".md") and "License: Apache-2.0" not in text] == []
    assert texts[f"{DIST_INFO}/licenses/LICENSE"] == (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    # The link between them leads somewhere in the wheel, too.
    assert [name for name in checkpoints if "](../../DATA_CARD.md)" not in texts[name]] == []


@pytest.mark.parametrize("folder", ["data", "checkpoints"])
def test_wheel_carries_every_bundled_file(names: set[str], folder: str) -> None:
    bundled = {
        f"pytest_ftcheck/_fixtures/{path.relative_to(REPOSITORY / 'fixtures').as_posix()}"
        for path in (REPOSITORY / "fixtures" / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert bundled
    assert bundled <= names


def test_wheel_carries_every_file_of_the_package(names: set[str]) -> None:
    package = {
        path.relative_to(REPOSITORY).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"pytest_ftcheck/py.typed", "pytest_ftcheck/tasks/cards/mrpc.toml"} <= package
    assert package <= names


def test_wheel_carries_nothing_else(names: set[str]) -> None:
    assert {name.split("/", 1)[0] for name in names} == {"pytest_ftcheck", DIST_INFO}
    assert {name.split("/")[2] for name in names if name.startswith("pytest_ftcheck/_fixtures/")} == {
        "DATA_CARD.md",
        "checkpoints",
        "data",
    }
    assert not [name for name in names if "cache" in name or name.endswith(".pyc")]


def test_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= 10 * MEGABYTE


def test_wheel_registers_the_plugin_and_its_licence(wheel: Path, names: set[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        entry_points = archive.read(f"{DIST_INFO}/entry_points.txt").decode()
    assert entry_points.split() == ["[pytest11]", "ftcheck", "=", "pytest_ftcheck.plugin.hooks"]
    assert f"{DIST_INFO}/licenses/LICENSE" in names


def test_the_version_has_one_source(metadata: Message) -> None:
    assert "version" in PROJECT["dynamic"]
    assert metadata["Version"] == pytest_ftcheck.__version__
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == pytest_ftcheck.__version__


def test_the_page_of_a_package_index_has_no_relative_link(metadata: Message) -> None:
    text = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"^ *\[[^]]+\]: *(\S+)", text, re.MULTILINE)
    links += re.findall(r"""(?:href|src) *= *["']?([^"'> ]+)""", text)
    assert links
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_that_page_is_the_readme_with_the_address_of_the_project(metadata: Message) -> None:
    source = PROJECT["urls"]["Source"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert f"]({source}/blob/main/docs/tasks.md)" in str(metadata.get_payload())
    back = str(metadata.get_payload()).replace(f"]({source}/blob/main/", "](")
    assert back.strip() == (REPOSITORY / "README.md").read_text(encoding="utf-8").strip()


def test_the_metadata_say_where_the_project_is(metadata: Message) -> None:
    urls = {name: url for name, _, url in (line.partition(", ") for line in metadata.get_all("Project-URL", []))}
    assert urls == PROJECT["urls"]
    assert {"Homepage", "Documentation", "Source", "Changelog", "Issues"} <= set(urls)
    assert all(url.startswith(urls["Source"]) for url in urls.values())


def test_the_readme_begins_with_the_installation_and_a_first_session() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    first, second = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0].splitlines()
    assert first.partition("#")[0].split() == ["pip", "install", PROJECT["name"]]
    assert second.partition("#")[0].split() == ["pytest", FIRST_SESSION]
    assert f"Python {PROJECT['requires-python'].removeprefix('>=')} or newer" in first
    assert text.index(first) < text.index("\n## ")


@pytest.mark.slow
def test_installed_wheel_fine_tunes_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    installed = run("-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(site), str(wheel))
    assert installed.returncode == 0, installed.stdout + installed.stderr
    # The path puts this copy before the one that runs this test; the cache is fresh, so that no run is reused.
    environment = {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}

    found = run("-P", "-c", "import pytest_ftcheck; print(pytest_ftcheck.__file__)", cwd=empty, **environment)
    assert Path(found.stdout.strip()).is_relative_to(site), found.stdout + found.stderr

    session = run("-P", "-m", "pytest", FIRST_SESSION, cwd=empty, **environment)
    assert session.returncode == pytest.ExitCode.OK, session.stdout + session.stderr
    assert re.search(r"=+ \d+ passed.* in .*s.* =+\s*\Z", session.stdout), session.stdout
    assert "mrpc" in session.stdout


def shown_texts(source: Path) -> list[str]:
    """Every string of a file but the docstring of the module, unless the module prints it."""
    text = source.read_text(encoding="utf-8")
    tree = ast.parse(text)
    hidden = None if "__doc__" in text else ast.get_docstring(tree, clean=False)
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [string for string in strings if string != hidden]


def test_no_message_names_a_file_that_only_the_repository_has() -> None:
    absent = {path.name for path in REPOSITORY.iterdir()} - {PACKAGE.name, "pyproject.toml"}
    named = {
        (source.name, token)
        for source in PACKAGE.rglob("*.py")
        for text in shown_texts(source)
        for token in re.findall(r"\w[\w.-]*(?:/[\w.-]*\w)+|\b[\w-]+\.md\b", text)
        if token.split("/")[0] in absent and (REPOSITORY / token).exists()
    }
    assert named == set()


def imported_at_run_time(source: Path) -> set[str]:
    """Top-level names of the modules that a file imports, but for those that only a type checker imports."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {module.split(".", 1)[0] for module in modules}


def required(requirements: list[str]) -> set[str]:
    """Names of the distributions that the requirements name."""
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements}


def test_what_is_imported_is_declared_and_the_reverse() -> None:
    modules = set[str]().union(*map(imported_at_run_time, PACKAGE.rglob("*.py")))
    third_party = modules - sys.stdlib_module_names - {"pytest_ftcheck", "_pytest"}
    distributions = packages_distributions()
    imported = {distributions[module][0].lower().replace("_", "-") for module in third_party}

    assert imported - OPTIONAL | NEEDED_WITHOUT_IMPORT == required(PROJECT["dependencies"])


def test_every_dependency_is_pinned_for_ci() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.!-]+", pin) for pin in pins), pins
    pinned = {pin.partition("==")[0].lower().replace("_", "-") for pin in pins}

    extras = PROJECT["optional-dependencies"]
    assert required(PROJECT["dependencies"] + extras["dev"] + extras["test"]) <= pinned


def test_lower_bounds_are_versions_that_are_tested_together() -> None:
    lines = (REPOSITORY / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    tested = {name: Version(version) for name, _, version in (line.partition("==") for line in lines) if version}
    bounds = [
        (re.split(r"[^\w.-]", requirement, maxsplit=1)[0], Version(found[1]))
        for requirement in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
        if (found := re.search(r">=([\w.]+)", requirement))
    ]
    assert len(bounds) >= len(PROJECT["dependencies"])
    assert [(name, bound, tested[name]) for name, bound in bounds if tested[name] != bound] == []
