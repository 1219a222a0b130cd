"""The padding invariants of the data collator, over generated ragged batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.checks.collator import INVARIANTS, check_invariant, check_lengths_example
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.plugin.parts import collator_subject

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


@pytest.mark.parametrize("invariant", [name.removeprefix("collator.") for name in INVARIANTS])
def test_collator(ft_pipeline: Pipeline, invariant: str) -> None:
    """The invariant holds for every generated batch."""
    if findings := check_invariant(invariant, collator_subject(ft_pipeline)):
        raise CheckFailure(findings)


def test_collator_lengths(ft_pipeline: Pipeline) -> None:
    """Eight rows of 50, 59, 47, 67, 59, 50, 62 and 32 tokens give a batch as long as the longest row."""
    if findings := check_lengths_example(collator_subject(ft_pipeline)):
        raise CheckFailure(findings)
