"""The catalogue as text: the table of the terminal, and the page of the documentation, which is committed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import COSTS, Check
from pytest_ftcheck.judging.checks import suite_catalogue
from pytest_ftcheck.report.checks import _COSTS, checks_page, checks_table

if TYPE_CHECKING:
    from pytest_ftcheck.findings import Finding

PAGE = Path(__file__).resolve().parents[2] / "docs" / "checks.md"


def truncation(_: Any, __: Any) -> list[Finding]:
    """Truncation leaves nearly every row whole.

    Rows are counted with their special tokens.

    Args:
        _: looked at.
        __: moved by the card.

    """
    return []


TRUNCATION = Check(
    "data.truncation",
    truncation,
    cost="free",
    catches="a max_length left over from a dry run.",
    hint="raise max_length.",
    needs=("values", "label_per_row"),
    thresholds={"rows": 0.5, "tokens": 0.25},
    tolerance={"float32": 1e-4, "bfloat16": 0.05},
)
PLAIN = Check("model.finite", truncation, cost="run", catches="overflow", hint="lower the learning rate.")


def test_table_shows_id_cost_meaning_and_the_only_head() -> None:
    lines = checks_table([TRUNCATION, PLAIN], color=False, width=120).splitlines()
    assert (
        " ".join(lines[2].split())
        == "data.truncation free Truncation leaves nearly every row whole. (only tasks with values)"
    )
    assert " ".join(lines[3].split()) == "model.finite run Truncation leaves nearly every row whole."


def test_table_wraps_the_meaning_alone() -> None:
    lines = checks_table([TRUNCATION], color=False, width=50).splitlines()
    assert all(len(line) <= 50 for line in lines)
    assert sum("data.truncation" in line for line in lines) == 1
    assert len(lines) > 3


def test_page_says_what_a_check_means_catches_costs_and_how_to_silence_it() -> None:
    page = checks_page({TRUNCATION.id: TRUNCATION, PLAIN.id: PLAIN})
    section = page.partition("### data.truncation\n")[2].partition("\n## ")[0]
    assert section == (
        "\nTruncation leaves nearly every row whole.\n\nRows are counted with their special tokens.\n\n"
        "- **catches** a max_length left over from a dry run\n"
        "- **costs** `free`: reads the parts\n"
        "- **only for** tasks with values and one label in each row\n"
        '- **thresholds** `checks."data.truncation" = { rows = 0.5, tokens = 0.25 }` in the card\n'
        '- **tolerance** 0.0001 in float32, 0.05 in bfloat16; `checks."data.truncation".tolerance` in the card\n'
        "- **what to do** raise max_length.\n"
        '- **to skip it** `checks."data.truncation".skip = "why"` in the card, '
        "or `--ftcheck-checks=-data.truncation`\n"
    )
    plain = page.partition("### model.finite\n")[2]
    assert "thresholds" not in plain
    assert "only for" not in plain


def test_what_the_page_says_of_a_card_can_be_copied_into_one() -> None:
    page = checks_page({TRUNCATION.id: TRUNCATION})
    thresholds, silenced = re.findall(r"(?:thresholds|to skip it)\*\* `(.*?)` in the card", page)
    assert tomllib.loads(thresholds) == {"checks": {"data.truncation": TRUNCATION.thresholds}}
    assert tomllib.loads(silenced) == {"checks": {"data.truncation": {"skip": "why"}}}
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    checks = tomllib.loads(example)["tool"]["ftcheck"]["tasks"]["reviews"]["checks"]
    assert {name: set(values) for name, values in checks.items()} == {
        "data.duplicates": {"rows", "near"},
        "serving.submission": {"skip"},
    }
    assert set(checks) < set(suite_catalogue())
    assert {"rows", "near"} <= set(suite_catalogue()["data.duplicates"].thresholds)


def test_every_cost_is_explained() -> None:
    assert tuple(_COSTS) == COSTS


def test_the_committed_page_is_what_the_catalogue_says() -> None:
    """Make it anew with ``python -m pytest_ftcheck.judging.listing > docs/checks.md``."""
    assert PAGE.read_text(encoding="utf-8") == checks_page(suite_catalogue())


@pytest.mark.parametrize("check", suite_catalogue().values(), ids=lambda check: check.id)
def test_every_check_is_documented(check: Check) -> None:
    assert check.meaning.endswith(".")
    assert len(check.meaning) <= 120
    assert check.catches
    assert check.hint.endswith(".")
    assert all(isinstance(value, (int, float)) for value in {**check.thresholds, **check.tolerance}.values())
