"""The page of all options: it is up to date, and no document or message names an option that is none."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ftcheck.configuration import make_settings
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.option_groups import described_options
from pytest_ftcheck.report.options import options_page

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "options.md"
OPTIONS = {re.split(r"[=\[]", typed)[0] for group in described_options().values() for typed, _, _ in group}
NAMED = re.compile(r"--ftcheck-[a-z]+(?:-[a-z]+)*")


def test_the_page_is_up_to_date() -> None:
    how = f"write it again: {Path(sys.executable).name} -m pytest_ftcheck.report.options > docs/options.md"
    assert PAGE.read_text(encoding="utf-8") == options_page(), how


def test_the_page_has_every_option_that_pytest_knows() -> None:
    command = [sys.executable, "-m", "pytest", "--help", "-p", "no:cacheprovider"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=REPOSITORY).stdout
    known = set(re.findall(r"^  (--ftcheck-[a-z-]+)", shown, re.MULTILINE))
    on_page = re.findall(r"^- `(--ftcheck-[a-z-]+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert known == OPTIONS == set(on_page)


def test_the_keys_of_the_page_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "ftcheck.toml").write_text("nonsense = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        make_settings({}, tmp_path)
    known = str(caught.value).partition("Known: ")[2].rstrip(".").split(", ")
    assert re.findall(r"; key `([a-z-]+)`$", options_page(), re.MULTILINE) != []
    assert sorted(re.findall(r"; key `([a-z-]+)`$", options_page(), re.MULTILINE)) == sorted(known)


@pytest.mark.parametrize(
    "pattern", ["*.md", "docs/*.md", "examples/**/*.*", "benchmarks/*.*", "Makefile", "pytest_ftcheck/**/*.py"]
)
def test_every_option_that_is_named_anywhere_exists(pattern: str) -> None:
    files = list(REPOSITORY.glob(pattern))
    named = {
        (file.name, option)
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
        for option in NAMED.findall(file.read_text(encoding="utf-8"))
    }
    assert files
    assert {(name, option) for name, option in named if option not in OPTIONS} == set()
