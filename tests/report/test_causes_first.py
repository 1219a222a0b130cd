"""Ten recorded sessions, each with a planted fault: the first lines of every form name the cause, no consequence."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.github import error_commands
from pytest_ftcheck.report.html.page import page
from pytest_ftcheck.report.markdown import markdown
from pytest_ftcheck.report.read import read_file
from pytest_ftcheck.report.session_summary import session_summary
from pytest_ftcheck.report.view import View

DOCUMENTS = Path(__file__).parent / "documents"
EXPECTED = {
    "evaluation_leaked": ("data.duplicates", "train"),
    "features_mutated": ("collator.mutation", "features"),
    "half_not_in_optimizer": ("training.optimizer_groups", "optimizer"),
    "mask_inverted": ("collator.mask", "inverted"),
    "second_segment_lost": ("data.segments", "sentence2"),
    "special_tokens_twice": ("data.special_tokens", "[CLS]"),
    "stale_cache": ("data.stale_tokens", "tokens"),
    "token_type_ids_zeroed": ("collator.token_type_ids", "0"),
    "train_labels_shuffled": ("metrics.beats_trivial", "predictions"),
    "wrong_pad_id": ("collator.pad_id", "padding"),
}
"""By fault: the check that names it, and a word of what it says."""


def read(name: str) -> Document:
    document = read_file(DOCUMENTS / f"{name}.json")
    assert isinstance(document, Document)
    return document


def consequences(document: Document) -> list[str]:
    return [check for cause in document.causes for check in cause.consequences]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_names_the_cause_first(name: str, width: int) -> None:
    check, word = EXPECTED[name]
    document = read(name)
    first = list(session_summary(document, View(width=width)))[:10]
    assert first[0].startswith(f"CAUSE: {check}: ")
    assert word in "\n".join(first)
    told = next((place for place, line in enumerate(first) if "probably failed" in line), len(first))
    assert not any(other in line for line in first[:told] for other in consequences(document))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_markdown_names_the_cause_first(name: str) -> None:
    check, word = EXPECTED[name]
    document = read(name)
    first = markdown(document).splitlines()[:10]
    assert first[0] == "## ❌ ftcheck: mrpc failed"
    assert first[2].startswith(f"**Likely cause: `{check}`**")
    assert word in "\n".join(first).replace("\\", "")
    told = next((place for place, line in enumerate(first) if "probably failed because" in line), len(first))
    assert not any(other in line for line in first[:told] for other in consequences(document))


class Lines(HTMLParser):
    """What a reader of a page sees, line by line: each block begins a line, scripts and styles are none."""

    BLOCKS = frozenset(
        {"article", "dd", "details", "div", "dt", "h1", "h2", "h3", "h4", "header", "li", "p", "section"}
    )

    def __init__(self, text: str) -> None:
        super().__init__()
        self.lines = [""]
        self.hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.hidden = tag in {"head", "script", "style", "svg", "title"} or (self.hidden and tag != "body")
        if tag in self.BLOCKS and self.lines[-1]:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = self.hidden and tag not in {"script", "style", "svg"}

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.lines[-1] = " ".join(f"{self.lines[-1]} {data}".split())


@pytest.mark.parametrize("name", EXPECTED)
def test_the_page_names_the_cause_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("drawn", "page"):  # plots stand below, and take seconds
        monkeypatch.setattr(f"pytest_ftcheck.report.html.{module}.can_plot", lambda: False)
    check, _ = EXPECTED[name]
    document = read(name)
    lines = Lines(page(document)).lines
    first = lines[lines.index("ftcheck report") + 1 :][:10]
    told = next(place for place, line in enumerate(first) if line.startswith(f"{check} "))
    assert first[told - 1] == "Most likely cause"
    assert not any(other in line for line in first[:told] for other in consequences(document))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_first_annotation_is_of_the_cause(name: str) -> None:
    first, *others = error_commands(read(name), Path("/work"), None)
    assert f"title=ftcheck%3A {EXPECTED[name][0]} of mrpc::" in first
    assert len(others) == len(read(name).causes) - 1
