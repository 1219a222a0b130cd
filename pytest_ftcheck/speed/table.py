"""Tables of measured steps, in Markdown or CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_UNITS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))

COLUMNS = (
    "step",
    "ms a step",
    "quartiles",
    "data",
    "forward",
    "backward",
    "optimizer",
    "samples/s",
    "tokens/s",
    "padding",
    "memory",
    "FLOP a step",
    "MFU",
    "compiling",
)


def step_table(records: Sequence[Mapping[str, Any]], names: Sequence[str] | None = None) -> str:
    """Render measured steps in Markdown; a step that was not measured shows the reason.

    Args:
        records: results of `describe` with ``case``; or only ``case`` and ``not_measured``.
        names: first column; None: each record's ``case``.

    """
    labels = names or [str(record["case"]) for record in records]
    return markdown(COLUMNS, [[label, *_cells(record)] for label, record in zip(labels, records, strict=True)])


def session_lines(records: Sequence[Mapping[str, Any]], comparisons: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe all that a session has measured: comparisons, the table of steps, and what its fractions refer to.

    Args:
        records: as for `step_table`.
        comparisons: results of `Comparison.to_record`, each with its task.

    """
    lines = [f"{compared['task']}: {compared['described']}" for compared in comparisons]
    return [*lines, step_table(records), *peak_lines(records)] if records else lines


def _cells(record: Mapping[str, Any]) -> list[str]:
    if "not_measured" in record:
        return [f"not measured: {record['not_measured']}", *[""] * (len(COLUMNS) - 2)]
    low, high = record["step_seconds_quartiles"]
    phases = record["phases"]
    memory, compiling = record["peak_memory_bytes"], record["compile_seconds"]
    return [
        f"{record['step_seconds'] * 1e3:.2f}",
        f"{low * 1e3:.2f} to {high * 1e3:.2f}",
        *(f"{phases[name] * 1e3:.2f}" for name in ("data", "forward", "backward", "optimizer")),
        f"{record['samples_per_second']:.1f}",
        f"{record['tokens_per_second']:.0f}",
        f"{record['padding_share']:.0%}",
        "" if memory is None else f"{memory / 2**30:.2f} GiB",
        with_unit(record["flops"]),
        f"{record['mfu']:.1%}",
        "" if compiling is None else f"{compiling:.1f} s",
    ]


def with_unit(number: float) -> str:
    """Return a large number with a unit prefix: ``1.89 G``."""
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f}"


def peak_lines(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe the reference of MFU, and what memory counts."""
    measured = [record for record in records if "not_measured" not in record]
    peaks = {(record["matmul_dtype"], record["peak_flops_per_second"]) for record in measured}
    lines = [
        f"MFU: fraction of {with_unit(peak)}FLOP/s, the measured rate of a {dtype} matrix product"
        for dtype, peak in sorted(peaks)
    ]
    lines += sorted({f"memory: {record['peak_memory_of']}" for record in measured})
    return lines


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Render a Markdown table with aligned columns."""
    cells = [list(header), *[[cell.replace("|", "\\|") for cell in row] for row in rows]]
    # The reason of a row that was not measured spans the other columns.
    widths = [max(len(row[index]) for row in cells if not _spans(row)) for index in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(line.rstrip() for line in lines)


def _spans(row: Sequence[str]) -> bool:
    return not any(row[2:]) and len(row) > 2  # a label and its reason


def comma_separated(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Render measured steps in CSV: unrounded numbers in seconds, bytes and operations."""
    plain = [{"name": name, **_flat(record)} for name, record in zip(names, records, strict=True)]
    columns = list(dict.fromkeys(column for row in plain for column in row))
    output = io.StringIO()
    writer = csv.DictWriter(output, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(plain)
    return output.getvalue()


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record without lists, with a column for each phase."""
    phases = {f"{name}_seconds": value for name, value in record.get("phases", {}).items()}
    return {**{name: value for name, value in record.items() if not isinstance(value, (list, dict))}, **phases}
