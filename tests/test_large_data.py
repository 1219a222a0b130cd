"""A session over many rows stays small."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 200_000
MOST_MIB = 600
"""Above a session over few rows; where rows were Python objects, it was 2,500."""

CARD = """
[tasks.reviews]
head = "sequence-classification"
text_columns = ["text"]
label_column = "label"
label_names = ["bad", "good"]
data = "rows.jsonl"
metric = { path = "accuracy", greater_is_better = { accuracy = true } }
recipe = { num_train_epochs = 1 }
checkpoint = { tiny = "tiny-bert", full = "tiny-bert" }
"""
PEAK = """
import atexit, resource
atexit.register(lambda: print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def write(path: Path, rows: int) -> None:
    words = [
        "the",
        "film",
        "was",
        "long",
        "and",
        "nobody",
        "knew",
        "why",
        "it",
        "had",
        "to",
        "end",
        "like",
        "this",
        "after",
        "all",
    ]
    with path.open("w", encoding="utf-8") as file:
        for row in range(rows):
            text = " ".join(words[(row // 7**place) % len(words)] for place in range(8))
            file.write(json.dumps({"text": f"{text} {row} {row * 7}", "label": row % 2}) + "\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted in KiB on Linux")
def test_memory_does_not_grow_with_python_objects(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(PEAK)
    pytester.makefile(".toml", ftcheck=CARD)
    peaks = []
    for rows in (1_000, ROWS):
        write(pytester.path / "rows.jsonl", rows)
        result = pytester.runpytest_subprocess("--ftcheck-task=reviews", "--ftcheck-checks=data,collator", "-s")
        result.assert_outcomes(passed=42, skipped=1)
        found = re.search(r"PEAK (\d+)", result.stdout.str())
        assert found, result.stdout.str()
        peaks.append(int(found[1]) / 1024)
    assert peaks[1] - peaks[0] < MOST_MIB
