"""What must make no difference to the logits: quiet on healthy models of several kinds, red on each planted defect."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    default_data_collator,
)

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

CHECKS = ("padding_invariance", "batch_invariance", "attention_mask_used", "eval_deterministic", "train_mode_drops")
ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
SMALL: dict[str, Any] = {"vocab_size": 374, "num_labels": 2, "pad_token_id": 0, "max_position_embeddings": 160}
BERT = {**SMALL, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
KINDS: dict[str, dict[str, Any]] = {
    "bert": BERT,
    "roberta": {**BERT, "bos_token_id": 2, "eos_token_id": 3},
    "gpt2": {**SMALL, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 160},
    "llama": BERT,
    "t5": {**SMALL, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4, "eos_token_id": 3},
}


def small_model(kind: str, **changes: Any) -> Any:
    """A model of that architecture with random weights."""
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, **{**KINDS[kind], **changes}))


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(train_rows=8, eval_rows=32)


def evidence_of(pipeline: Pipeline, **changes: Any) -> Evidence:
    return Evidence(
        replace(pipeline, **changes),
        engine="trainer",
        seed=0,
        environment=ENVIRONMENT,
        make_run=lambda: pytest.fail("no run is needed"),
        make_probe=lambda **_: pytest.fail("no probe is needed"),
    )


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


def red(evidence: Evidence) -> set[str]:
    found = set()
    for name in CHECKS:
        try:
            found |= {name} if judge(name, evidence) else set()
        except NotApplicable:
            continue
    return found


def changed(parts: Pipeline, change: Callable[[Any], object]) -> Evidence:
    return evidence_of(parts, model_init=ChangedModel(parts.model_init, change))


def wrapped(parts: Pipeline, forward: Callable[..., Any]) -> Evidence:
    """Evidence of a model whose forward pass is ``forward(original, **inputs)``."""

    def change(model: Any) -> None:
        # Under the original's signature, which says what reaches the collator.
        model.forward = functools.wraps(model.forward)(functools.partial(forward, model.forward))

    return changed(parts, change)


# -- healthy models ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHECKS)
def test_bundled_checkpoint_is_healthy(parts: Pipeline, name: str) -> None:
    assert judge(name, evidence_of(parts)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_other_architectures_are_healthy(parts: Pipeline, kind: str) -> None:
    assert red(evidence_of(parts, model_init=lambda: small_model(kind, decoder_start_token_id=0))) == set()


class LastState(BertForSequenceClassification):
    """A recurrent network over the embeddings that takes its length from the attention mask."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.lstm = nn.LSTM(config.hidden_size, config.hidden_size, batch_first=True)

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None) -> Any:
        del labels
        lengths = attention_mask.sum(dim=1).cpu()
        states = nn.utils.rnn.pack_padded_sequence(
            self.bert.embeddings.word_embeddings(input_ids), lengths, batch_first=True, enforce_sorted=False
        )
        return {"logits": self.classifier(self.lstm(states)[1][0][-1])}


def test_recurrent_model_is_healthy(parts: Pipeline) -> None:
    assert red(evidence_of(parts, model_init=lambda: LastState(BertConfig(**BERT)))) == set()


def test_left_padding_of_relative_positions_is_healthy(parts: Pipeline) -> None:
    assert red(left_padded(parts, model_init=lambda: small_model("llama"))) == set()


def left_padded(parts: Pipeline, **changes: Any) -> Evidence:
    tokenizer = AutoTokenizer.from_pretrained(parts.checkpoint.folder, padding_side="left")
    collator = DataCollatorWithPadding(tokenizer)
    return evidence_of(parts, processing_class=tokenizer, data_collator=collator, **changes)


def test_left_padding_with_shifted_positions_is_healthy(parts: Pipeline) -> None:
    plain = left_padded(parts, model_init=lambda: small_model("gpt2"))

    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(plain.pipeline.data_collator(features))
        return {**batch, "position_ids": (batch["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)}

    assert red(evidence_of(plain.pipeline, data_collator=collate)) == set()


def test_rows_of_one_length_are_judged_where_they_are_padded(parts: Pipeline) -> None:
    fixed = prepadded(parts)
    assert red(evidence_of(fixed)) == set()
    unmasked = fixed.eval_dataset.map(lambda row: {"attention_mask": [1] * len(row["input_ids"])})
    (finding,) = judge("padding_invariance", evidence_of(fixed, eval_dataset=unmasked))
    assert finding.subject.endswith("columns on the right")
    assert "the attention mask does not cover the padding" in finding.hint


def prepadded(parts: Pipeline) -> Pipeline:
    tokenizer: Any = parts.processing_class
    rows = parts.eval_dataset.map(lambda row: dict(tokenizer.pad(row, padding="max_length", max_length=64)))
    return replace(parts, eval_dataset=rows, data_collator=default_data_collator)


def test_rows_that_are_never_padded_are_not_judged(parts: Pipeline) -> None:
    rows = parts.eval_dataset.map(
        lambda row: {name: row[name][:10] for name in ("input_ids", "attention_mask", "token_type_ids")}
    )
    with pytest.raises(NotApplicable, match="every row has 10 tokens: nothing is ever padded"):
        judge("padding_invariance", evidence_of(parts, eval_dataset=rows))


def test_model_without_a_mask_by_design_is_not_judged(parts: Pipeline) -> None:
    config = AutoConfig.for_model("fnet", **SMALL, hidden_size=32, num_hidden_layers=1, intermediate_size=64)
    evidence = evidence_of(parts, model_init=lambda: AutoModelForSequenceClassification.from_config(config))
    for name in ("padding_invariance", "attention_mask_used"):
        with pytest.raises(NotApplicable, match="FNetForSequenceClassification takes no attention_mask"):
            judge(name, evidence)


# -- planted defects --------------------------------------------------------------------------------------------------


def test_mask_that_is_dropped_is_found(parts: Pipeline) -> None:
    def forward(original: Any, input_ids: Any, **inputs: Any) -> Any:
        return original(input_ids=input_ids, token_type_ids=inputs.get("token_type_ids"))

    evidence = wrapped(parts, forward)
    assert red(evidence) == {"padding_invariance", "attention_mask_used"}
    (finding,) = judge("attention_mask_used", evidence)
    assert finding.expected.startswith("the same logits whatever token has a mask of 0: [")
    assert "with another token in column" in finding.observed
    (finding,) = judge("padding_invariance", evidence)
    assert "columns on the right" in finding.subject
    assert "it does not use the attention mask" in finding.hint


def test_mask_that_is_inverted_is_found(parts: Pipeline) -> None:
    def forward(original: Any, attention_mask: Any, **inputs: Any) -> Any:
        return original(attention_mask=1 - attention_mask, **inputs)

    assert {"padding_invariance", "attention_mask_used"} <= red(wrapped(parts, forward))


def test_left_padding_without_shifted_positions_is_a_warning_where_the_last_token_is_read(parts: Pipeline) -> None:
    evidence = left_padded(parts, model_init=lambda: small_model("gpt2"))
    (warned,) = judge("padding_invariance", evidence)
    assert warned.level == "warn"
    assert warned.expected.endswith(", as alone (fails where the head reads the padding)")


def test_left_padding_without_shifted_positions_is_found(parts: Pipeline) -> None:
    evidence = left_padded(parts)
    assert red(evidence) == {"padding_invariance"}
    (finding,) = judge("padding_invariance", evidence)
    assert finding.level == "fail"
    assert "columns on the left" in finding.subject
    assert finding.hint.startswith("positions are counted from the first column")


def test_head_that_pools_over_padding_is_found(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        def forward(input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            states = model.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
            return {"logits": model.classifier(states.last_hidden_state.mean(dim=1))}

        model.forward = forward

    assert "padding_invariance" in red(changed(parts, change))


def test_mask_of_ones_from_the_collator_is_found(parts: Pipeline) -> None:
    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(parts.data_collator(features))
        return {**batch, "attention_mask": torch.ones_like(batch["attention_mask"])}

    evidence = evidence_of(parts, data_collator=collate)
    (finding,) = judge("padding_invariance", evidence)
    assert "the attention mask does not cover the padding" in finding.hint


def test_collator_that_changes_tokens_is_left_to_its_own_check(parts: Pipeline) -> None:
    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch = dict(parts.data_collator(features))
        return {**batch, "input_ids": batch["input_ids"].flip(1) if len(features) > 1 else batch["input_ids"]}

    with pytest.raises(NotApplicable, match=r"changes the tokens of a row"):
        judge("padding_invariance", evidence_of(parts, data_collator=collate))


def test_statistics_over_the_batch_are_found(parts: Pipeline) -> None:
    def forward(original: Any, **inputs: Any) -> Any:
        logits = original(**inputs).logits
        return {"logits": logits - logits.mean(dim=0)}

    evidence = wrapped(parts, forward)
    (finding,) = judge("batch_invariance", evidence)
    assert finding.subject == "row 0 of a batch of 4, equally padded"
    assert finding.expected == "logits [0.0000, 0.0000], as alone"
    assert "normalisation over the batch" in finding.hint


def test_rows_that_are_lost_in_the_model_are_found(parts: Pipeline) -> None:
    (finding,) = judge("batch_invariance", wrapped(parts, lambda original, **i: {"logits": original(**i).logits[:1]}))
    assert (finding.expected, finding.observed) == ("4 rows of logits for a batch of 4 rows", "1 rows")


def test_dropout_in_evaluation_is_found(parts: Pipeline) -> None:
    def forward(original: Any, **inputs: Any) -> Any:
        return {"logits": nn.functional.dropout(original(**inputs).logits, 0.5, training=True)}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        (finding,) = judge("eval_deterministic", wrapped(parts, forward))
    assert finding.observed.endswith("the second time")
    assert "training=self.training" in finding.hint


@pytest.mark.parametrize("consequence", ["padding_invariance", "batch_invariance", "attention_mask_used"])
def test_noise_is_told_by_its_own_check_alone(parts: Pipeline, consequence: str) -> None:
    def forward(original: Any, **inputs: Any) -> Any:
        logits = original(**inputs).logits
        return {"logits": logits + torch.randn_like(logits)}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        evidence = wrapped(parts, forward)
        assert judge("eval_deterministic", evidence) != []
        with pytest.raises(ReportedBy, match=r"not judged because of model\.eval_deterministic"):
            judge(consequence, evidence)


def test_train_without_effect_is_found(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        model.train = lambda mode=True: model  # noqa: ARG005 - the fault: it takes no notice

    evidence = changed(parts, change)
    assert red(evidence) == {"train_mode_drops"}
    (finding,) = judge("train_mode_drops", evidence)
    assert finding.expected.startswith("other logits in each forward pass in train mode: ")
    assert finding.observed.endswith("0 of these modules are in train mode")


def test_model_without_dropout_is_not_judged(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0

    with pytest.raises(NotApplicable, match="no dropout above 0"):
        judge("train_mode_drops", changed(parts, change))


def test_frozen_part_may_stay_in_evaluation_mode(parts: Pipeline) -> None:
    def change(model: Any) -> None:
        model.bert.requires_grad_(requires_grad=False)
        model.dropout = nn.Identity()
        train = model.train

        def train_head_only(mode: bool = True) -> Any:  # noqa: FBT001, FBT002 - as nn.Module has it
            train(mode)
            model.bert.eval()
            return model

        model.train = train_head_only

    with pytest.raises(NotApplicable, match="beside weights that are trained"):
        judge("train_mode_drops", changed(parts, change))


def test_model_that_needs_its_end_token_is_asked_with_it(parts: Pipeline) -> None:
    def forward(original: Any, input_ids: Any, **inputs: Any) -> Any:
        if not bool((input_ids == parts.processing_class.sep_token_id).any(dim=1).all()):  # type: ignore[union-attr]  # there is one
            msg = "Each example must contain an end token."
            raise ValueError(msg)
        return original(input_ids=input_ids, **inputs)

    assert judge("attention_mask_used", wrapped(parts, forward)) == []
