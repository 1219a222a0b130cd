"""``--ftcheck-bench-compare``: a test for each pair of steps; red where the second is slower."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.plugin.bench import cases_of, device_of, note_machine, shaped, why_not_measured
from pytest_ftcheck.plugin.options import given_options
from pytest_ftcheck.plugin.report import notes_of

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession, Variant
    from pytest_ftcheck.speed.case import StepCase
    from pytest_ftcheck.speed.compare import Blocks, Comparison
    from pytest_ftcheck.speed.spec import Pair

BLOCK_SECONDS = 0.02
"""Of a block, at least, where a clock must wait for a device before and after. On a CPU the shortest are the best: in
the same time, single steps tell a ratio five times as exactly as blocks of ten, because the machine is much the same in
all of a round, and an interruption spoils one of many."""
_STEPS = 2
"""Until the same batches come again: a block takes all of them, and should be short."""


def compare_pair(
    request: pytest.FixtureRequest, session: FtcheckSession, pipeline: Pipeline, variant: Variant, spec: str
) -> None:
    """Compare two steps; skip the test where the machine is too noisy to say anything, which is never green.

    Raises:
        CheckFailure: the second one is slower.
        FtcheckError: a step cannot be made.

    """
    from pytest_ftcheck.speed.device import undisturbed  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.spec import parse_pair  # noqa: PLC0415 - slow to import

    pair = parse_pair(spec)
    if reason := why_not_measured(request.config):
        _note(request.node, pipeline, {"described": f"{spec}: not measured: {reason}"})
        pytest.skip(f"not measured: {reason}")
    machine = note_machine(request.config, session, pipeline)
    with undisturbed(machine["threads"], device_of(session), fast=pipeline.fast_cpu), ExitStack() as stack:
        making = _Making(request, session, shaped(session, pipeline), variant, machine["threads"], stack)
        found = making.compared(pair)
    _note(request.node, pipeline, found.to_record())
    if found.verdict == "too noisy":
        pytest.skip(f"too noisy: {found.describe()}")
    if found.verdict == "slower":
        raise CheckFailure([found.finding()])


def _note(item: pytest.Item, pipeline: Pipeline, record: dict[str, Any]) -> None:
    notes_of(item)["compared"] = [{"task": pipeline.card.name, **record}]


class _Making:
    """Makes the steps of a pair."""

    def __init__(  # noqa: PLR0917 - what a test has at hand
        self,
        request: pytest.FixtureRequest,
        session: FtcheckSession,
        pipeline: Pipeline,
        variant: Variant,
        threads: int,
        stack: ExitStack,
    ) -> None:
        self._request, self._session, self._pipeline = request, session, pipeline
        self._variant, self._threads, self._stack = variant, threads, stack

    def compared(self, pair: Pair) -> Comparison:
        """Make both steps and a copy of the first, and compare them."""
        from pytest_ftcheck.speed.blocks import steps_of_block  # noqa: PLC0415 - slow to import
        from pytest_ftcheck.speed.compare import compare  # noqa: PLC0415 - slow to import

        base = replace(cases_of(self._session)[0], compiled=None)
        first, second = pair.cases(base)
        blocks = [self._blocks(pair, case, index) for case, index in ((first, 0), (second, 1), (first, 0))]
        seconds = 0.0 if device_of(self._session) == "cpu" else BLOCK_SECONDS
        steps = steps_of_block(blocks[0], self._distinct(base), seconds)
        return compare(*blocks, names=pair.names, steps=steps, tolerance=self._session.settings.bench_tolerance)

    def _distinct(self, case: StepCase) -> int:
        """Say after how many steps the same work comes again: rows of one length are all the same work."""
        return 1 if case.seq_len else _STEPS

    def _blocks(self, pair: Pair, case: StepCase, index: int) -> Blocks:
        from pytest_ftcheck.speed.blocks import make_blocks  # noqa: PLC0415 - slow to import
        from pytest_ftcheck.speed.worker import WorkerBlocks  # noqa: PLC0415 - slow to import

        made: dict[str, Any] = {"device": device_of(self._session), "seed": self._variant.seed}
        if pair.field is not None:
            pipeline = case.of(self._pipeline)
            return make_blocks(pipeline, engine=case.engine, steps=self._distinct(case), **made)
        options = {
            name: value
            for name, value in given_options(self._request.config).items()
            if value is not None and not name.startswith("bench")
        }
        request = {
            **made,
            "task": self._variant.task,
            "options": options,
            "case": asdict(case),
            "shape": self._session.settings.bench_shape,
            "threads": self._threads,
            "distinct": self._distinct(case),
        }
        return self._stack.enter_context(closing(WorkerBlocks(pair.values[index], request)))
