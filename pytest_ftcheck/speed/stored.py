"""Stored measurements: reads pytest-benchmark's JSON, makes tables, and compares measurements of the same hardware."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import bootstrap

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.speed.compare import CONFIDENCE, Interval
from pytest_ftcheck.speed.machine import differences, fingerprint
from pytest_ftcheck.speed.table import comma_separated, markdown, step_table, with_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_SAME_STEP = ("task", "model", "case", "kernels")
_RESAMPLES = 2000
_SEED = 0


@dataclass(frozen=True)
class Stored:
    """The content of one file."""

    name: str
    """Name of the file."""
    machine: Mapping[str, Any]
    """Result of `describe_machine`."""
    records: tuple[Mapping[str, Any], ...]
    """Results of `describe`."""

    def by_step(self) -> dict[tuple[Any, ...], Mapping[str, Any]]:
        """Return the records by task, model, case and kernels; records with equal keys are compared."""
        return {tuple(record.get(name) for name in _SAME_STEP): record for record in self.records}


def read_stored(path: Path) -> Stored:
    """Read a file that ``--benchmark-json`` or ``--benchmark-save`` wrote.

    Raises:
        SettingsError: the file has another format, or holds no measured step.

    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        machine = document["machine_info"].get("ftcheck", {})
        records = [entry["extra_info"] for entry in document["benchmarks"] if "step_seconds" in entry["extra_info"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = (
            f"{path} is not JSON of pytest-benchmark: {error!r}. Make it with --ftcheck-bench --benchmark-json={path}."
        )
        raise SettingsError(msg) from error
    if not records or not machine:
        msg = f"{path} holds no training step. Make it with --ftcheck-bench --benchmark-json={path}."
        raise SettingsError(msg)
    return Stored(path.name, machine, tuple(records))


def table_of(files: Sequence[Stored], *, as_csv: bool = False) -> str:
    """Render the steps of several files as one table, each with its device."""
    names = [
        f"{stored.machine['device_name']}: {record.get('model', '')} {record.get('case', '')}".strip()
        for stored in files
        for record in stored.records
    ]
    records = [record for stored in files for record in stored.records]
    if as_csv:
        rows = [
            {"file": stored.name, **_plain(stored.machine), **record} for stored in files for record in stored.records
        ]
        return comma_separated(rows, names)
    return f"{step_table(records, names)}\n\n{_machines(files)}"


def _machines(files: Sequence[Stored]) -> str:
    """Render device, driver, limits, versions and measured rates of matrix products, one line for each file."""
    rows = []
    for stored in files:
        machine = stored.machine
        peaks = sorted({(record["matmul_dtype"], record["peak_flops_per_second"]) for record in stored.records})
        limits = [f"{machine[name]:g} {unit}" for name, unit in _LIMITS if isinstance(machine.get(name), (int, float))]
        rates = ", ".join(f"{with_unit(rate)}FLOP/s {dtype}" for dtype, rate in peaks)
        versions = [
            f"driver {machine['driver']}" if "driver" in machine else "",
            f"torch {machine['versions']['torch']}",
        ]
        cells = [", ".join(filter(None, part)) for part in (limits, versions)]
        rows.append([stored.name, str(machine["device_name"]), str(machine["threads"]), *cells, rates])
    return markdown(("file", "device", "threads", "limits", "versions", "matrix product"), rows)


_LIMITS = (("power_limit_w", "W"), ("clock_max_mhz", "MHz"))


def _plain(machine: Mapping[str, Any]) -> dict[str, Any]:
    versions = {f"version_{name}": value for name, value in machine.get("versions", {}).items()}
    return {**{name: value for name, value in machine.items() if name != "versions"}, **versions}


def compare_stored(before: Stored, after: Stored, tolerance: float) -> list[tuple[str, str]]:
    """Compare the common steps of two files, if they were measured on the same hardware.

    Measurements at different times are not interleaved, and there is no null comparison to show changes of the machine
    in between. ``--ftcheck-bench-compare`` detects smaller differences.

    Args:
        before: the reference measurements.
        after: the measurements that must not be slower.
        tolerance: fraction by which a step may be slower.

    Returns:
        A line and a verdict for each step: ``slower`` where the lower bound of its interval exceeds 1 + tolerance,
        else ``no slower``, ``undecided`` or ``not comparable``.

    """
    if fingerprint(before.machine) != fingerprint(after.machine):
        changed = "; ".join(differences(before.machine, after.machine))
        return [(f"not comparable: {before.name} and {after.name} differ in {changed}", "not comparable")]
    verdicts: list[tuple[str, str]] = []
    first, second = before.by_step(), after.by_step()
    for key, record in second.items():
        name = " ".join(str(part) for part in key if part)
        if key not in first:
            verdicts.append((f"{name}: not comparable: {before.name} does not have this step", "not comparable"))
            continue
        found = _interval(first[key]["round_seconds"], record["round_seconds"])
        most = 1 + tolerance
        verdict = "slower" if found.low > most else "no slower" if found.high <= most else "undecided"
        verdicts.append((f"{name}: {found} times as long as in {before.name}: {verdict}", verdict))
    return verdicts


def _interval(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return the ratio of medians second / first of unpaired rounds, with its bootstrap interval."""

    def ratio(one: NDArray[np.float64], other: NDArray[np.float64], axis: int = -1) -> Any:
        return np.median(other, axis=axis) / np.median(one, axis=axis)

    samples = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    found = bootstrap(
        samples, ratio, n_resamples=_RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=_SEED
    ).confidence_interval
    return Interval(float(ratio(*samples)), float(found.low), float(found.high))
