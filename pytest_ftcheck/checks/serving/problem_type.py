"""Checks of the saved configuration: a server applies a sigmoid to each label, as in the training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.heads.traits import LABEL_SETS
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "serving.problem_type",
    cost="run",
    needs=(LABEL_SETS,),
    catches="a problem_type that is lost when the model is saved: pipeline() then applies a softmax to independent "
    "labels",
    hint="set model.config.problem_type = 'multi_label_classification' before the model is saved, and do not edit or "
    "replace config.json afterwards.",
)
def problem_type(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The saved configuration is that of rows with any number of labels, so that `pipeline` applies a sigmoid.

    Assumes: the folder is loaded by `transformers.pipeline`, which reads ``problem_type`` of the configuration.

    Unusual but healthy: a model without ``problem_type``, because the user's own code computes the loss, only warns:
    a server must pass ``function_to_apply="sigmoid"``.

    False alarms: none by chance. Two settings are compared.
    """
    del thresholds
    file = evidence.run.model_folder / "config.json"
    if not file.is_file():
        msg = "the saved folder has no config.json"
        raise NotApplicable(msg)
    saved = json.loads(file.read_text(encoding="utf-8")).get("problem_type")
    config: Any = unwrapped(evidence.fresh_model).config
    right, trained = evidence.pipeline.card.head_rules.model.problem_type, getattr(config, "problem_type", None)
    if saved == right:
        return []
    expected, observed = f"problem_type = {right!r} in the saved config.json", f"problem_type = {saved!r}"
    if saved is None and trained is None:
        expected += ", without which pipeline() applies a softmax (one that is lost at saving fails)"
        return [warning(expected, observed, share=1.0)]
    return [finding(expected, f"{observed}; the model was made with {trained!r}")]
