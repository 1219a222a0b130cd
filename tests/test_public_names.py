"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pytest_ftcheck

PUBLIC = [
    "CheckFailure",
    "Finding",
    "FtcheckError",
    "Pipeline",
    "Report",
    "Run",
    "RunStore",
    "Settings",
    "TaskCard",
    "build_pipeline",
    "judge",
    "load_card",
    "load_data",
    "load_metric",
    "make_settings",
    "train_or_load",
]
HEAVY = ["torch", "transformers", "datasets", "evaluate", "numpy", "pyarrow", "scipy", "sklearn"]


def test_public_names_are_pinned() -> None:
    assert pytest_ftcheck.__all__ == PUBLIC
    assert dir(pytest_ftcheck) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_resolves_to_the_thing_of_that_name(name: str) -> None:
    assert getattr(pytest_ftcheck, name).__name__ == name


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_ftcheck' has no attribute 'train'"):
        pytest_ftcheck.train  # noqa: B018 - the access is the test


@pytest.mark.parametrize("module", ["pytest_ftcheck", "pytest_ftcheck.plugin.hooks"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
