"""Ten recorded sessions, each with a planted fault: the first lines of every form name the cause, no consequence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ftcheck.report.document import Document
from pytest_ftcheck.report.github import error_commands
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


@pytest.mark.parametrize("name", EXPECTED)
def test_the_first_annotation_is_of_the_cause(name: str) -> None:
    first, *others = error_commands(read(name), Path("/work"), None)
    assert f"title=ftcheck%3A {EXPECTED[name][0]} of mrpc::" in first
    assert len(others) == len(read(name).causes) - 1
