"""The JSON document: strict, whole or not there, refused early where it cannot be written."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.report.json import begin_file, check_writable, write_json
from pytest_ftcheck.report.records import SCHEMA, CauseRecord, FoundRecord
from pytest_ftcheck.report.unfinished import UNFINISHED


def refuse(literal: str) -> float:
    msg = f"{literal} is not JSON"
    raise AssertionError(msg)


def strict(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_a_session_that_has_not_ended_says_so(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    begin_file(path, "--ftcheck-json", UNFINISHED["json"])
    assert path.read_text(encoding="utf-8") == (
        f'{{\n  "schema": {SCHEMA},\n  "finished": false,\n  "exit_status": null\n}}\n'
    )


def test_records_come_back_without_what_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    found = FoundRecord("data.empty_rows", "größe", "none", "3")
    write_json(path, {"causes": [CauseRecord(task="größe", finding=found, consequences=[])], "best_epoch": None})
    document = strict(path)
    assert document["best_epoch"] is None
    (cause,) = document["causes"]
    assert list(cause) == ["task", "finding", "consequences"]
    assert list(cause["finding"]) == [
        "check",
        "subject",
        "expected",
        "observed",
        "hint",
        "unit",
        "level",
        "share",
        "evidence",
    ]
    assert cause["finding"]["subject"] == "größe"


def test_numbers_that_json_lacks_become_texts(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"metrics": {"f1": math.nan, "loss": math.inf}, "losses": ([-math.inf, 0.5],)})
    document = strict(path)
    assert document["metrics"] == {"f1": "nan", "loss": "inf"}
    assert document["losses"] == [["-inf", 0.5]]


def test_numbers_of_numpy_are_written_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"values": [np.float32(0.5), np.float64(0.25), np.int64(3), np.float32("nan"), np.bool_(1)]})
    assert strict(path)["values"] == [0.5, 0.25, 3, "nan", True]


def test_older_document_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("x" * 10_000, encoding="utf-8")
    write_json(path, {})
    assert strict(path) == {}
    assert list(tmp_path.iterdir()) == [path]


def test_document_that_cannot_be_written_leaves_the_older_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"older": True})
    with pytest.raises(TypeError):
        write_json(path, {"thing": object()})
    assert strict(path)["older"] is True
    assert list(tmp_path.iterdir()) == [path]


def test_disk_that_fills_up_leaves_the_older_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    write_json(path, {"older": True})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_json(path, {"older": False})
    assert strict(path)["older"] is True
    assert list(tmp_path.iterdir()) == [path]


def test_file_in_a_folder_that_exists_is_accepted(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json")
    (tmp_path / "old.json").touch()
    check_writable(tmp_path / "old.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_device_or_a_pipe_is_accepted(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    check_writable(tmp_path / "pipe")
    check_writable(Path("/dev/null"))


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "report.json").symlink_to("real/report.json")
    (tmp_path / "dangling.json").symlink_to("absent/report.json")
    check_writable(tmp_path / "report.json")
    write_json(tmp_path / "report.json", {})
    assert strict(tmp_path / "real" / "report.json") == {}
    with pytest.raises(SettingsError, match="its folder is absent or not writable"):
        check_writable(tmp_path / "dangling.json")


@pytest.mark.parametrize("name", ["absent/report.json", "file/report.json", "."])
def test_path_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    reason = "it is a folder" if name == "." else "its folder is absent or not writable"
    with pytest.raises(SettingsError, match=f"cannot be written, {reason}. Give a file in a folder that exists"):
        check_writable(tmp_path / name)
