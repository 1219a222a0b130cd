"""Configuration of the documentation site: ``make docs``."""

from __future__ import annotations

import posixpath
import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

project = "pytest-ftcheck"
author = "the authors of pytest-ftcheck"
_URLS = dict(entry.split(", ", 1) for entry in metadata(project).get_all("Project-URL") or [])
release = version = metadata(project)["Version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = project
html_theme_options = {"source_repository": _URLS["Source"], "source_branch": "main", "source_directory": "docs/"}
exclude_patterns = ["_build"]
myst_heading_anchors = 4
# Examples are cut where dots stand, and TOML of several cards need not be one file.
suppress_warnings = ["misc.highlighting_failure"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
nitpicky = False

_LINK = re.compile(r"(?<=\]\()(\.\./[^)\s]*)(?=\))")
_ROOT = Path(__file__).parent.parent


def _link_to_repository(app: Any, name: str, source: list[str]) -> None:
    """Point relative links that leave ``docs/`` at the repository: the site does not hold those files."""
    del app

    def absolute(found: re.Match[str]) -> str:
        path, hash_sign, anchor = found[1].partition("#")
        place = posixpath.normpath(posixpath.join("docs", posixpath.dirname(name), path))
        if place.startswith("docs/"):
            return found[1]
        kind = "tree" if (_ROOT / place).is_dir() else "blob"
        return f"{_URLS['Source']}/{kind}/main/{place}{hash_sign}{anchor}"

    source[0] = _LINK.sub(absolute, source[0])


def setup(app: Any) -> None:
    """Register the hook."""
    app.connect("source-read", _link_to_repository)
