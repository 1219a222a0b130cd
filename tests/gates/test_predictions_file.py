"""Predictions that are texts, as a baseline keeps them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from pytest_ftcheck.gates.predictions_file import KeptRows, digest_of, pack, read_kept
from pytest_ftcheck.heads.own_answers import HEAD as OWN_ANSWERS
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.heads.spans import HEAD

if TYPE_CHECKING:
    from pathlib import Path


def test_answers_come_back_as_they_were(tmp_path: Path) -> None:
    right = np.array([json.dumps(["6½ sacks", "sacks"], ensure_ascii=False), "[]", json.dumps(["Anna"])])
    given = np.array(["6½ sacks", "", "Ben"])
    scores = np.array([[3.0, 1.0], [0.5, 2.0], [1.0, -1.0]], np.float32)
    content = pack(KeptRows(EvaluatedRows(right, given, scores, HEAD), np.arange(3, dtype=np.uint64)))
    path = tmp_path / "kept"
    path.write_bytes(content)
    rows = read_kept(path, digest_of(content), HEAD.name).rows
    assert rows.label_ids.tolist() == right.tolist()
    assert rows.predictions.tolist() == given.tolist()
    assert rows.logits is not None
    assert rows.logits.tolist() == scores.tolist()
    assert rows.head is HEAD


def test_answers_of_a_script_have_no_scores(tmp_path: Path) -> None:
    right, given = np.array([json.dumps(["Anna"]), "[]"]), np.array(["Anna", "Ben"])
    content = pack(KeptRows(EvaluatedRows(right, given, None, OWN_ANSWERS), np.arange(2, dtype=np.uint64)))
    path = tmp_path / "kept"
    path.write_bytes(content)
    rows = read_kept(path, digest_of(content), OWN_ANSWERS.name).rows
    assert (rows.label_ids.tolist(), rows.predictions.tolist(), rows.logits) == (right.tolist(), given.tolist(), None)
    assert rows.head is OWN_ANSWERS
