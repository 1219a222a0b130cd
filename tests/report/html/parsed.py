"""A page as a browser and a screen reader take it apart."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise


class Parsed(HTMLParser):
    """The elements of a page, and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            self.inside.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.seen.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.seen).split())

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


def assert_accessible(parsed: Parsed) -> None:
    """Headings, ids, tables and drawings are as screen readers need them."""
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(parsed.all("table")) == len(parsed.all("caption")) > 0
    assert all("scope" in attributes for attributes in parsed.all("th"))
    drawings = [svg for svg in parsed.all("svg") if svg.get("class") != "mark"]
    assert all(svg.get("aria-hidden") == "true" or svg.get("role") == "img" for svg in drawings)
    named = [svg for svg in drawings if svg.get("role") == "img"]
    assert named
    assert all(svg.get("aria-label") or set((svg["aria-labelledby"] or "").split()) <= set(ids) for svg in named)
    assert {"main", "header", "footer"} <= {tag for tag, _ in parsed.elements}
