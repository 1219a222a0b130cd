"""The check of the evaluated rows: quiet for each row once in order, red for any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.pipeline.card_source import CardEvaluation, CardSource
from pytest_ftcheck.runs.trace import Pass, Trace
from pytest_ftcheck.training.fingerprint import fingerprint_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_ftcheck.checks.evidence import Evidence

    MakeEvidence = Callable[..., Evidence]

ROWS = 12
LABELS = np.arange(ROWS) % 2
LOGITS = np.zeros((ROWS, 2))
TOKENS = [[7, 8 + row, 9] for row in range(ROWS)]
TRAIN = [[7, 40 + row] for row in range(20)]
DATA = Dataset.from_dict({"input_ids": TOKENS, "labels": LABELS})
TRAIN_DATA = Dataset.from_dict({"input_ids": TRAIN, "labels": [0] * 20})
SCORES = np.linspace(0, 5, ROWS).astype(np.float32)


def observed(evidence: Evidence) -> list[str]:
    return [finding.observed for finding in run_check(catalogue()["metrics.evaluated_rows"], evidence)]


def seen(rows: Sequence[Sequence[int]], kind: str = "eval") -> Pass:
    return Pass(
        kind=kind,
        rows=tuple(fingerprint_rows(rows, 0)),
        labels=(0.0,) * len(rows),
        batch_sizes=(len(rows),),
        in_train_mode=False,
        weights_changed=False,
    )


def evidence_of(make: MakeEvidence, *passes: Pass, **changes: Any) -> Evidence:
    parts: dict[str, Any] = {"eval_dataset": DATA, "train_dataset": TRAIN_DATA, "trace": Trace(passes=passes)}
    return make(LABELS, LOGITS, **(parts | changes))


def test_each_row_once_in_order_is_quiet(scored_evidence: MakeEvidence) -> None:
    passes = [seen(TRAIN, "train"), seen(TOKENS[::-1]), seen(TRAIN, "train"), seen(TOKENS)]
    assert observed(evidence_of(scored_evidence, *passes)) == []
    assert observed(evidence_of(scored_evidence)) == []  # labels alone


WRONG: dict[str, tuple[list[list[int]], str]] = {
    "train split": (
        TRAIN[:12],
        "12 rows; 12 rows of the data set were left out; 12 are not in the data set, 12 of them are rows of ",
    ),
    "last batch dropped": (TOKENS[:8], "8 rows; 4 rows of the data set were left out"),
    "padded by repetition": (TOKENS + TOKENS[:4], "16 rows; 4 were seen again"),
    "other order": ([*TOKENS[:4], *TOKENS[:3:-1]], "12 rows; in another order, from row 4 on"),
    "one row twice": ([*TOKENS[:11], TOKENS[0]], "12 rows; 1 rows of the data set were left out; 1 were seen again"),
}


@pytest.mark.parametrize(("rows", "said"), WRONG.values(), ids=WRONG.keys())
def test_other_rows_are_found(scored_evidence: MakeEvidence, rows: list[list[int]], said: str) -> None:
    (text,) = observed(evidence_of(scored_evidence, seen(TOKENS), seen(rows)))
    assert text.startswith(said)


def test_epochs_that_were_compared_on_other_rows_are_found(scored_evidence: MakeEvidence) -> None:
    evidence = evidence_of(scored_evidence, seen(TRAIN), seen(TRAIN), seen(TOKENS))
    (finding,) = run_check(catalogue()["metrics.evaluated_rows"], evidence)
    assert finding.expected.startswith("an evaluation during training sees the 12 rows of the evaluation data set")
    assert "20 of them are rows of the train split" in finding.observed


def test_user_may_evaluate_other_rows_as_well(scored_evidence: MakeEvidence) -> None:
    source = CardSource(evaluation=CardEvaluation(ends_with_judged_rows=False))
    passes = [seen(TOKENS), seen(TRAIN), seen(TOKENS), seen(TOKENS), seen(TRAIN)]
    assert observed(evidence_of(scored_evidence, *passes, source=source)) == []
    (text,) = observed(evidence_of(scored_evidence, seen(TRAIN), seen(TOKENS), seen(TRAIN), source=source))
    assert text.endswith("20 of them are rows of the train split")


def test_rows_that_are_padded_already_are_the_same(scored_evidence: MakeEvidence) -> None:
    rows = DATA.map(lambda row: {"input_ids": [*row["input_ids"], 0, 0]})
    assert observed(evidence_of(scored_evidence, seen(TOKENS), eval_dataset=rows)) == []


class CutsToTwo:
    """A collator that makes other tokens of the rows than the data set has."""

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        return {"input_ids": torch.tensor([[1, *row["input_ids"][:2]] for row in features])}


def test_tokens_that_the_collator_makes_are_compared_with_its_own(scored_evidence: MakeEvidence) -> None:
    own = [[1, *row[:2]] for row in TOKENS]
    assert observed(evidence_of(scored_evidence, seen(own), data_collator=CutsToTwo())) == []
    (text,) = observed(evidence_of(scored_evidence, seen(own[:6]), data_collator=CutsToTwo()))
    assert text == "6 rows; 6 rows of the data set were left out"


def test_tokens_that_nobody_knows_are_left_to_the_labels(scored_evidence: MakeEvidence) -> None:
    assert observed(evidence_of(scored_evidence, seen([[99, row] for row in range(ROWS)]))) == []


def test_lost_rows_are_counted(scored_evidence: MakeEvidence) -> None:
    assert observed(evidence_of(scored_evidence, logits=LOGITS[:8], label_ids=LABELS[:8])) == [
        "8 rows of logits and 8 of label ids"
    ]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([1, 0, *LABELS[2:]], "the same labels in another order: 2 rows differ, the first is row 0: 1 instead of 0"),
        ([*LABELS[:-1], 0], "1 rows differ, the first is row 11: 0 instead of 1"),
    ],
)
def test_labels_of_other_rows_are_found(scored_evidence: MakeEvidence, ids: list[int], said: str) -> None:
    assert observed(evidence_of(scored_evidence, label_ids=np.array(ids))) == [said]


@pytest.mark.parametrize("without", [-100, 7])
def test_rows_without_a_label_are_found(scored_evidence: MakeEvidence, without: int) -> None:
    labels = np.where(np.arange(ROWS) == 3, without, LABELS)
    rows = Dataset.from_dict({"input_ids": TOKENS, "labels": labels})
    (text,) = observed(evidence_of(scored_evidence, eval_dataset=rows, label_ids=labels))
    assert text == f"1 of 12 have none, the first is row 3: {without}"


def test_collator_may_give_labels_other_numbers(scored_evidence: MakeEvidence) -> None:
    stars = Dataset.from_dict({"input_ids": TOKENS, "labels": LABELS + 1})
    assert observed(evidence_of(scored_evidence, eval_dataset=stars)) == []
    values = {"eval_dataset": Dataset.from_dict({"input_ids": TOKENS, "labels": SCORES})}
    assert observed(scored_evidence(SCORES, LOGITS[:, :1], **values, label_ids=SCORES / 5)) == []
    assert observed(scored_evidence(SCORES, LOGITS[:, :1], **values, label_ids=SCORES[::-1] / 5))


def test_labels_that_are_no_numbers_are_not_compared(scored_evidence: MakeEvidence) -> None:
    rows = Dataset.from_dict({"input_ids": TOKENS, "labels": ["yes", "no"] * 6})
    with pytest.raises(NotApplicable, match="neither labels nor tokens"):
        observed(evidence_of(scored_evidence, eval_dataset=rows))
    assert observed(evidence_of(scored_evidence, seen(TOKENS), eval_dataset=rows)) == []
