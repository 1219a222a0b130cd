"""Describe any object by its content, so that two objects with different behaviour have different digests.

The digest of an object covers its class with its code, and everything that the object holds. It is the same in another
process. An object without a stable description, such as a socket, is noted: a run that depends on it cannot be reused.
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
    """The digest of an object."""

    digest: str
    """SHA-256, 64 hexadecimal digits."""
    unstable: tuple[str, ...] = ()
    """Objects without a stable description: their place and their type."""


def new_describer(root: Path | None = None, session: str = SESSION) -> Describer:
    """Make a describer for several parts of one run; see `describe` for the arguments."""
    return Describer(_HANDLERS, root, session)


def describe(thing: Any, name: str = "", *, root: Path | None = None, session: str = SESSION) -> Description:
    """Describe an object and everything that it holds.

    Args:
        thing: any object.
        name: name of the part, for messages.
        root: root folder of the project; digests of paths below it do not depend on its location.
        session: replaces the content of objects without a stable description.

    """
    describer = new_describer(root, session)
    with deep_recursion():
        digest = describer(thing, name)
    return Description(digest.hex(), tuple(describer.unstable))
