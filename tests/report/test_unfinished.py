"""Files of a session say from its start on that it has not ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.report.forms import FORMS
from pytest_ftcheck.report.unfinished import UNFINISHED, begin_files

if TYPE_CHECKING:
    from pathlib import Path


def test_each_form_has_a_text_until_the_session_ends() -> None:
    assert UNFINISHED.keys() == FORMS.keys()


def test_requested_files_are_begun(tmp_path: Path) -> None:
    begin_files({"json": tmp_path / "out.json", "openmetrics": str(tmp_path / "out.txt")})
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == UNFINISHED["json"]
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "# EOF\n"


def test_a_file_that_cannot_be_written_is_refused_by_its_option(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^--ftcheck-md=.*: cannot be written, it is a folder"):
        begin_files({"md": tmp_path})
