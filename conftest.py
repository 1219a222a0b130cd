"""Plugins for the tests of this repository."""

from __future__ import annotations

pytest_plugins = ["pytester"]
