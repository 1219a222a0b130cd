"""``--ftcheck-bench``: compares training steps; the second of a pair must not be slower than the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.speed.pairs import compare_pair
from pytest_ftcheck.speed.requests import NotMeasured
from pytest_ftcheck.speed.spec import parse_pair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.judging.notes import Notes
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.sessions.variants import Variant
    from pytest_ftcheck.speed.requests import Measuring


def compare_steps(
    measuring: Measuring, pipeline: Pipeline, variant: Variant, spec: str, notes: Notes, *, options: Mapping[str, Any]
) -> None:
    """Compare two steps, and note the result.

    Args:
        measuring: measurements of the session.
        pipeline: pipeline of the task.
        variant: gives the seed of models and batches.
        spec: the pair, as the command line has it.
        notes: notes of the test.
        options: the given options by `Settings` field.

    Raises:
        CheckFailure: the second step is slower.
        FtcheckError: a step cannot be made.
        NotApplicable: nothing can be measured, or the machine is too noisy for a verdict.

    """
    task = pipeline.card.name
    if measuring.why_not:
        notes.values["compared"] = [{"task": task, "described": f"{spec}: not measured: {measuring.why_not}"}]
        raise NotMeasured(measuring.why_not)
    found = compare_pair(measuring, pipeline, parse_pair(spec), seed=variant.seed, options=options)
    notes.values["compared"] = [{"task": task, **found.to_record()}]
    if found.verdict == "too noisy":
        msg = f"too noisy: {found.describe()}"
        raise NotApplicable(msg)
    if found.verdict == "slower":
        raise CheckFailure([found.finding()])
