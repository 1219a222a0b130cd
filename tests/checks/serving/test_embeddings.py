"""The encoder that AutoModel takes from the saved folder is the one that was evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertForSequenceClassification, BertModel
from transformers.modeling_outputs import SequenceClassifierOutput

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.run import Run

    MakeEvidence = Callable[..., Evidence]

pytestmark = pytest.mark.usefixtures("_served_here")


class Twice(BertForSequenceClassification):
    """Builds an encoder of its own beside the one of the class that it inherits."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.encoder = BertModel(config)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives this method no annotations

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any, labels: Any = None) -> Any:
        states = self.encoder(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(states.pooler_output)), loss=labels)


class Renamed(Twice):
    """Has one encoder, under a name that AutoModel does not look for."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        del self.bert


class NoEncoder(nn.Module):
    """A model without one of transformers inside."""

    def __init__(self, whole: Any) -> None:
        super().__init__()
        self.table = nn.Linear(1, 2)
        self.whole = [whole]

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        return self.whole[0](input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)


def judge(evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()["serving.embeddings"], evidence)


def kept_as_encoder(first: Callable[[torch.Tensor], torch.Tensor] | None) -> Callable[[Run], None]:
    """Save the encoder under the name ``encoder``; under its first name what a function makes of it, or nothing."""

    def change(run: Run) -> None:
        path = run.model_folder / "model.safetensors"
        weights = load_file(path)
        for name in [name for name in weights if name.startswith("bert.")]:
            kept = weights.pop(name)
            weights[f"encoder{name.removeprefix('bert')}"] = kept
            if first is not None:
                weights[name] = first(kept)
        save_file(weights, path, metadata={"format": "pt"})

    return change


def made(kind: type[Twice]) -> Callable[[], Any]:
    return lambda: kind.from_pretrained(bundled_checkpoint("tiny-bert"))


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_encoder_of_the_library_s_class_is_found(saved_evidence: MakeEvidence, task: str) -> None:
    assert judge(saved_evidence(task)) == []


def test_another_encoder_that_automodel_takes_is_red(saved_evidence: MakeEvidence) -> None:
    evidence = saved_evidence("mrpc", kept_as_encoder(lambda kept: kept * 0.9), model_init=made(Twice))
    (found,) = judge(evidence)
    assert found.level == "fail"
    assert found.expected == "the hidden states of encoder, within 0.001, from AutoModel over the folder"
    assert found.observed.endswith("AutoModel finds all its weights, and they are those of another encoder")


def test_two_encoders_that_are_the_same_are_no_defect(saved_evidence: MakeEvidence) -> None:
    assert judge(saved_evidence("mrpc", kept_as_encoder(torch.clone), model_init=made(Twice))) == []


def test_encoder_that_automodel_does_not_look_for_is_a_warning(saved_evidence: MakeEvidence) -> None:
    (found,) = judge(saved_evidence("mrpc", kept_as_encoder(None), model_init=made(Renamed)))
    assert found.level == "warn"
    assert "the model is a Renamed, which AutoModel does not know" in found.expected
    assert "weights are drawn at random, because the folder has none of their names: embeddings." in found.observed


def test_model_without_an_encoder_of_transformers_is_not_judged(
    saved_evidence: MakeEvidence, saved_runs: dict[str, Run]
) -> None:
    whole = saved_runs["mrpc"].load_model().eval()
    with pytest.raises(NotApplicable, match="there is no encoder to compare"):
        judge(saved_evidence("mrpc", model_init=lambda: NoEncoder(whole)))
