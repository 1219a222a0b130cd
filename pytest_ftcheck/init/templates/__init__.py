"""Texts that are filled in and written into a project."""

from __future__ import annotations

from importlib.resources import files
from string import Template


def filled(name: str, **values: str) -> str:
    """Return a template with its values; ``$$`` in it is a dollar sign."""
    return Template((files(__name__) / name).read_text(encoding="utf-8")).substitute(values)
