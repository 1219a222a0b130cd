"""The head of token classification: words and tags become rows, and only tagged tokens count."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoTokenizer, EvalPrediction, PreTrainedTokenizerBase

from pytest_ftcheck.errors import DataError, TaskError
from pytest_ftcheck.faults.fault import faults
from pytest_ftcheck.gates.pipeline_slices import pipeline_masks
from pytest_ftcheck.heads.classes import NO_CLASS
from pytest_ftcheck.heads.tokens import HEAD, tags_of_tokens
from pytest_ftcheck.heads.traits import IGNORED
from pytest_ftcheck.pipeline.from_card import check_metric_keys
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.tasks.metrics import metrics_of_card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline

LOGITS = np.array([[[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [[math.nan, 1.0], [0.0, 3.0], [9.0, 9.0]]])
TAGS = np.array([[0, 1, IGNORED], [IGNORED, 1, IGNORED]])
THRESHOLDS = {"below": 0.5, "above": 3.0, "times": 5.0}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert")))


def test_one_column_holds_lists_of_words() -> None:
    inputs = HEAD.inputs
    assert not inputs.refusal(["tokens"])
    assert inputs.refusal(["tokens", "text"]) == "text_columns must be one column of words, not ['tokens', 'text']"
    held = [
        inputs.holds("tokens", ["tokens"], kind) for kind in (pa.list_(pa.string()), pa.string(), pa.list_(pa.int64()))
    ]
    assert held == [True, False, False]


def test_rows_of_words_have_no_class_to_be_sliced_by() -> None:
    assert not HEAD.card.refusal(["O", "B-PER"], ["length"])
    assert "such as PER_f1 = true" in HEAD.card.refusal(["O", "B-PER"], ["class"])
    assert HEAD.card.refusal(["O"], []).startswith("label_names must name at least two")


def test_slices_by_truncation_count_the_tokens_of_words(make_pipeline: Callable[..., Pipeline], tmp_path: Path) -> None:
    pipeline = faults()["entities_cut_off"].plant(make_pipeline("wnut_17", train_rows=16, eval_rows=16))
    card = replace(pipeline.card, slices=("truncated", "length"))
    masks = pipeline_masks(replace(pipeline, card=card), tmp_path)
    assert int(masks["truncated"]["truncated=True"].sum()) >= 12
    assert sum(int(mask.sum()) for mask in masks["length"].values()) == 16


def test_the_f1_of_a_type_is_a_metric_of_a_card() -> None:
    types = {"greater_is_better": {"person_f1": True, "location_recall": True}}
    card = load_card("wnut_17", {"wnut_17": {"metric": types}})
    check_metric_keys(card)
    labels = np.array([[card.label_names.index("B-person"), card.label_names.index("B-location")]])
    found = metrics_of_card(card)(EvalPrediction(np.eye(13)[labels], labels))
    assert (found["person_f1"], found["location_recall"], found["overall_f1"]) == (1.0, 1.0, 1.0)
    with pytest.raises(TaskError, match="metric key of task 'wnut_17': 'brand_f1'"):
        check_metric_keys(load_card("wnut_17", {"wnut_17": {"metric": {"greater_is_better": {"brand_f1": True}}}}))


def test_the_first_token_of_a_word_has_its_tag(tokenizer: PreTrainedTokenizerBase) -> None:
    words, tags = ["Anna", "photographed", "lamps"], [1, 0, 2]
    row = HEAD.inputs.encode(tokenizer, {"tokens": [words]}, [tags], None)
    pieces = tokenizer(words, is_split_into_words=True).word_ids()
    assert len(row["labels"][0]) == len(row["input_ids"][0]) == len(pieces) > 5
    assert [tag for tag in row["labels"][0] if tag != IGNORED] == tags
    assert [tag for tag, word in zip(row["labels"][0], pieces, strict=True) if word is None] == [IGNORED, IGNORED]


def test_truncated_words_lose_their_tags_with_their_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    row = HEAD.inputs.encode(tokenizer, {"tokens": [["Anna", "sold", "lamps"]]}, [[1, 0, 2]], 4)
    assert row["labels"] == [[IGNORED, 1, 0, IGNORED]]


def test_tags_of_tokens_of_words_that_stand_side_by_side() -> None:
    assert tags_of_tokens([None, 0, 0, 1, 2, 2, None], [5, 6, 7]) == [IGNORED, 5, IGNORED, 6, 7, IGNORED, IGNORED]


def test_a_row_with_another_number_of_tags_is_named(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(DataError, match="2 words but 1 tags in the row 'Anna sold': give one tag a word"):
        HEAD.inputs.encode(tokenizer, {"tokens": [["Anna", "sold"]]}, [[1]], None)


def test_a_tokenizer_without_word_ids_is_refused() -> None:
    slow = SimpleNamespace(is_fast=False)
    with pytest.raises(DataError, match="SimpleNamespace does not return the word of a token: use a fast tokenizer"):
        HEAD.inputs.encode(slow, {"tokens": [["Anna"]]}, [[1]], None)  # type: ignore[arg-type]


def test_the_collator_pads_tags_so_that_nothing_counts_them(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = HEAD.inputs.encode(tokenizer, {"tokens": [["Anna"], ["Anna", "sold", "lamps"]]}, [[1], [1, 0, 2]], None)
    features = [{name: column[row] for name, column in rows.items()} for row in range(2)]
    batch = HEAD.inputs.collator(tokenizer)(features)
    assert batch["labels"].tolist() == [[IGNORED, 1, IGNORED, IGNORED, IGNORED], [IGNORED, 1, 0, 2, IGNORED]]


def test_labels_are_lists_of_names_or_ids() -> None:
    labels, names = HEAD.labels, ("O", "B-PER")
    assert labels.encode(["B-PER", 0], names, "row 0") == [1, 0]
    with pytest.raises(DataError, match="row 3, word 1: label 'B-ORG' is not one of the classes"):
        labels.encode(["O", "B-ORG"], names, "row 3")
    with pytest.raises(DataError, match="row 3: label 'O' is not a list of tags"):
        labels.encode("O", names, "row 3")
    assert [labels.fits(tags, 2) for tags in ([0, 1, IGNORED], [2], [-1], [0.0])] == [True, False, False, False]
    assert labels.expected(2) == "a list of class ids from 0 to 1, or -100 where a token has no tag"
    assert labels.stacked([[0], [1, 0]]).tolist() == [[0, IGNORED], [1, 0]]
    assert (labels.choices([], 2), labels.made_up(3, 2)) == ([[0], [1]], [1])
    assert labels.arrow_type() == pa.list_(pa.int64())


def test_loss_is_the_mean_over_tagged_tokens() -> None:
    logits, tags = torch.tensor(LOGITS).nan_to_num(), torch.tensor(TAGS)
    tagged = tags != IGNORED
    each = torch.nn.functional.cross_entropy(logits[tagged], tags[tagged], reduction="none")
    assert float(HEAD.loss(logits, tags)) == pytest.approx(float(each.mean()))
    assert float(HEAD.loss(logits, tags, reduction="sum")) == pytest.approx(float(each.sum()))
    by_row = [float(each[:2].mean()), float(each[2])]
    assert HEAD.loss(logits, tags, reduction="none").tolist() == pytest.approx(by_row)
    assert HEAD.loss.of_constant(TAGS, 2) == pytest.approx(-(math.log(1 / 3) / 3 + math.log(2 / 3) * 2 / 3))
    assert HEAD.loss.at_start(tags, 2, THRESHOLDS)[:2] == pytest.approx((0.5 * math.log(2), math.log(2) + 3))


def test_outputs_are_those_of_every_token() -> None:
    outputs = HEAD.outputs
    assert outputs.shapes(2, 5) == {"logits": (2, None, 5), "labels": (2, None)}
    assert outputs.predictions(LOGITS).tolist() == [[0, 1, 0], [NO_CLASS, 1, 0]]
    assert outputs.raw_predictions(LOGITS).shape == (2, 3)
    assert outputs.scores(LOGITS[:1]).sum(axis=-1).tolist() == [pytest.approx([1.0, 1.0, 1.0])]
    assert outputs.references(TAGS) is TAGS
    with pytest.raises(TaskError, match=r"takes logits \[N, T, K\], got shape \(2, 3\)"):
        outputs.predictions(LOGITS[0][:, :1].repeat(3, 1)[:2])


def test_judged_are_the_logits_of_tagged_tokens_also_of_a_narrower_batch() -> None:
    assert HEAD.outputs.judged(LOGITS, TAGS).tolist() == [[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]
    assert HEAD.outputs.judged(LOGITS[:, :2], TAGS).tolist() == [[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]]


SESSION = """
[tool.ftcheck.tasks.wnut_17.metric]
greater_is_better = { overall_f1 = true, person_f1 = true }
[tool.ftcheck.tasks.wnut_17.floors]
person_f1 = { min = 0.2, max_drop = 0.01 }
overall_f1 = { min = 0.2, max_drop = 0.01 }
"""


@pytest.mark.slow
def test_a_baseline_names_the_entities_that_a_worse_recipe_loses(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(SESSION)
    asked = ("--ftcheck-task=wnut_17", "--ftcheck-engine=manual", "--ftcheck-checks=metrics")
    accepted = pytester.runpytest_subprocess(*asked, "--ftcheck-update-baseline=all")
    assert accepted.ret == pytest.ExitCode.OK, accepted.stdout.str()
    accepted.stdout.fnmatch_lines(["* wnut_17 * manual * person_f1 * 0.* to 0.* pass *"])
    worse = pytester.runpytest_subprocess(*asked, "--ftcheck-max-train-rows=100")
    worse.stdout.fnmatch_lines(
        ["*other entities in * rows: * lost, * found, * wrong, * mended; the worst:*", "*row *: lost *'*"]
    )
    assert worse.ret == pytest.ExitCode.TESTS_FAILED
