"""A run as the baseline keeps it: read back whole, with the spread of its seeds where it is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.accepted_runs import kept_rows, seed_spreads
from pytest_ftcheck.gates.baseline_file import AcceptedSeed, Candidate, Entry, update_baseline
from pytest_ftcheck.gates.predictions_file import KeptRows, pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.heads.rows import EvaluatedRows

ENTRY = Entry(
    task="mrpc",
    checkpoint="tiny-bert",
    engine="trainer",
    head="sequence-classification",
    recipe={},
    data={"source": "bundled", "rows": 40},
    weights="",
    environment={},
)


@pytest.mark.parametrize("rows", [40, 41])
def test_predictions_are_read_where_they_are_of_as_many_rows(
    tmp_path: Path, classified: Callable[..., EvaluatedRows], rows: int
) -> None:
    entry = replace(ENTRY, data={**ENTRY.data, "rows": rows})
    content = pack(KeptRows(classified(40, seed=0), np.arange(40, dtype=np.uint64)))
    (change,) = update_baseline(tmp_path, [Candidate(entry, 0, {"accuracy": 0.9}, content)], date="d", why="")
    if rows == 40:
        assert len(kept_rows(tmp_path, change.after, 0).rows) == 40
        return
    with pytest.raises(DataError, match=r"has 41 evaluated rows, and .*seed0.* 40\."):
        kept_rows(tmp_path, change.after, 0)


@pytest.mark.parametrize(("values", "known"), [([0.8, 0.9], False), ([0.8, 0.9, 0.85], True)])
def test_the_spread_is_known_from_three_seeds_on(values: list[float], known: bool) -> None:  # noqa: FBT001 - a parameter
    runs = {seed: AcceptedSeed({"accuracy": value}, "", "") for seed, value in enumerate(values)}
    found = seed_spreads(replace(ENTRY, runs=runs))
    assert list(found) == (["accuracy"] if known else [])
    if known:
        assert found["accuracy"].mean == pytest.approx(0.85)
        assert found["accuracy"].std == pytest.approx(0.05)
