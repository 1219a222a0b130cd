"""Schemes of tags for entities: their prefixes, and the valid sequences of tags."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OUTSIDE = "O"
"""The tag of a word outside all entities."""
PREFIXES: Mapping[str, str] = MappingProxyType({"IOB": "BI", "BIOES": "BIES", "BILOU": "BILU"})
"""The prefixes of each scheme: B begins an entity, I continues it, E or L ends it, S or U is a single word."""


def parted(tag: str) -> tuple[str, str]:
    """Return the prefix and the type of a tag: ``B-PER`` is ``B`` and ``PER``; O has neither."""
    prefix, _, kind = tag.partition("-")
    return (prefix, kind) if kind else ("", "")


def spells_entities(names: Iterable[str]) -> bool:
    """Return whether label names are tags of entities: most of them have a prefix of one letter and a type."""
    others = [name for name in names if name != OUTSIDE]
    return bool(others) and sum(len(parted(name)[0]) == 1 for name in others) > len(others) / 2


def scheme_of(names: Iterable[str]) -> str | None:
    """Return the first scheme of `PREFIXES` that has the prefixes of all names; None if no scheme has them."""
    found = {parted(name)[0] if "-" in name else name for name in names if name != OUTSIDE}
    return next((scheme for scheme, prefixes in PREFIXES.items() if found <= set(prefixes)), None)


def ill_formed(tags: Sequence[str], scheme: str) -> int:
    """Count the tags of a row that are invalid after the previous tag.

    Args:
        tags: tags of the words.
        scheme: ``IOB2`` (each entity begins with B), ``IOB1`` (B only directly after an entity of the same type),
            ``BIOES`` or ``BILOU``.

    """
    before = ("", "")
    found = 0
    for tag in [*tags, OUTSIDE]:
        now = parted(tag)
        found += not _may_follow(before, now, scheme)
        before = now
    return found


def _may_follow(before: tuple[str, str], now: tuple[str, str], scheme: str) -> bool:
    beside = before[0] != "" and before[1] == now[1]
    if scheme == "IOB2":
        return now[0] != "I" or beside
    if scheme == "IOB1":
        return now[0] != "B" or beside
    within, goes_on = before[0] in ("B", "I"), now[0] in ("I", "E", "L")
    return within == goes_on and (not within or beside)


def likely_scheme(rows: Sequence[Sequence[str]], names: Iterable[str]) -> tuple[str, int]:
    """Return the scheme with the fewest invalid tags in the rows, and their number.

    Args:
        rows: tags by name.
        names: names of all tags, of a scheme that `scheme_of` knows.

    """
    named_scheme = scheme_of(names)
    schemes = ("IOB2", "IOB1") if named_scheme in (None, "IOB") else (str(named_scheme),)
    counts = {scheme: sum(ill_formed(tags, scheme) for tags in rows) for scheme in schemes}
    best = min(counts, key=counts.__getitem__)
    return best, counts[best]
