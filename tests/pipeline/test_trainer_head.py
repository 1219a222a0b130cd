"""The head of a user's Trainer is found out on one batch; others than those that are judged are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.pipeline.from_trainer import build_trainer_pipeline
from pytest_ftcheck.pipeline.trainer_source import TrainerSource
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.recorder import StepRecorder

HERE = Path(__file__).parent
JUDGED = "Supported are these models of transformers: "


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


OTHERS = {
    "causal": r"a GPT2LMHeadModel, which predicts a label for every token, or generates text: logits \(8, \d+",
    "spans_in_shares": r"a SharesForQuestionAnswering, which has two labels a row that are not first and last token",
    "several_values": r"which predicts for a row several numbers \(use one number a row, .*\): logits \(8, 3\) and",
    "values_from_0_to_1": r"which predicts for a row several numbers \(use one number a row",
    "shares_of_classes": r"which predicts for a row several probabilities that add up to 1 \(use the class",
    "labels_of_another_width": r"another last dimension than its logits: logits \(8, 3\) and labels \(8, 4\)",
    "generating": r"a T5ForConditionalGeneration, which predicts a label for every token, or generates text",
    "denoising": r"a BartForConditionalGeneration, which predicts a label for every token, or generates text",
    "pictures": r"a ViTForImageClassification, whose batches have pixel_values, labels, but no input_ids",
    "complex_numbers": r"a ComplexBert, whose logits are complex numbers \(torch.complex64\)",
    "plain_module": r"the Trainer's model is a torch.nn.modules.linear.Linear",
}


@pytest.mark.parametrize(("factory", "words"), OTHERS.items(), ids=OTHERS)
def test_another_head_is_refused_before_anything_trains(
    factory: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StepRecorder, "begin", lambda *_: pytest.fail("something trains"))
    with pytest.raises(TaskError, match=rf"heads_train.py:{factory}: .*{words}.*{JUDGED}"):
        build_trainer_pipeline("mine", f"heads_train.py:{factory}", {}, Settings(rootdir=HERE, device="cpu"))


JUDGED_HEADS = {
    "causal_classifier": "sequence-classification",
    "encoder_decoder_classifier": "sequence-classification",
    "with_hidden_states": "sequence-classification",
    "regressor": "regression",
    "tokens": "token-classification",
    "several_labels": "multi-label-classification",
    "several_labels_as_integers": "multi-label-classification",
    "labels_in_shares": "multi-label-classification",
    "choices": "multiple-choice",
    "spans": "answer-positions",
    "spans_out_of_range": "answer-positions",
    "masked": "masked-language-modelling",
    "every_token_labelled": "masked-language-modelling",  # a check of the collator names the cause
    "spans_of_an_own_class": "answer-positions",  # whose labels the Trainer does not find: a check names the cause
    "label_out_of_range": "sequence-classification",  # the checks name the cause
}


@pytest.mark.parametrize(("factory", "head"), JUDGED_HEADS.items(), ids=JUDGED_HEADS)
def test_heads_that_are_judged_are_taken_whatever_their_class(factory: str, head: str) -> None:
    torch.manual_seed(0)
    pipeline = build_trainer_pipeline("mine", f"heads_train.py:{factory}", {}, Settings(rootdir=HERE, device="cpu"))
    assert pipeline.card.head == head
    assert isinstance(pipeline.source, TrainerSource)
    assert pipeline.source.template.model.training


def test_answers_of_a_trainer_are_refused_with_what_can_be_done() -> None:
    with pytest.raises(TaskError, match=r"do not name their raw rows.*Remove head.*--ftcheck-no-train"):
        build_trainer_pipeline(
            "mine", "heads_train.py:spans", {"head": "question-answering"}, Settings(rootdir=HERE, device="cpu")
        )


def test_labels_that_only_a_failing_collator_makes_are_refused_with_its_error() -> None:
    words = r"eval_dataset has no labels \(it has .*\), and its first batch cannot be evaluated.*KeyError: 'special_tok"
    with pytest.raises(TaskError, match=rf"heads_train.py:collator_fails: {words}"):
        build_trainer_pipeline("mine", "heads_train.py:collator_fails", {}, Settings(rootdir=HERE, device="cpu"))


def test_warnings_of_the_first_batch_decide_nothing(recwarn: pytest.WarningsRecorder) -> None:
    """Under ``-W error``, a DataLoader's advice about pinned memory was an error, and the head was not found out."""
    settings = Settings(rootdir=HERE, device="cpu")
    pipeline = build_trainer_pipeline("mine", "heads_train.py:every_token_labelled", {}, settings)
    assert pipeline.card.head == "masked-language-modelling"
    assert not recwarn.list
