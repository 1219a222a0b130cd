"""Workflows in the documentation run on GitHub: known keys, actions and runners, expressions without mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.workflows import errors_of

REPOSITORY = Path(__file__).resolve().parents[1]
WORKFLOWS = {
    f"{page.name}-{place}": text
    for page in sorted(REPOSITORY.glob("docs/**/*.md"))
    for place, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    if re.search(r"^on:", text, re.MULTILINE)
}


def test_the_page_on_ci_has_workflows() -> None:
    assert len([name for name in WORKFLOWS if name.startswith("ci.md")]) == 2


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_valid(name: str, tmp_path: Path) -> None:
    assert errors_of(WORKFLOWS[name], tmp_path) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("runs-on:", "runs_on:", "unexpected key"),
        ("actions/checkout@v6", "actions/checkout@v4", "node20"),
        ("if: always()", "if: allways()", "allways"),
    ],
    ids=["key", "an action on a removed runtime", "expression"],
)
def test_a_mistake_is_found(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    text = WORKFLOWS["ci.md-0"]
    assert right in text
    assert said in errors_of(text.replace(right, wrong), tmp_path)
