"""Steps in a separate process with the code of another folder, for the comparison of two checkouts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.speed.compare import Blocks

_MARK = "ftcheck-worker:"
"""Prefix of every answer, because libraries also write to the standard output."""
_SHOWN = 1500
"""Maximum number of characters of a failed worker's last output."""


class WorkerBlocks:
    """Blocks of steps in another process, with the code of a folder."""

    def __init__(self, folder: Path, request: Mapping[str, Any]) -> None:
        """Start the process, and wait until its step is warm.

        Args:
            folder: a checkout; a package ``pytest_ftcheck`` in it has precedence over the installed one.
            request: plain values; see `serve`.

        Raises:
            SettingsError: the process could not make the step.

        """
        self._folder = folder
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115 - closed with the process
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest_ftcheck.speed.worker"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._answer_to(dict(request))

    def __call__(self, steps: int, /) -> float:
        """Take the steps; return the seconds per row."""
        return float(self._answer_to({"steps": steps})["seconds"])

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(BrokenPipeError):  # the process has ended before it read a request
                if stream is not None:
                    stream.close()
        self._process.wait()

    def _answer_to(self, question: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101 - as above
        try:
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
        except BrokenPipeError:
            raise SettingsError(self._ended()) from None
        for line in stdout:
            if line.startswith(_MARK):
                answer: dict[str, Any] = json.loads(line.removeprefix(_MARK))
                return answer
        raise SettingsError(self._ended())

    def _ended(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        wrote = self._errors.read().strip()[-_SHOWN:]
        self.close()
        return f"the step of {self._folder} could not be made or run there. Last output of its process:\n{wrote}"


def serve(stack: ExitStack) -> None:
    """Make the step of the first request on the standard input, then take steps for each further request.

    Each line is a request in JSON. The first has ``task``, ``options`` (arguments of `make_settings`), ``case`` (fields
    of `StepCase`), ``shape``, ``device``, ``threads``, ``seed`` and ``distinct`` (steps until the batches repeat); each
    further request has ``steps``.

    Args:
        stack: holds the contexts that last until the last step.

    """
    import torch  # noqa: PLC0415 - slow to import

    from pytest_ftcheck.speed.blocks import make_blocks  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.case import StepCase  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.speed.shapes import with_shape  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.training.cpu import fast_cpu  # noqa: PLC0415 - slow to import

    blocks: Blocks | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if blocks is None:
            torch.set_num_threads(request["threads"])
            pipeline, case = _pipeline(request["task"], request["options"]), StepCase(**request["case"])
            pipeline = with_shape(pipeline, request["shape"]) if request["shape"] else pipeline
            if pipeline.fast_cpu:
                stack.enter_context(fast_cpu(request["device"]))
            made = {"device": request["device"], "seed": request["seed"], "steps": request["distinct"]}
            blocks = make_blocks(case.of(pipeline), engine=case.engine, **made)
            answer: dict[str, Any] = {"ready": True}
        else:
            answer = {"seconds": blocks(request["steps"])}
        sys.stdout.write(f"{_MARK}{json.dumps(answer)}\n")
        sys.stdout.flush()


def _pipeline(task: str, options: Mapping[str, Any]) -> Pipeline:
    """Build a task's pipeline from this folder's configuration, code and data."""
    from pytest_ftcheck.configuration import make_settings  # noqa: PLC0415 - as above
    from pytest_ftcheck.pipeline.from_card import build_pipeline  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.tasks.card import card_table, parse_card  # noqa: PLC0415 - as above

    settings = make_settings(options, Path.cwd())
    if settings.trainer:
        table = {**settings.task_tables.get(task, {}), "trainer": settings.trainer}
    else:
        table = dict(card_table(task, settings.task_tables))
    if "trainer" in table:
        return build_trainer_pipeline(task, table["trainer"], table, settings)
    return build_pipeline(parse_card(task, table), settings)


if __name__ == "__main__":
    with ExitStack() as everything:
        serve(everything)
