"""The forms in which the results of a session are written, by the option that asks for them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_ftcheck.report.ctrf import ctrf
from pytest_ftcheck.report.html.page import page
from pytest_ftcheck.report.json import json_text
from pytest_ftcheck.report.markdown import markdown
from pytest_ftcheck.report.openmetrics import openmetrics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_ftcheck.report.document import Document

FORMS: Mapping[str, Callable[[Document], str]] = MappingProxyType(
    {
        "json": lambda document: f"{json_text(document)}\n",
        "html": page,
        "md": markdown,
        "ctrf": lambda document: f"{json_text(ctrf(document))}\n",
        "openmetrics": openmetrics,
    }
)
"""By the `Settings` field of the option: what makes the text of the file."""
