"""The libraries are quiet while they work for us, and as loud as before when they do not."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

import datasets
import pytest
from transformers.utils import logging as transformers_logging

from pytest_ftcheck.pipeline.quiet import quiet_libraries, warnings_of_a_script

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCELERATE = logging.getLogger("accelerate")
State = tuple[int, bool, bool, int]


def state() -> State:
    return (
        transformers_logging.get_verbosity(),
        transformers_logging.is_progress_bar_enabled(),
        not datasets.utils.are_progress_bars_disabled(),
        ACCELERATE.level,
    )


def apply(verbosity: int, transformers_bars: bool, datasets_bars: bool, level: int) -> None:  # noqa: FBT001 - a State
    transformers_logging.set_verbosity(verbosity)
    if transformers_bars:
        transformers_logging.enable_progress_bar()
    else:
        transformers_logging.disable_progress_bar()
    (datasets.enable_progress_bars if datasets_bars else datasets.disable_progress_bars)()
    ACCELERATE.setLevel(level)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = state()
    yield
    apply(*before)


QUIET = (logging.ERROR, False, False, logging.ERROR)
STATES: list[State] = [
    (logging.INFO, True, True, logging.DEBUG),
    (logging.WARNING, False, True, logging.NOTSET),
    (logging.DEBUG, True, False, logging.INFO),
    QUIET,
]


@pytest.mark.parametrize("before", STATES)
def test_quiet_inside_and_as_before_after(before: State) -> None:
    apply(*before)
    with quiet_libraries():
        assert state() == QUIET
    assert state() == before


def test_as_before_after_an_error() -> None:
    apply(*STATES[0])
    with pytest.raises(KeyError), quiet_libraries():
        raise KeyError
    assert state() == STATES[0]


def test_a_warning_of_a_script_is_no_error() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "not of interest")
        warnings.filterwarnings("error", "a[bc]d", DeprecationWarning, module=r"no\.such\.module")
        with warnings_of_a_script():
            warnings.warn("not of interest", UserWarning, stacklevel=1)
            warnings.warn("'pin_memory' argument is set as true but no accelerator is found", UserWarning, stacklevel=1)
            warnings.warn("it moved", DeprecationWarning, stacklevel=1)
        with pytest.raises(DeprecationWarning, match="it moved"):
            warnings.warn("it moved", DeprecationWarning, stacklevel=1)
    assert [str(each.message) for each in heard] == ["it moved"]


def test_quiet_nests() -> None:
    apply(*STATES[0])
    with quiet_libraries():
        with quiet_libraries():
            pass
        assert state() == QUIET
    assert state() == STATES[0]
