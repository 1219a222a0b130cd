"""Two documents compared: verdict, metrics, checks that fail now or no longer, and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.report.summary import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_ftcheck.report.document import Document


def difference_lines(before: Document, after: Document) -> list[str]:
    """Say what differs between two sessions, the verdict first; a single line where nothing does."""
    lines = [
        *_verdict(before, after),
        *_metrics(before, after),
        *_checks(before, after),
        *_changed("version of", before.versions, after.versions),
    ]
    return lines or ["no difference in verdict, metrics, checks and versions"]


def _verdict(before: Document, after: Document) -> Iterator[str]:
    old, new = ("passed" if document.exit_status == 0 else "failed" for document in (before, after))
    if old != new:
        yield f"verdict: {old} → {new}"
    old, new = (document.causes[0].finding.check if document.causes else "none" for document in (before, after))
    if old != new:
        yield f"likely cause: {old} → {new}"


def _metrics(before: Document, after: Document) -> Iterator[str]:
    old, new = ({(*_name(gate),): gate for gate in document.gates} for document in (before, after))
    for name, gate in new.items():
        shown = ", ".join(map(str, filter(lambda part: part != "", name)))
        if name not in old:
            yield f"{shown}: new, {number(gate.value)} ({gate.status})"
            continue
        was = old[name]
        if (was.value, was.status) != (gate.value, gate.status):
            change = number(gate.value - was.value, signed=True)
            status = was.status if was.status == gate.status else f"{was.status} → {gate.status}"
            yield f"{shown}: {number(was.value)} → {number(gate.value)} ({change}), {status}"
    for name in old.keys() - new.keys():
        yield f"{', '.join(map(str, filter(lambda part: part != '', name)))}: no longer judged"


def _name(gate: object) -> Iterator[object]:
    for part in ("task", "engine", "seed", "metric", "slice"):
        value = getattr(gate, part)
        yield f"seed {value}" if part == "seed" else value


def _checks(before: Document, after: Document) -> Iterator[str]:
    old, new = ({case.nodeid: case.outcome for case in document.checks} for document in (before, after))
    red = {found.nodeid: found for found in reversed(after.findings)}
    for nodeid, outcome in new.items():
        if outcome == old.get(nodeid):
            continue
        why = ""
        if outcome == "failed" and nodeid in red:
            found = red[nodeid]
            because = f", probably because of {found.because_of}" if found.because_of else ""
            why = f": expected {found.expected}, observed {found.observed}{because}"
        yield f"{nodeid}: {old.get(nodeid, 'absent')} → {outcome}{why}"
    for nodeid in [nodeid for nodeid in old if nodeid not in new]:
        yield f"{nodeid}: {old[nodeid]} → absent"


def _changed(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield f"{what} {name}: {old.get(name, 'absent')} → {new.get(name, 'absent')}"
