"""A run of an earlier session is taken where nothing that made it has changed, and only there.

Every session trains the Trainer of a user's project, in a process of its own; the projects lie in the folders beside
this file, and the tables of what changes in the modules ``changes_*`` and ``unchanged``.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.runs.reuse.unchanged import Move
    from tests.runs.reuse.workplace import Change, Workplace

sys.path.insert(0, str(Path(__file__).parent))
code, inputs, shapes, held, late, unchanged, workplace = map(
    importlib.import_module,
    (
        "changes_code",
        "changes_input",
        "changes_shapes",
        "changes_held",
        "changes_late",
        "unchanged",
        "workplace",
    ),
)
CHANGES: tuple[Change, ...] = (
    *code.MODEL,
    *code.LOSS,
    *code.TRAINING,
    *inputs.CONFIGURATION,
    *inputs.DATA,
    *inputs.ENVIRONMENT,
    *inputs.LIBRARIES,
    *shapes.PARTS,
    *shapes.AUGMENTED,
    *shapes.OTHERS,
    *held.HELD,
    *late.LATE,
)


def params(table: Iterable[Any]) -> list[Any]:
    """A few of a table run by default, the others are slow."""
    return [pytest.param(row, id=row.id, marks=() if row.quick else pytest.mark.slow) for row in table]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    made: Workplace = workplace.Workplace(tmp_path_factory.mktemp("reuse"))
    return made


@pytest.mark.parametrize("change", params(CHANGES))
def test_a_change_trains_anew(place: Workplace, change: Change) -> None:
    before = place.base(change.project)
    change.make(place.lay_out(change.project))
    answer = place.ask(change.project, change.environment)
    assert not answer.error, answer.error
    assert not answer.reused
    assert place.new_result(change.project) not in {None, before}, "the change is none: the same comes out"


@pytest.mark.parametrize("change", params(unchanged.SAME))
def test_what_changes_nothing_is_reused(place: Workplace, change: Change) -> None:
    place.base(change.project)
    change.make(place.lay_out(change.project))
    answer = place.ask(change.project, change.environment)
    assert not answer.error, answer.error
    assert answer.reused, answer.notes


@pytest.mark.parametrize("move", params(unchanged.MOVES))
def test_another_place_is_reused(place: Workplace, move: Move) -> None:
    place.base(move.project)
    place.lay_out(move.project)
    move.act(place.root)
    answer = place.ask(move.project, move.environment, below=move.below)
    assert not answer.error, answer.error
    assert answer.reused, answer.notes
