"""Planted faults as text: the matrix of faults and checks, its closing lines, and the page of all faults."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_ftcheck.faults.fault import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_ftcheck.faults.check_answers import CheckAnswer
    from pytest_ftcheck.faults.fault import Fault
    from pytest_ftcheck.faults.prove import FaultRecord

_STYLES = {"caught": "green", "survived": "bold red", "n.a.": "dim"}
_MOST_OTHERS = 4
_TABLE_COLUMNS = 120
"""Minimum width of the matrix at the end of a session, in columns."""

_INTRODUCTION = """# The faults

A check that cannot fail proves nothing. Each of these defects is planted on purpose, where it would happen, and a check
that is listed for it must fail. `pytest --ftcheck-task=NAME --ftcheck-faults` plants them in the task's pipeline, which
may be that of your own Trainer, and shows which faults no check catches there ("survived").

```console
pytest --ftcheck-task=mrpc --ftcheck-faults                              # all of them
pytest --ftcheck-task=mrpc --ftcheck-faults=zero_grad_missing,serving    # by name or family
```

A check that fails without any fault does not prove that it catches one. Where a fault shows without a trained model,
only the first steps of the run are trained.
"""


def faults_table(records: Sequence[FaultRecord], *, color: bool, width: int) -> str:
    """Render the matrix: a row per fault, survivors first, with outcomes by task and engine, and the failed checks.

    Args:
        records: of all proofs, as `Proof.to_record` gives them.
        color: with ANSI colours.
        width: of the terminal, in columns.

    """
    variants = list(dict.fromkeys(variant_of(record) for record in records))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("fault", overflow="fold")
    for variant in variants:
        table.add_column(variant)
    table.add_column("caught by")
    table.add_column("also red")
    by_fault = grouped(records)
    for name in sorted(by_fault, key=lambda name: not _survives(by_fault[name])):  # otherwise in their given order
        own = {variant_of(record): record.outcome for record in by_fault[name]}
        outcomes = [Text(own.get(variant, "-"), style=_STYLES.get(own.get(variant, "-"), "")) for variant in variants]
        others = union(record.also for record in by_fault[name])
        shown = ", ".join(others[:_MOST_OTHERS]) + (
            f" and {len(others) - _MOST_OTHERS} more" if len(others) > _MOST_OTHERS else ""
        )
        table.add_row(Text(name), *outcomes, ", ".join(union(record.caught for record in by_fault[name])), shown)
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(table)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()).strip("\n")


def session_lines(records: Sequence[FaultRecord], *, color: bool, width: int) -> list[str]:
    """Describe all proofs of a session: the matrix, the detection rate, and the faults that no check caught."""
    table = faults_table(records, color=color, width=max(width, _TABLE_COLUMNS))
    return [table, *faults_lines(records)]


def faults_lines(records: Sequence[FaultRecord]) -> list[str]:
    """Count the caught faults; name the faults that survived and those that do not apply, with the reasons."""
    caught, survived, without = (
        [record for record in records if record.outcome == outcome] for outcome in ("caught", "survived", "n.a.")
    )
    planted = len(caught) + len(survived)
    rate = f" ({len(caught) / planted:.1%})" if planted else ""
    reasons: dict[str, list[str]] = {}
    for record in without:
        reasons.setdefault(record.not_applicable, []).append(record.fault)
    return [
        f"faults: {len(caught)} of {planted} caught{rate}, {len(without)} not applicable",
        *(f"  SURVIVED: {survivor_line(record)}" for record in survived),
        *(f"  not applicable: {', '.join(dict.fromkeys(names))}: {reason}" for reason, names in reasons.items()),
    ]


def survivor_line(record: FaultRecord) -> str:
    """Name the result of each listed check, none of which failed."""
    verdicts = [f"{name} {_verdict_text(record.verdicts.get(name))}" for name in record.listed]
    also = f"; red: {', '.join(record.also)}" if record.also else ""
    return f"{record.fault} in {variant_of(record)}: {'; '.join(verdicts)}{also}"


def _verdict_text(verdict: CheckAnswer | None) -> str:
    if verdict is None:
        return "did not run"
    return verdict.state + (f" ({verdict.reason})" if verdict.reason else "")


def variant_of(record: FaultRecord) -> str:
    """Name task and engine of a proof."""
    return f"{record.task} {record.engine}"


def grouped(records: Iterable[FaultRecord]) -> dict[str, list[FaultRecord]]:
    """Group records by fault, in their given order."""
    found: dict[str, list[FaultRecord]] = {}
    for record in records:
        found.setdefault(record.fault, []).append(record)
    return found


def union(ids: Iterable[Iterable[str]]) -> list[str]:
    """Return the ids that are in any of the lists, each once, in order of first occurrence."""
    return list(dict.fromkeys(name for part in ids for name in part))


def _survives(records: Iterable[FaultRecord]) -> bool:
    return any(record.outcome == "survived" for record in records)


def faults_markdown(records: Sequence[FaultRecord]) -> str:
    """Render the matrix as Markdown: a cell holds the listed checks that failed, ``n.a.``, or ``SURVIVED``."""
    variants = list(dict.fromkeys(variant_of(record) for record in records))
    lines = [f"| fault | {' | '.join(variants)} |", "|---" * (len(variants) + 1) + "|"]
    for name, own in grouped(records).items():
        cells = {variant_of(record): _cell(record) for record in own}
        lines.append(f"| `{name}` | {' | '.join(cells.get(variant, '') for variant in variants)} |")
    return "\n".join(lines) + "\n"


def _cell(record: FaultRecord) -> str:
    if record.outcome == "caught":
        return ", ".join(record.caught)
    return "n.a." if record.outcome == "n.a." else "**SURVIVED**"


def faults_page(known: Mapping[str, Fault]) -> str:
    """Render every fault as Markdown: the defect, where it was seen, and the checks that catch it.

    Args:
        known: by name, in the order in which they are shown.

    """
    families = [
        f"\n## {family}\n" + "".join(_section(fault) for fault in known.values() if fault.family == family)
        for family in FAMILIES
    ]
    return _INTRODUCTION + "".join(families)


def _section(fault: Fault) -> str:
    lines = [
        f"### {fault.name}",
        "",
        fault.meaning,
        "",
        f"- **seen in practice** {fault.seen_in_practice}",
        f"- **caught by** {', '.join(f'`{name}`' for name in fault.caught_by)}",
    ]
    if len(fault.engines) == 1:
        lines.append(f"- **only for** engine `{fault.engines[0]}`")
    return "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    from pytest_ftcheck.faults.fault import faults

    sys.stdout.write(faults_page(faults()))
