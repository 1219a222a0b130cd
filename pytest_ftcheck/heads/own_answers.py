"""The head of a user's Trainer that makes answers of windows itself: gates evaluate an answer for each question.

Checks look at the windows, as with `pytest_ftcheck.heads.positions`: only the user's function knows the raw question of
a window, and how its tokens become an answer.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_ftcheck.heads import spans
from pytest_ftcheck.heads.answers import AnswersOfWindows
from pytest_ftcheck.heads.traits import OWN_ANSWERS, POSITIONS

_NAME = "own-answers"

HEAD = replace(spans.HEAD, name=_NAME, traits=frozenset({POSITIONS, OWN_ANSWERS}), answers=AnswersOfWindows(_NAME))
