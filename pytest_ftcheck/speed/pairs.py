"""``--ftcheck-bench-compare``: makes the steps of a pair, and compares them."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.speed import blocks, compare
from pytest_ftcheck.speed.requests import cases_of
from pytest_ftcheck.speed.worker import WorkerBlocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.speed.case import StepCase
    from pytest_ftcheck.speed.compare import Blocks, Comparison
    from pytest_ftcheck.speed.requests import Measuring
    from pytest_ftcheck.speed.spec import Pair

BLOCK_SECONDS = 0.02
"""Minimum seconds of a block where the clock must wait for a device. On a CPU, the shortest blocks are best: in the
same time, single steps give a ratio five times as precisely as blocks of ten, because the state of the machine changes
little within a round, and an interruption affects only one of many blocks."""
_STEPS = 2
"""Steps until the batches repeat: a block takes all batches, and should be short."""


def compare_pair(
    measuring: Measuring, pipeline: Pipeline, pair: Pair, *, seed: int, options: Mapping[str, Any]
) -> Comparison:
    """Compare two steps of a task.

    Args:
        measuring: measurements of the session.
        pipeline: pipeline of the task.
        pair: result of `parse_pair`.
        seed: seed of models and batches.
        options: the given options by `Settings` field; a step in another process needs them, too.

    Raises:
        FtcheckError: a step cannot be made.

    """
    with measuring.alone(pipeline), ExitStack() as stack:
        return _Making(measuring, measuring.shaped(pipeline), seed, options, stack).compared(pair)


class _Making:
    """Makes the steps of a pair."""

    def __init__(
        self, measuring: Measuring, pipeline: Pipeline, seed: int, options: Mapping[str, Any], stack: ExitStack
    ) -> None:
        self._measuring, self._pipeline, self._seed = measuring, pipeline, seed
        self._options, self._stack = options, stack

    def compared(self, pair: Pair) -> Comparison:
        """Make both steps and a copy of the first, and compare them."""
        base = replace(cases_of(self._measuring.settings)[0], compiled=None)
        first, second = pair.cases(base)
        made = [self._blocks(pair, case, index) for case, index in ((first, 0), (second, 1), (first, 0))]
        seconds = 0.0 if self._measuring.device == "cpu" else BLOCK_SECONDS
        steps = blocks.steps_of_block(made[0], self._distinct(base), seconds)
        tolerance = self._measuring.settings.bench_tolerance
        return compare.compare(*made, names=pair.names, steps=steps, tolerance=tolerance)

    def _distinct(self, case: StepCase) -> int:
        """Return the number of steps until the work repeats; rows of one length are all the same work."""
        return 1 if case.seq_len else _STEPS

    def _blocks(self, pair: Pair, case: StepCase, index: int) -> Blocks:
        made: dict[str, Any] = {"device": self._measuring.device, "seed": self._seed}
        if pair.field is not None:
            pipeline = case.of(self._pipeline)
            return blocks.make_blocks(pipeline, engine=case.engine, steps=self._distinct(case), **made)
        options = {
            name: value for name, value in self._options.items() if value is not None and not name.startswith("bench")
        }
        request = {
            **made,
            "task": self._pipeline.card.name,
            "options": options,
            "case": asdict(case),
            "shape": self._measuring.settings.bench_shape,
            "threads": self._measuring.machine["threads"],
            "distinct": self._distinct(case),
        }
        return self._stack.enter_context(closing(WorkerBlocks(pair.values[index], request)))
