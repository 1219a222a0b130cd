"""The check of `pipeline` on raw texts: quiet where it tokenizes as the training did, red where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from datasets import Dataset

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.serving import fresh
from pytest_ftcheck.pipeline.card_source import CardRows, CardSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

    MakeEvidence = Callable[..., Evidence]

pytestmark = pytest.mark.usefixtures("_served_here")


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"serving.{name}"], evidence)


def retokenized(pipeline: Pipeline, texts: Callable[[str, str], tuple[str, ...]], **options: Any) -> Dataset:
    """Tokenize the evaluation rows in another way."""
    rows = pipeline.data.evaluation
    tokenizer: Any = pipeline.processing_class
    pairs = zip(*(rows[column] for column in pipeline.card.text_columns), strict=True)
    encoded = [dict(tokenizer(*texts(*pair), **options)) for pair in pairs]
    columns = {name: [row[name] for row in encoded] for name in encoded[0]}
    return Dataset.from_dict({**columns, "labels": pipeline.eval_dataset["labels"]})


@torch.no_grad()
def evaluated(evidence: Evidence) -> Run:
    """Evaluate the model anew, on the evidence's rows."""
    rows = evidence.pipeline.eval_dataset
    batch = evidence.collate(evidence.features(rows, list(range(len(rows)))))
    return evidence.run.with_outputs(logits=evidence.trained_model(**batch).logits.numpy())


def test_texts_that_were_joined_are_found(saved_evidence: MakeEvidence, saved_pipelines: dict[str, Pipeline]) -> None:
    joined = retokenized(saved_pipelines["mrpc"], lambda first, second: (f"{first} {second}",))
    run = evaluated(saved_evidence("mrpc", eval_dataset=joined))
    for source in (CardSource(), CardSource(rows=CardRows(tokenized_here=False))):
        (finding,) = judge("pipeline", saved_evidence("mrpc", run=run, eval_dataset=joined, source=source))
        assert finding.observed.startswith("30 differ, row 0: not_equivalent 0.5992 instead of not_equivalent 0.6399")
        assert finding.hint.startswith("the texts were tokenized as one string, joined by ' ': give both")
        assert finding.evidence[0].startswith("row 0: not_equivalent 0.5992 instead of not_equivalent 0.6399 for '")


def test_texts_that_a_user_puts_words_around_are_not_judged(
    saved_evidence: MakeEvidence, saved_pipelines: dict[str, Pipeline]
) -> None:
    prompted = retokenized(saved_pipelines["mrpc"], lambda first, second: (f"is the same said by {first}", second))
    run = evaluated(saved_evidence("mrpc", eval_dataset=prompted))
    source = CardSource(rows=CardRows(tokenized_here=False))
    with pytest.raises(NotApplicable, match="not the tokens of the text columns alone"):
        judge("pipeline", saved_evidence("mrpc", run=run, eval_dataset=prompted, source=source))
    assert judge("pipeline", saved_evidence("mrpc", run=run, eval_dataset=prompted))


def test_second_segment_that_was_never_tokenized_is_found(
    saved_evidence: MakeEvidence, saved_pipelines: dict[str, Pipeline]
) -> None:
    half = retokenized(saved_pipelines["mrpc"], lambda first, _: (first,))
    run = evaluated(saved_evidence("mrpc", eval_dataset=half))
    assert judge("pipeline", saved_evidence("mrpc", run=run, eval_dataset=half))


def test_truncated_rows_are_left_out(saved_evidence: MakeEvidence, saved_pipelines: dict[str, Pipeline]) -> None:
    lengths = sorted(len(ids) for ids in saved_pipelines["mrpc"].eval_dataset["input_ids"])
    for length, some in ((lengths[20], True), (6, False)):
        cut = retokenized(saved_pipelines["mrpc"], lambda *texts: texts, truncation=True, max_length=length)
        evidence = saved_evidence("mrpc", eval_dataset=cut)
        evidence = saved_evidence("mrpc", run=evaluated(evidence), eval_dataset=cut)
        if some:
            assert 4 < len(fresh.served(evidence).text_rows) < 32
            assert judge("pipeline", evidence) == []
        else:
            with pytest.raises(NotApplicable, match="every row is truncated"):
                judge("pipeline", evidence)


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"text_columns": ()}, "no raw text is known"), ({"text_columns": ("question",)}, "have no column question")],
)
def test_texts_that_are_not_there_are_not_asked_for(
    saved_evidence: MakeEvidence, saved_pipelines: dict[str, Pipeline], changes: dict[str, Any], why: str
) -> None:
    evidence = saved_evidence("mrpc", card=replace(saved_pipelines["mrpc"].card, **changes))
    with pytest.raises(NotApplicable, match=why):
        judge("pipeline", evidence)
    assert judge("reload", evidence) == []
    assert judge("tokenizer", evidence) == []


def test_trainer_without_a_tokenizer_has_nothing_to_save(saved_evidence: MakeEvidence) -> None:
    evidence = saved_evidence("mrpc", processing_class=None)
    with pytest.raises(NotApplicable, match="has no tokenizer"):
        judge("pipeline", evidence)
    assert judge("reload", evidence) == []


class OwnModel(torch.nn.Module):
    """A model that only its user's code can load."""


def test_model_of_a_users_own_cannot_be_found_by_its_folder(saved_evidence: MakeEvidence) -> None:
    evidence = saved_evidence("mrpc", model_init=OwnModel)
    for name in ("pipeline", "tokenizer"):
        with pytest.raises(NotApplicable, match="a class of its own, OwnModel"):
            judge(name, evidence)
    with pytest.raises(NotApplicable, match="the model is a OwnModel, which has no from_pretrained"):
        judge("reload", evidence)


def test_long_rows_are_few(saved_evidence: MakeEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh, "_TOKENS", 256)
    assert 1 <= len(fresh.served(saved_evidence("mrpc")).rows) < 16
