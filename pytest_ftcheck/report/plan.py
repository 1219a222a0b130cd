"""The list of what a session would train and judge."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MEANINGS: Mapping[str, str] = {
    "free": "read the parts",
    "forward": "run the untrained model on a few rows",
    "run": "look at a run",
    "extra-training": "train for a few steps more",
}
"""What the checks of each cost do."""


@dataclass(frozen=True)
class Plan:
    """What a session would do with one task."""

    task: str
    trains: bool
    """False: the model is judged as it is."""
    engines: tuple[str, ...]
    seeds: tuple[int, ...]
    gates: tuple[str, ...]
    """Metrics that have a gate."""
    judged: Mapping[str, tuple[str, ...]]
    """Ids of checks, by cost."""
    skipped: Mapping[str, str]
    """Reasons in the card, by id of the skipped check."""
    of_other_tasks: int
    """Number of chosen checks that need other labels or texts than the task has."""
    not_chosen: tuple[str, ...]
    """Ids of checks that ``--ftcheck-checks`` leaves out, or must name."""


def plan_lines(plan: Plan, *, width: int) -> list[str]:
    """Render a plan in lines of at most ``width`` columns."""
    count = sum(map(len, plan.judged.values()))
    engines, seeds = " and ".join(plan.engines), ", ".join(map(str, plan.seeds))
    runs = len(plan.engines) * len(plan.seeds)
    made = "would be trained" if plan.trains else "would be evaluated"
    lines = [f"{plan.task}: {runs} run{'s' * (runs > 1)} {made} (engine {engines}, seed {seeds}), {count} checks"]
    for cost, names in plan.judged.items():
        lines += _block(f"{len(names)} {_MEANINGS[cost]} ({cost})", names, width)
    lines += _block("gates", plan.gates, width)
    for name, why in plan.skipped.items():
        lines += _block(f"skipped by the card: {name}", [why], width)
    if plan.of_other_tasks:
        lines.append(f"  {plan.of_other_tasks} do not apply to this kind of task")
    lines += _block(f"{len(plan.not_chosen)} not chosen (--ftcheck-checks)", plan.not_chosen, width)
    return lines


def _block(title: str, names: Sequence[str], width: int) -> Iterator[str]:
    """Yield a title and names below each other; nothing without names."""
    if names:
        yield from textwrap.wrap(
            f"{title}: {', '.join(names)}",
            width=width,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
            break_long_words=False,
        )
