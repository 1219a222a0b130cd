"""The head of question answering: questions become windows, and their labels are the tokens of the answer."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForQuestionAnswering, PreTrainedTokenizerBase

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.heads.answers import QUESTION
from pytest_ftcheck.heads.offsets import OFFSETS
from pytest_ftcheck.heads.spans import HEAD
from pytest_ftcheck.heads.windows import positions
from pytest_ftcheck.pipeline.forward import logits_in
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

QUESTIONS = ["Who sold four lamps?", "Where did Ben send two books?"]
CONTEXTS = [
    "Anna sold four lamps. Ben sent two books in the park. Clara gave one cup to David at the market on Monday.",
    "Ben sent two books in the park.",
]
ANSWERS = [
    {"text": ["Anna"], "answer_start": [0]},
    {"text": ["the park", "park"], "answer_start": [22, 26]},
]
NONE: dict[str, Any] = {"text": [], "answer_start": []}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert")))


def encoded(tokenizer: PreTrainedTokenizerBase, max_length: int = 24, doc_stride: int = 6, **changed: Any) -> Any:
    answers = changed.get("answers", ANSWERS)
    return HEAD.inputs.encode(
        tokenizer, {"question": QUESTIONS, "context": CONTEXTS}, answers, max_length, doc_stride=doc_stride
    )


def test_a_long_context_becomes_windows_that_overlap(tokenizer: PreTrainedTokenizerBase) -> None:
    made = encoded(tokenizer)
    assert made[QUESTION].count(0) > 1
    assert made[QUESTION].count(1) == 1
    assert {len(ids) for ids in made["input_ids"]} == {24}
    spans = [
        [offset for offset in offsets if offset is not None]
        for offsets, question in zip(made[OFFSETS], made[QUESTION], strict=True)
        if question == 0
    ]
    assert all(later[0][0] < earlier[-1][1] for earlier, later in pairwise(spans))
    assert (spans[0][0][0], spans[-1][-1][1]) == (0, len(CONTEXTS[0]))


def test_labels_are_the_tokens_of_the_first_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    made = encoded(tokenizer)
    row = made[QUESTION].index(1)
    first, last = made["start_positions"][row], made["end_positions"][row]
    assert CONTEXTS[1][made[OFFSETS][row][first][0] : made[OFFSETS][row][last][1]] == "the park"
    windows = [row for row, question in enumerate(made[QUESTION]) if question == 0]
    assert made["start_positions"][windows[0]] > 0
    assert {made["start_positions"][row] for row in windows[1:]} == {0}, "other windows do not hold the answer"


def test_a_question_without_an_answer_points_at_the_first_token(tokenizer: PreTrainedTokenizerBase) -> None:
    made = encoded(tokenizer, answers=[NONE, NONE])
    assert set(made["start_positions"]) == set(made["end_positions"]) == {0}


def test_an_answer_that_ends_in_a_token_has_that_token() -> None:
    offsets = [None, [0, 4], [5, 9], None]
    assert positions({"text": ["na sol"], "answer_start": [2]}, offsets) == (1, 2)
    assert positions({"text": ["sold it"], "answer_start": [5]}, offsets) == (0, 0)


@pytest.mark.parametrize("stride", [16, -1])
def test_windows_that_share_more_than_they_hold_are_refused(tokenizer: PreTrainedTokenizerBase, stride: int) -> None:
    with pytest.raises(DataError, match=r"doc_stride = -?\d+: in a window of max_length = 24 tokens, a question of"):
        encoded(tokenizer, doc_stride=stride)


def test_what_a_card_may_say() -> None:
    assert not HEAD.card.refusal([], ["title"])
    assert HEAD.card.width([]) == 2
    assert HEAD.card.refusal(["yes", "no"], []) == "label_names must be absent: an answer is not a class"
    assert "slices 'class', 'length'" in HEAD.card.refusal([], ["class", "length"])
    assert not HEAD.inputs.refusal(["question", "context"])
    assert "a column of questions and a column of contexts" in HEAD.inputs.refusal(["context"])


@pytest.mark.parametrize("value", [None, "Anna", {"text": ["Anna"]}, {"text": ["Anna"], "answer_start": []}])
def test_answers_of_another_shape_are_refused(value: Any) -> None:
    with pytest.raises(DataError, match=r"train split, row 3: answers .*expected \{'text': \[texts\]"):
        HEAD.labels.encode(value, [], "train split, row 3")


def test_labels_are_pairs_in_order() -> None:
    labels = HEAD.labels
    assert [labels.fits(pair, 2) for pair in ([0, 0], [3, 5], [5, 3])] == [True, True, False]
    assert labels.stacked([[1, 2], [3, 4]]).shape == (2, 2)
    assert HEAD.outputs.shapes(5, 2) == {"logits": (5, None, 2), "labels": (5, 2)}


def test_the_loss_is_the_model_s_own() -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    model = BertForQuestionAnswering(config).eval()
    ids, first, last = torch.randint(30, (4, 9)), torch.tensor([0, 2, 3, 8]), torch.tensor([0, 4, 3, 20])
    with torch.no_grad():
        output = model(input_ids=ids, start_positions=first, end_positions=last)
    logits, labels = logits_in(output), torch.stack([first, last], dim=1)
    assert math.isclose(float(HEAD.loss(logits, labels)), float(output.loss), rel_tol=1e-6)
    assert HEAD.loss(logits, labels, reduction="none").shape == (4,)


def test_predictions_are_the_highest_logits() -> None:
    logits = np.zeros((1, 4, 2))
    logits[0, 2, 0] = logits[0, 3, 1] = 1
    assert HEAD.outputs.predictions(logits).tolist() == [[2, 3]]
    with pytest.raises(TaskError, match=r"takes logits \[N, T, 2\], got shape \(1, 4\)"):
        HEAD.outputs.predictions(logits[..., 0])
