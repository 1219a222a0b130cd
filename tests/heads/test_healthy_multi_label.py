"""Healthy Trainers of several labels a row stay green, whatever their way to the same thing is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "healthy"
FACTORIES = ("official_style", "weighted_without_texts", "own_collator", "votes_and_macro", "own_threshold")


@pytest.mark.slow
@pytest.mark.parametrize("factory", FACTORIES)
def test_a_healthy_trainer_is_green(factory: str, pytester: pytest.Pytester) -> None:
    shutil.copy(HERE / "multi_label_train.py", pytester.path / "train.py")
    # Threads of torch and files of datasets are collected late; the user's own warnings are not the subject.
    chosen = (f"--ftcheck-trainer=train.py:{factory}", "-p", "no:cacheprovider", "-W", "ignore")
    result = pytester.runpytest_subprocess(*chosen)
    assert result.ret == 0, result.stdout.str()[-4000:]
