"""How the templates of pages are rendered: every value is made printable and escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pytest_ftcheck.printable import printable
from pytest_ftcheck.report.header import parameter_count
from pytest_ftcheck.report.html import drawn
from pytest_ftcheck.report.summary import number


@cache
def environment() -> Environment:
    """Return the environment of all templates."""
    made = Environment(
        loader=PackageLoader("pytest_ftcheck.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.globals |= {
        "number": number,
        "parameter_count": parameter_count,
        "confusion_cells": drawn.confusion_cells,
        "label_scores": drawn.label_scores,
        "calibration_error": drawn.calibration_error,
        "name_of": drawn.name_of,
        "breakable": _breakable,
    }
    return made


def _shown(value: Any) -> Any:
    """Make control characters of a value visible; the template escapes the rest."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(name: str) -> Markup:
    """Let a browser break a long name after its underscores."""
    return Markup("_<wbr>").join(escape(part) for part in printable(name).split("_"))


def part(name: str) -> str:
    """Read a file that a page contains as it is: its style sheet or its script."""
    return (files("pytest_ftcheck.report.html") / "templates" / name).read_text(encoding="utf-8")
