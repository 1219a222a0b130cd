"""Other rows of a batch that have an effect on the logits of a row are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.checks.model.changed_models import judge, wrapped

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


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
