"""The suite of ``--ftcheck-calibrate``: a test per seed, which passes if the metrics of its run can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.judging.calibration import CALIBRATION, measure_seed
from pytest_ftcheck.plugin.report import notes_of
from pytest_ftcheck.plugin.session import session_of
from pytest_ftcheck.plugin.task_module import case_of_variant

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.session import FtcheckSession
    from pytest_ftcheck.sessions.variants import Variant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per seed."""
    settings = session_of(metafunc.config).settings
    variants = [(settings.engines[0], seed) for seed in settings.seeds]
    ids = [f"{engine}-seed{seed}" for engine, seed in variants]
    metafunc.parametrize("ft_variant", variants, ids=ids, indirect=True)


def case_of(task: str, callspec: Any) -> dict[str, object]:
    """Return the case of a test: a seed."""
    return case_of_variant(task, CALIBRATION, "run", callspec.params["ft_variant"])


def test_seed(
    request: pytest.FixtureRequest, ft_session: FtcheckSession, ft_variant: Variant, ft_pipeline: Pipeline
) -> None:
    """The seed is trained, and its metrics are noted."""
    if failed := measure_seed(ft_session, ft_pipeline, ft_variant, notes_of(request.node)):
        pytest.skip(f"seed {ft_variant.seed} failed: {failed}")
