"""Checks of short fine-tunes that should be equal: seeds, workers, precision and engines."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding
from pytest_ftcheck.checks.training.declared import arguments, changes_rows, own_callbacks, probed
from pytest_ftcheck.checks.training.repeated import (
    BATCH,
    STEPS,
    difference,
    differs_from_run_to_run,
    equal_weights,
    few_steps,
    trained_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.training.probe import Probe

_PARITY_STEPS = 6
_GPU = 1e-2
"""Tolerance of losses (relative above 1) and weights if kernels sum in another order."""


@check(
    "training.seeds",
    cost="extra-training",
    thresholds={"gpu": _GPU},
    catches="shuffling, initialisation or dropout without a seed, a generator of the user's own, a seed written into "
    "the code",
    hint="draw all random numbers from torch's, NumPy's or random's global generator, which the Trainer seeds, or "
    "seed your own from args.seed; and let the seed come from the arguments.",
)
def seeds(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The same seed gives the same weights, bit for bit on a CPU; another seed gives other weights.

    Assumes: all random numbers follow the seed of the arguments.

    Unusual but healthy: a seed that is written into the code on purpose fails, and so are kernels on a CPU that are
    not deterministic.

    False alarms: none by chance. On a GPU, differences up to ``gpu`` pass.
    """
    tolerance = 0.0 if evidence.environment["device"] == "cpu" else thresholds["gpu"]
    first, again = few_steps(evidence), few_steps(evidence, repetition=1)
    found = []
    if apart := difference(first, again, tolerance):
        found.append(finding(f"two runs with seed {evidence.seed} are equal", apart))
    other = few_steps(evidence, seed=evidence.seed + 1)
    if equal_weights(first, other, 0.0):
        hint = "the seed of the arguments has no effect: look for a seed that is written into the code."
        expected = f"seed {evidence.seed + 1} gives other weights than seed {evidence.seed}"
        found.append(finding(expected, f"the same ones after {STEPS} optimizer steps", hint=hint))
    return found


@check(
    "training.workers",
    cost="extra-training",
    catches="a data set or collator with a state or a generator of its own, which is copied into every worker process",
    hint="let rows depend only on their index, and batches only on their features; random numbers must not depend on "
    "the process that draws them.",
)
def workers(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Training uses the same rows with 0 and with 2 data loading workers.

    Assumes: a row does not depend on the process that reads it.

    Unusual but healthy: rows that are augmented at random, and systems without fork, are skipped.

    False alarms: none by chance.
    """
    del thresholds
    require_forks(evidence)
    with no_advice_on_forks():
        alone, shared = few_steps(evidence), few_steps(evidence, workers=2)
    one, two = trained_rows(alone), trained_rows(shared)
    apart = difference(alone, shared, 0.0 if evidence.environment["device"] == "cpu" else _GPU)
    if not apart:
        return []
    if one != two and changes_rows(evidence, alone):
        msg = "rows are changed at random before they reach the model: each process draws its own numbers"
        raise NotApplicable(msg)
    if differs_from_run_to_run(evidence):
        raise ReportedBy(check="training.seeds", reason="two runs without workers differ as well")
    if one != two:
        place = next((place for place, pair in enumerate(zip(one, two, strict=False), 1) if pair[0] != pair[1]), 0)
        apart = f"another one at place {place}" if place else f"{len(two)} rows"
    return [finding(f"the same {len(one)} rows in the same order, and the same losses", apart)]


def require_forks(evidence: Evidence) -> None:
    """Stop a check if no loader can have workers.

    Raises:
        NotApplicable: nothing is trained, or this system does not fork processes.

    """
    evidence.require_training()
    if multiprocessing.get_start_method(allow_none=False) != "fork":
        msg = "processes are not forked here, and not every data set and collator can be sent to a spawned process"
        raise NotApplicable(msg)


@contextmanager
def no_advice_on_forks() -> Iterator[None]:
    """Suppress the warnings of tokenizers and Python about forks of processes with threads.

    If a process with threads is forked, as with PyTorch, locks may stay closed in the copy. A worker of a `DataLoader`
    uses none of them: it first sets PyTorch to one thread, so that it starts no thread pool, and tokenizers do not use
    theirs. Spawning is no alternative: most projects pass closures, which cannot be sent to a process. From Python 3.12
    on, `os.fork` warns about any process that has threads.
    """
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = before or "false"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".* is multi-threaded, use of fork\(\) may lead", DeprecationWarning)
            yield
    finally:
        if before is None:
            del os.environ[name]


@check(
    "training.precision",
    cost="extra-training",
    thresholds={
        "first": 0.03,
        "later": 0.15,
    },  # relative above 1, else absolute: of the first loss, and of later ones
    catches="a loss or a layer that overflows or loses digits in half precision",
    hint="compute softmax, losses and sums over long sequences in float32; use bf16 if fp16 overflows.",
)
def precision(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Losses in mixed precision are near those in float32.

    Assumes: mixed precision stays near float32 for a few steps.

    Unusual but healthy: recipes without mixed precision are skipped. A loss with sudden jumps may differ after the
    first step: raise ``later``.

    False alarms: none by chance. Equal seeds, without dropout.
    """
    evidence.require_training()
    declared = arguments(evidence)
    name = "bf16" if declared.bf16 else "fp16"
    if not declared.bf16 and not declared.fp16:
        msg = "the recipe does not use mixed precision"
        raise NotApplicable(msg)
    if evidence.environment["dtype"] != "float32":
        msg = f"the weights themselves are {evidence.environment['dtype']}: there is no float32 run to compare with"
        raise NotApplicable(msg)
    mixed, exact = (
        probed(
            evidence,
            steps=STEPS,
            dropout=False,
            per_device_train_batch_size=BATCH,
            **{"bf16": False, "fp16": False, name: on},
        )
        for on in (True, False)
    )
    for step, (loss, right) in enumerate(zip(mixed.losses, exact.losses, strict=True), 1):
        most = thresholds["first" if step == 1 else "later"] * max(1.0, abs(right))
        if not abs(loss - right) <= most:
            expected = f"a loss of {right:.4f} at optimizer step {step}, as in float32, within {most:.2g}"
            return [finding(expected, f"{loss:.4f} with {name}")]
    return []


@check(
    "training.engine_parity",
    cost="extra-training",
    thresholds={"loss": 1e-5, "logits": 1e-4, "gpu": 100.0},  # absolute; multiplied by `gpu` on a GPU
    catches="an engine that trains on other rows, with another loss, another learning rate or another clipping",
    hint="the engines see other rows, another learning rate or another loss: compare recipe, sampler and collator.",
)
def engine_parity(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """With the same seed and order and without dropout, both engines have the same losses at each step and logits.

    Assumes: both engines run the same recipe.

    Unusual but healthy: training steps and callbacks of the user's own, and randomly changed rows, are skipped.

    False alarms: none by chance. Equal seeds, without dropout; on a GPU 100 times the thresholds.
    """
    evidence.require_training()
    if evidence.other_run is None:
        msg = "the session has one engine (--ftcheck-engine=both compares them)"
        raise NotApplicable(msg)
    if own := evidence.pipeline.source.own.methods("training_step", "get_batch_samples"):
        msg = f"the Trainer has a {' and a '.join(own)} of its own, which a manual loop does not call"
        raise NotApplicable(msg)
    # Over a user's Trainer, transformers may not divide by the micro-batches: see `accumulation`.
    single = {} if evidence.pipeline.source.loss.weighs_micro_batches else {"gradient_accumulation_steps": 1}
    first, second = (
        probed(
            evidence,
            engine=engine,
            steps=_PARITY_STEPS,
            dropout=False,
            eval_rows=16,
            per_device_train_batch_size=BATCH,
            **single,
        )
        for engine in ("trainer", "manual")
    )
    found = _parity(first, second, evidence, thresholds)
    if found and (callbacks := own_callbacks(evidence)):
        msg = f"the Trainer has callbacks of its own, which a manual loop does not call: {callbacks}"
        raise NotApplicable(msg)
    # Rows that ftcheck tokenized must reach the model unchanged.
    if found and not evidence.pipeline.source.rows.tokenized_here and changes_rows(evidence, first):
        msg = "rows are changed at random before they reach the model: each engine draws its own numbers"
        raise NotApplicable(msg)
    return found


def _parity(first: Probe, second: Probe, evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    times = 1.0 if evidence.environment["device"] == "cpu" else thresholds["gpu"]
    losses, others, found = np.asarray(first.losses), np.asarray(second.losses), []
    if losses.shape != others.shape or not losses.size:
        observed = f"{losses.size} and {others.size} optimizer steps"
        return [finding("trainer and manual take equally many steps, at least one", observed)]
    most = times * thresholds["loss"]
    # Written so that a NaN counts as different.
    apart = np.flatnonzero(~(np.abs(losses - others) <= most * np.maximum(1, np.abs(losses))))
    if apart.size:
        step = int(apart[0])
        observed = f"first apart at optimizer step {step + 1}: {losses[step]:.7f} and {others[step]:.7f}"
        expected = f"losses of trainer and manual within {most:g} at each of {losses.size} steps"
        found.append(finding(expected, observed))
    worst = float(np.abs(first.logits - second.logits).max()) if first.logits.shape == second.logits.shape else np.inf
    if not worst <= times * thresholds["logits"]:
        expected = f"final logits of trainer and manual within {times * thresholds['logits']:g}"
        found.append(finding(expected, f"{worst:.2e} apart"))
    return found
