"""Healthy Trainers of masked language modelling, as users have them: not one check is red."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

FACTORIES = Path(__file__).parent / "healthy" / "masked_train.py"
NAMES = ("line_by_line", "in_the_style_of_the_example", "whole_words", "own_collator", "evaluation_masked_once")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_check_is_red(pytester: pytest.Pytester, name: str) -> None:
    shutil.copy(FACTORIES, pytester.path / "train.py")
    told = pytester.path / "told.json"
    result = pytester.runpytest_subprocess(
        f"--ftcheck-trainer=train.py:{name}", f"--ftcheck-json={told}", "-p", "no:cacheprovider"
    )
    checks = json.loads(told.read_text(encoding="utf-8"))["checks"]
    assert [check["check"] for check in checks if check["outcome"] not in {"passed", "skipped"}] == []
    assert result.ret == 0
