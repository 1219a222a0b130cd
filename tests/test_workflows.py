"""Workflows in the documentation, and those that the package writes, have the keys that GitHub and GitLab know."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("check_jsonschema", reason="check-jsonschema is installed with the extra dev")

REPOSITORY = Path(__file__).resolve().parents[1]
WORKFLOWS = {
    f"{page.name}-{place}": text
    for page in sorted(REPOSITORY.glob("docs/**/*.md"))
    for place, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    if re.search(r"^on:", text, re.MULTILINE)
}


def errors_of(text: str, folder: Path, schema: str = "vendor.github-workflows") -> str:
    """What the schema that the service publishes says of a workflow; an empty string where it is valid."""
    file = folder / "workflow.yml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_page_on_ci_has_workflows() -> None:
    assert len([name for name in WORKFLOWS if name.startswith("ci.md")]) == 2


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_valid(name: str, tmp_path: Path) -> None:
    assert errors_of(WORKFLOWS[name], tmp_path) == ""


def test_an_unknown_key_is_found(tmp_path: Path) -> None:
    wrong = WORKFLOWS["ci.md-0"].replace("runs-on:", "runs_on:")
    assert "runs_on" in errors_of(wrong, tmp_path)
