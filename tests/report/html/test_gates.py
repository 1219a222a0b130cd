"""Gates on their scale."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.gates.limits import Limits
from pytest_ftcheck.report.html.gates import gate_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.report.document import Document


def test_value_interval_limit_and_accepted_run_stand_on_one_scale(make_document: Callable[..., Document]) -> None:
    (row,) = gate_rows(make_document(), "mrpc", of_slices=False)
    strip = row.strip
    assert strip.interval is not None
    assert strip.value is not None
    assert strip.limit is not None
    assert strip.baseline is not None
    assert 0 < strip.interval[0] < strip.value < strip.interval[1] < strip.limit < strip.baseline < 100
    expected = "value 0.7100, 95% interval 0.6600 to 0.7500, limit at least 0.8000, accepted run 0.8300"
    assert strip.description == expected
    assert (row.baseline, row.status) == ("0.8300", "fail")


def test_gates_of_a_metric_share_their_scale(make_document: Callable[..., Document]) -> None:
    document = make_document()
    second = replace(document.gates[0], engine="manual", value=0.9, interval=[0.88, 0.92])
    first, other = gate_rows(replace(document, gates=[document.gates[0], second]), "mrpc", of_slices=False)
    assert first.strip.limit == other.strip.limit


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_has_no_place(make_document: Callable[..., Document], value: float) -> None:
    document = make_document()
    broken = replace(document.gates[0], value=value, interval=None, missing=True)
    (row,) = gate_rows(replace(document, gates=[broken]), "mrpc", of_slices=False)
    assert (row.value, row.strip.value, row.strip.interval) == ("missing", None, None)
    assert row.strip.limit is not None


def test_a_ceiling_is_beyond_on_its_other_side(make_document: Callable[..., Document]) -> None:
    document = make_document()
    ceiling = replace(document.gates[0], limits=Limits(limit=0.8, greater_is_better=False))
    (row,) = gate_rows(replace(document, gates=[ceiling]), "mrpc", of_slices=False)
    assert not row.strip.limit_is_floor
    assert row.limit == "at most 0.8000"
