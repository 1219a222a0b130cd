"""Lints workflows of GitHub Actions with actionlint, whose wheel holds the program: nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ACTIONLINT = Path(sys.executable).with_name("actionlint")
CONFIGURATION = "self-hosted-runner:\n  labels: [gpu]\n"


def errors_of(text: str, folder: Path) -> str:
    """Return what actionlint says of a workflow; an empty text where it finds nothing."""
    if not ACTIONLINT.is_file():
        pytest.skip("no actionlint beside this Python: the extra dev installs it, on Linux")
    file, configuration = folder / "workflow.yml", folder / "actionlint.yaml"
    file.write_text(text, encoding="utf-8")
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    # Only what stands in the workflow: ShellCheck and Ruff may be installed or not.
    options = ["-no-color", "-oneline", "-shellcheck=", "-pyflakes=", f"-config-file={configuration}"]
    done = subprocess.run([ACTIONLINT, *options, file], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
