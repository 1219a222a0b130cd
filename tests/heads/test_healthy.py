"""Healthy Trainers of a head, built in ways that users build them: no check is red, with both engines."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
HEALTHY = Path(__file__).with_name("healthy")
FACTORIES = ("official", "weighted", "last_piece", "all_pieces", "other_scheme")


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_healthy_trainer_of_entities_is_green(factory: str, pytester: pytest.Pytester) -> None:
    shutil.copy(HEALTHY / "tokens.py", pytester.path / "train.py")
    pytester.makeini("[pytest]")
    result = pytester.runpytest_subprocess(f"--ftcheck-trainer=train.py:{factory}", "--ftcheck-engine=both")
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
