"""Judges several seeds together at the end of the session, when the results of all processes are known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ftcheck.gates.card_gates import limits_for, limits_of
from pytest_ftcheck.gates.intervals import seed_interval
from pytest_ftcheck.gates.limits import worst
from pytest_ftcheck.gates.records import SeedDrop, SeedGateRecord, interval_ends
from pytest_ftcheck.gates.seeds import judge_seeds
from pytest_ftcheck.gates.wording import drop_finding
from pytest_ftcheck.judging.gating import false_alarms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateRecord
    from pytest_ftcheck.gates.seeds import SeedsVerdict
    from pytest_ftcheck.report.records import CheckRecord
    from pytest_ftcheck.sessions.session import FtcheckSession


def judge_together(
    session: FtcheckSession, gates: Iterable[GateRecord], lost: Iterable[CheckRecord]
) -> list[SeedGateRecord]:
    """Judge every limit over the seeds of a session.

    Args:
        session: gives settings and pipelines.
        gates: gates of single seeds; the gates that only inform are judged here.
        lost: gates whose run failed.

    Returns:
        One for each task, engine, metric and slice with a limit or a baseline.

    """
    groups: dict[tuple[str, ...], list[GateRecord]] = {}
    for row in gates:
        if row.informs:
            groups.setdefault((row.task, row.engine, row.metric, row.slice), []).append(row)
    missing: dict[tuple[str, ...], list[int]] = {}
    for case in lost:
        if case.seed is not None:
            missing.setdefault((case.task, case.engine or "", case.metric or ""), []).append(case.seed)
    judged = (_judge(session, rows, missing.get(key[:3], [])) for key, rows in groups.items())
    return [row for row in judged if row is not None]


def _judge(session: FtcheckSession, rows: Sequence[GateRecord], lost: Sequence[int]) -> SeedGateRecord | None:
    """Judge the seeds of one task, engine, metric and slice; None where there is no limit."""
    rows = sorted(rows, key=lambda row: int(row.seed))
    first = rows[0]
    pipeline = session.pipeline(first.task)
    metric_limits = limits_of(pipeline, first.metric, first.slice)
    if metric_limits.limit is None and metric_limits.max_drop is None:
        return None
    values = {int(row.seed): row.value for row in rows} | dict.fromkeys(lost, math.nan)
    limits = limits_for(
        metric_limits,
        greater_is_better=pipeline.card.greater_is_better(first.metric),
        rows=first.rows,
        runs=len(values),
        false_alarms=false_alarms(session),
    )
    place = f"{pipeline.subject}, {first.engine}" + (f", {first.slice}" if first.slice else "")
    failed = [int(row.seed) for row in rows if row.failed]
    verdict = judge_seeds(first.metric, values, limits, rows=first.rows, subject=place, failed=failed)
    kept = [value for seed, value in values.items() if seed not in verdict.failed]
    middle = _middle_drop([row for row in rows if row.seed not in verdict.failed])
    drop_found = _drop_found(middle, place, first.rows, len(rows))
    interval = seed_interval(kept)
    return SeedGateRecord(
        task=first.task,
        engine=first.engine,
        metric=first.metric,
        slice=first.slice,
        rows=first.rows,
        floor=first.floor,
        limits=limits,
        value=verdict.mean,
        interval=interval_ends(interval),
        bounds=interval_ends(verdict.interval),
        margin=None if limits.limit is None else verdict.mean - limits.limit,
        smallest_drop=verdict.smallest_drop,
        values={str(seed): value for seed, value in verdict.values.items()},
        worst_seed=verdict.worst_seed,
        failed=list(verdict.failed),
        drop=middle,
        status=worst([verdict.status, *([middle.status] if middle else [])]),
        findings=_findings(verdict, drop_found),
        seconds=sum(row.seconds for row in rows),
        reused=all(row.reused for row in rows),
    )


def _middle_drop(rows: Sequence[GateRecord]) -> SeedDrop | None:
    """Return the median drop against the baseline; with an even number of seeds, the better of the middle two.

    The median of several runs deviates from the baseline by no more than a single run, so that the false alarm rate
    of a single comparison holds for it. One bad seed does not fail the session, and one good seed does not pass it.
    """
    dropped = [SeedDrop(**vars(row.drop), seed=int(row.seed)) for row in rows if row.drop is not None]
    ordered = sorted(dropped, key=lambda fell: fell.drop if math.isfinite(fell.drop) else math.inf)
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _drop_found(middle: SeedDrop | None, place: str, rows: int, seeds: int) -> Finding | None:
    if middle is None:
        return None
    found = drop_finding(f"{middle.metric} of {place} ({rows} rows)", middle)
    which = f", seed {middle.seed}, the median of {seeds} seeds"
    return None if found is None else replace(found, subject=found.subject + which)


def _findings(verdict: SeedsVerdict, drop_found: Finding | None) -> list[Finding]:
    return [*verdict.findings, *([] if drop_found is None else [drop_found])]
