"""A session that is killed, at whatever step, leaves the user's files whole, and nothing that the next one keeps.

For each writer of files that a user keeps, a session is killed before each of a dozen steps of the write, spread over
all of them, and at a few times by chance. Afterwards the next session runs, and must end as if nothing had happened.
"""

from __future__ import annotations

import importlib
import random
import shutil
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kills import kill_reference, killed_session
else:
    kill_reference, killed_session = map(importlib.import_module, ("kill_reference", "killed_session"))

pytestmark = pytest.mark.slow

PLACED, RANDOM = 12, 2
"""Kills for each writer: at steps, and at times by chance."""


def phase_of(killed: killed_session.Ended, ended: killed_session.Ended) -> str:
    """Say where in the write a session was killed; a step is written down before it is done."""
    if not killed.steps:
        return "before the write"
    return "after the write" if len(killed.steps) >= len(ended.steps) - 1 else "in the write"


def moments(reference: kill_reference.Reference) -> list[tuple[int | None, float | None]]:
    """Steps before which a session is killed, the first and the last among them, and seconds after which it is."""
    last, chance = len(reference.ended.steps) - 1, random.Random(0)  # noqa: S311 - times, no secrets
    steps = [1 + round(number * last / (PLACED - 1)) for number in range(PLACED)]
    times = [chance.uniform(0, reference.ended.seconds) for _ in range(RANDOM)]
    return [(step, None) for step in steps] + [(None, time) for time in times]


def next_sessions(reference: kill_reference.Reference, place: killed_session.Place, *, plain: bool) -> list[str]:
    """Run the session that was killed again, if asked for after another one that writes nothing; say what is wrong."""
    writer, wrong = reference.writer, []
    if plain:
        ended = killed_session.run(writer.plain, place, inside=partial(kill_reference.inside, writer))
        if ended.code or kill_reference.left(place):
            wrong.append(f"a session that writes nothing leaves {kill_reference.left(place)}: {ended.output}")
    again = killed_session.run(writer.arguments, place, inside=partial(kill_reference.inside, writer))
    return wrong + kill_reference.wrong_at_the_end(reference, place, again)


def test_kills(reference: kill_reference.Reference, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer, phases, wrong, leftovers = reference.writer, Counter[str](), [], 0
    for number, (step, seconds) in enumerate(moments(reference)):
        place = kill_reference.copy_of(reference.before, tmp_path / f"killed{number}")
        inside = partial(kill_reference.inside, writer, kill_at=step)
        killed = killed_session.run(writer.arguments, place, inside=inside, kill_after=seconds)
        assert killed.code == -signal.SIGKILL or (seconds and not killed.code), killed.output
        phase = phase_of(killed, reference.ended)
        phases[phase if killed.code else "too late"] += 1
        found = kill_reference.wrong_after_a_kill(reference, place)
        names = [kill_reference.contents(folder.project).keys() for folder in (place, reference.before)]
        leftovers += bool(names[0] - names[1])
        found += next_sessions(reference, place, plain=number % 2 == 1)
        wrong += [f"{writer.name}, killed {phase}, after {killed.steps[-1:]}: {what}" for what in found]
        shutil.rmtree(place.root)
    with capsys.disabled():
        counts = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()))
        print(f"\n{writer.name}, {len(reference.ended.steps)} steps: kills {counts}; {leftovers} left something")  # noqa: T201 - the figures
    assert not wrong, "\n".join(wrong)
    assert sum(phases.values()) - phases["too late"] >= PLACED
    assert phases["before the write"]
    assert phases["after the write"]
    assert phases["in the write"] >= PLACED - 2
    assert leftovers >= PLACED // 2  # else the kills hit nothing
