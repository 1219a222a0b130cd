"""The summary of a session as Markdown, for a comment on a pull request: verdict, metrics, broken rows, causes.

Every string that comes from data, models or options is escaped: it can start no table cell, link, mention or HTML.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_ftcheck.printable import printable
from pytest_ftcheck.report.baseline import BaselineRecord, value_text
from pytest_ftcheck.report.faults import faults_lines
from pytest_ftcheck.report.groups import agreeing, findings_of
from pytest_ftcheck.report.header import SYNTHETIC
from pytest_ftcheck.report.summary import check_lines, measured_lines, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.gates.records import GateRecord, SeedGateRecord
    from pytest_ftcheck.report.baseline import FlipRecord
    from pytest_ftcheck.report.document import Document
    from pytest_ftcheck.report.records import CauseRecord

MOST_CHARACTERS = 60_000
"""GitHub refuses a comment of more than 65536 characters."""
_CUT = (
    "\n\n**This summary was cut after {shown} characters.** The JSON document (`--ftcheck-json`) holds all results.\n"
)
_ROWS = 10
"""Newly broken rows that are shown of each run."""
_TEXT = 200
"""Characters of a text of a row."""
_LONG = 1000
"""Characters of an expectation, an observation or a hint."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")
_AT_THE_BEGIN = re.compile(r"^([#+=-]|\d+(?=[.)]))")
_REFERENCE = re.compile(r"(@|#(?=\w)|\bGH-(?=\d)|://|\bwww(?=\.))", re.IGNORECASE)
_ZERO_WIDTH = "\u200b"
"""Inside of a mention, a reference or an address, it keeps GitHub from making a link of it; it is not shown."""


def markdown(document: Document) -> str:
    """Render the results of a session, at most `MOST_CHARACTERS` characters, the verdict first."""
    parts = [
        *_verdict(document),
        *_metrics(document),
        *_instead_of_checks(document),
        *_broken_rows(document),
        *_other_causes(document),
        *_details(document),
    ]
    return _cut(parts)


def escaped(text: str, most: int = _LONG) -> str:
    """Return a text in one line that Markdown and HTML show as it is, cut after a number of characters."""
    line = " ".join(printable(text).split())
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _AT_THE_BEGIN.sub(rf"{_ZERO_WIDTH}\1", _SPECIAL.sub(r"\\\1", line))
    return _REFERENCE.sub(lambda found: f"{found[0][0]}{_ZERO_WIDTH}{found[0][1:]}", line)


def _code(text: str) -> str:
    """Return a text as code, in more backticks than it holds."""
    line = " ".join(printable(text).split())
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _cut(lines: Iterable[str]) -> str:
    """Join whole lines up to the limit; where some are left out, close what is open and say so."""
    text, folded = "", 0
    room = MOST_CHARACTERS - len(_CUT) - len("\n</details>") - 10
    for line in lines:
        if len(text) + len(line) + 1 > room:
            return text + "\n</details>" * folded + _CUT.format(shown=len(text))
        text += f"{line}\n"
        folded += line.count("<details>") - line.count("</details>")
    return text


def _verdict(document: Document) -> Iterator[str]:
    of = ", ".join(map(escaped, document.tasks)) or "the tests of the project"
    failed = document.exit_status != 0
    yield f"## {'❌' if failed else '✅'} ftcheck: {of} {'failed' if failed else 'passed'}"
    yield ""
    for task in document.idle_tasks:
        yield f"**{escaped(task)}: no test ran for this task.**"
        yield ""
    for cause in document.causes[:1]:
        yield from _cause("**Likely cause: ", "**", cause, document)


def _metrics(document: Document) -> Iterator[str]:
    """Yield a table for each task: a line for each metric of each run."""
    gates: list[GateRecord | SeedGateRecord] = [*document.gates, *document.seed_gates]
    for task in dict.fromkeys(gate.task for gate in gates):
        of_task = [gate for gate in gates if gate.task == task]
        runs = [run for run in document.runs if run.task == task]
        yield f"### {escaped(task)}"
        yield ""
        for text in dict.fromkeys(f"{run.checkpoint} on {run.data}, {run.rows} evaluated rows" for run in runs):
            yield escaped(text) + (f" ({SYNTHETIC})" if any(run.synthetic for run in runs) else "")
            yield ""
        yield "| metric | engine | seed | baseline | new | change | 95% interval | limit | status |"
        yield "|---|---|---|--:|--:|--:|---|---|---|"
        for gate in of_task:
            yield _metric(gate, document)
        yield ""


def _metric(gate: GateRecord | SeedGateRecord, document: Document) -> str:
    seed = gate.seed if hasattr(gate, "seed") else f"mean of {len(gate.values) - len(gate.failed)}"
    before = gate.drop.before if gate.drop is not None else _before(gate, seed, document)
    change = "-" if before is None else number(gate.value - before, signed=True)
    interval = "-" if gate.interval is None else " to ".join(map(number, gate.interval))
    limit = "-" if gate.floor is None else f"{gate.limits.side} {number(gate.floor)}"
    name = f"{gate.metric}, {gate.slice}" if gate.slice else gate.metric
    value = "missing" if getattr(gate, "missing", False) else number(gate.value)
    informs = getattr(gate, "informs", False) and gate.status != "ungated"
    status = f"({gate.status})" if informs else gate.status
    status = f"**{status}**" if gate.status == "fail" and not informs else status
    cells = [escaped(name), gate.engine, str(seed), number(before), value, change, interval, limit, status]
    return f"| {' | '.join(cells)} |"


def _before(gate: GateRecord | SeedGateRecord, seed: object, document: Document) -> float | None:
    """Return the value of the accepted run, where the metric has no limit on its drop."""
    if gate.slice or not isinstance(document.baseline, BaselineRecord):
        return None
    for found in document.baseline.comparisons:
        if (found.task, found.engine, found.seed) == (gate.task, gate.engine, seed) and gate.metric in found.metrics:
            return found.metrics[gate.metric].before
    return None


def _instead_of_checks(document: Document) -> Iterator[str]:
    """Yield what planted faults have shown, and which limits were proposed."""
    if document.faults:
        yield "### Planted faults"
        yield ""
        yield from (f"- {escaped(line.strip())}" for line in faults_lines(document.faults))
        yield ""
    for record in document.calibration:
        yield f"### Limits of {escaped(record.task)} with {escaped(record.checkpoint)}"
        yield ""
        yield from (f"- {escaped(line)}" for line in record.notes)
        yield ""


def _other_causes(document: Document) -> Iterator[str]:
    if len(document.causes) > 1:
        yield "### Other causes"
        yield ""
    for cause in document.causes[1:]:
        yield from _cause("", "", cause, document)


def _cause(before: str, behind: str, cause: CauseRecord, document: Document) -> Iterator[str]:
    agree = f" ({agreeing(cause)})" if cause.consequences else ""
    yield f"{before}{_code(cause.finding.check)}{behind} of {escaped(cause.task)}{agree}"
    yield ""
    found_of_cause: Sequence[Finding] = findings_of(cause, document.findings) or [cause.finding]
    for found in found_of_cause:
        unit = f" {escaped(found.unit)}" if found.unit else ""
        yield (
            f"- {escaped(found.subject)}: expected {escaped(found.expected)}{unit}, "
            f"observed {escaped(found.observed)}{unit}"
        )
        yield from (f"  - evidence: {escaped(text)}" for text in found.evidence)
    if cause.finding.hint:
        yield f"- what to do: {escaped(cause.finding.hint)}"
    if cause.source is not None:
        yield f"- your code: {_code(f'{cause.source.file}:{cause.source.line}')}, {_code(cause.source.name)}"
    if cause.command:
        yield f"- run it again: {_code(cause.command)}"
    if cause.consequences:
        yield f"- probably failed because of it: {', '.join(map(_code, cause.consequences))}"
    yield ""


def _broken_rows(document: Document) -> Iterator[str]:
    """Yield the rows that the accepted run had right and this run has wrong, the worst first."""
    if not isinstance(document.baseline, BaselineRecord):
        return
    for found in document.baseline.comparisons:
        broken = [flip for flip in found.flips if flip.before == flip.label != flip.after]
        if not broken:
            continue
        accepted = f"accepted on {escaped(found.accepted)}" + (f", {escaped(found.why)}" if found.why else "")
        yield f"### Newly broken rows of {escaped(found.task)}, {found.engine}, seed {found.seed}: {len(broken)}"
        yield ""
        yield f"These rows were right in the run that was {accepted}."
        yield ""
        yield "| row | label | now | text |"
        yield "|---|---|---|---|"
        yield from (_broken_row(flip) for flip in broken[:_ROWS])
        yield ""
        if len(broken) > _ROWS:
            yield f"{len(broken) - _ROWS} more are in the JSON document."
            yield ""


def _broken_row(flip: FlipRecord) -> str:
    text = " · ".join(escaped(part, _TEXT) for part in flip.text)
    return (
        f"| {escaped(str(flip.id))} | {escaped(value_text(flip.label))} | {escaped(value_text(flip.after))} | {text} |"
    )


def _details(document: Document) -> Iterator[str]:
    warnings = [f"{found.check}: {found.subject}: {found.observed}" for found in document.warnings]
    consequences = [
        f"{found.check}: {found.subject}: expected {found.expected}, observed {found.observed}"
        for found in document.findings
        if found.because_of is not None
    ]
    versions = [f"{name} {version}" for name, version in document.versions.items()]
    yield from _folded(f"Consequences ({len(consequences)})", consequences)
    yield from _folded(f"Warnings ({len(warnings)})", warnings)
    yield from _folded(f"Checks ({len(document.checks)})", check_lines(document.checks))
    yield from _folded("What was measured", [*measured_lines(document.runs), *document.notes, ", ".join(versions)])


def _folded(title: str, lines: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    yield f"<details><summary>{title}</summary>"
    yield ""
    yield from (f"- {escaped(line)}" for line in lines)
    yield ""
    yield "</details>"
    yield ""
