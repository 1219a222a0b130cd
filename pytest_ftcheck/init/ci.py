"""A workflow for GitHub Actions or GitLab CI that runs the task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pytest_ftcheck.init.templates import filled

_REMOTE = re.compile(r"^\s*url\s*=\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Workflow:
    """A file for CI."""

    path: Path
    """Relative to the root folder."""
    text: str
    todo: str = ""
    """What the user has to do besides; empty if nothing."""


def make_workflow(root: Path, task: str) -> Workflow:
    """Return the workflow for the CI that the project has: GitLab's if it has a ``.gitlab-ci.yml`` or such a remote."""
    dependencies, install = _installation(root)
    if _is_gitlab(root):
        path = Path("ftcheck.gitlab-ci.yml")
        todo = f"Add to .gitlab-ci.yml:\n  include:\n    - local: {path}"
        return Workflow(path, filled("gitlab.yml", task=task, install=install), todo)
    path = Path(".github", "workflows", "ftcheck.yml")
    return Workflow(path, filled("github.yml", task=task, install=install, dependencies=dependencies))


def _is_gitlab(root: Path) -> bool:
    if (root / ".gitlab-ci.yml").exists():
        return True
    config = root / ".git" / "config"
    remotes = _REMOTE.findall(config.read_text(encoding="utf-8", errors="replace")) if config.is_file() else []
    return not (root / ".github").exists() and any("gitlab" in url for url in remotes)


def _installation(root: Path) -> tuple[str, str]:
    """Return the file that lists the dependencies, and the command that installs them."""
    requirements = root / "requirements.txt"
    if requirements.is_file():
        return "requirements.txt", "python -m pip install -r requirements.txt pytest-ftcheck"
    project = root / "pyproject.toml"
    if project.is_file() and re.search(
        r"^\[(project|build-system)\]", project.read_text(encoding="utf-8"), re.MULTILINE
    ):
        return "pyproject.toml", "python -m pip install . pytest-ftcheck"
    return "pyproject.toml", "python -m pip install pytest-ftcheck"
