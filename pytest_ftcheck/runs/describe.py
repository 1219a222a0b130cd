"""Describe any object by its content, so that two which behave differently have different digests.

The digest of an object is that of its class, code included, and of everything that it holds. It is the same in another
process. What has no stable description, such as a socket, is named: a run that depends on it cannot be taken again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.runs.describe_code import describe_code
from pytest_ftcheck.runs.describe_objects import describe_object
from pytest_ftcheck.runs.describe_training import describe_part
from pytest_ftcheck.runs.describe_values import describe_value
from pytest_ftcheck.runs.describer import SESSION, Describer, deep_recursion, describe_container

if TYPE_CHECKING:
    from pathlib import Path

_HANDLERS = (describe_code, describe_container, describe_value, describe_part, describe_object)


@dataclass(frozen=True)
class Description:
    """What an object is."""

    digest: str
    """SHA-256, 64 hexadecimal digits."""
    unstable: tuple[str, ...] = ()
    """Parts without a stable description: where they are, and what."""


def new_describer(root: Path | None = None, session: str = SESSION) -> Describer:
    """Make what describes several parts of one run; see `describe` for the arguments."""
    return Describer(_HANDLERS, root, session)


def describe(thing: Any, name: str = "", *, root: Path | None = None, session: str = SESSION) -> Description:
    """Describe an object and everything that it holds.

    Args:
        thing: any object.
        name: of the part, for messages.
        root: of the project; paths below it are the same wherever the project lies.
        session: stands for what has no stable description.

    """
    describer = new_describer(root, session)
    with deep_recursion():
        digest = describer(thing, name)
    return Description(digest.hex(), tuple(describer.unstable))
