"""The suite of ``--ftcheck-calibrate``: a test per seed, green where its run has metrics that can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.plugin.calibrate import measure_seed, parametrize_seeds

if TYPE_CHECKING:
    import pytest

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run once per seed."""
    parametrize_seeds(metafunc)


def test_seed(
    request: pytest.FixtureRequest, ft_session: FtcheckSession, ft_variant: Variant, ft_pipeline: Pipeline
) -> None:
    """The seed is trained, and its metrics are noted."""
    measure_seed(request, ft_session, ft_pipeline, ft_variant)
