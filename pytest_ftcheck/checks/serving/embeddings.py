"""What whoever takes embeddings from the saved folder gets: the encoder that the model was evaluated with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import PreTrainedModel

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding, warning
from pytest_ftcheck.checks.model.logits import is_public, model_inputs, token_batch, trained_model
from pytest_ftcheck.checks.serving.fresh import affordable_rows, request_answer, whereabouts
from pytest_ftcheck.checks.serving.fresh_script import LOGITS
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_NAMED = 3
_MATRIX = 2


@check(
    "serving.embeddings",
    cost="run",
    thresholds={"rows": 8},
    tolerance={"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2},
    catches="a folder from which AutoModel and pipeline('feature-extraction') take another encoder than the evaluated "
    "one: a second one that was never trained, or one of random numbers",
    hint="keep the encoder, and only this one, under the name that base_model_prefix of the model's class says, or "
    "save it in a folder of its own: model.encoder.save_pretrained(folder).",
)
def embeddings(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """`AutoModel` makes the hidden states of the evaluated model's encoder from the saved folder.

    The folder is loaded in a fresh process as ``pipeline("feature-extraction")`` loads it, without the head. ``rows``
    evaluated rows go through both encoders; ``tolerance`` is absolute, relative for hidden states above 1.
    `serving.reload` does not see this, because it loads the head as well, and a class of the user's own by that class.

    Assumes: the encoder is a model of transformers inside of the model, and the model runs it. Of several that run,
    any may be the one that is found.

    Unusual but healthy: a class of one's own whose encoder has a name that AutoModel does not look for is a warning,
    because AutoModel warns as well, and its owner serves it by the class itself.

    False alarms: none by chance.
    """
    model = trained_model(evidence)
    rows = affordable_rows(evidence, int(thresholds["rows"]))
    batch = token_batch(evidence, evidence.features(evidence.pipeline.eval_dataset, rows))
    encoders = _running_encoders(model, batch)
    batch = _flat(batch)
    inputs = {name: value.cpu().numpy() for name, value in batch.items() if isinstance(value, torch.Tensor)}
    request = {**whereabouts(evidence), "auto_class": "AutoModel", "tokenizer": False, "pipeline": None, "texts": []}
    answer, arrays = request_answer(request, inputs, evidence.pipeline.timeout)
    if LOGITS not in arrays:
        error = answer["errors"].get("model", "no hidden states")
        return _judged(evidence, "a folder that AutoModel loads", f"it does not load: {error}", lost=True)
    states = arrays[LOGITS]["logits"]
    worst = {name: _distance(encoder, batch, states) for name, encoder in encoders.items()}
    nearest = min(worst, key=lambda name: worst[name])
    if worst[nearest] <= thresholds["tolerance"]:
        return []
    lost = answer["model"]["missing"]
    expected = f"the hidden states of {nearest}, within {thresholds['tolerance']:g}, from AutoModel over the folder"
    observed = f"they differ by up to {worst[nearest]:.2g}"
    if lost:
        observed += f"; {len(lost)} weights are drawn at random, because the folder has none of their names: "
        observed += ", ".join(lost[:_NAMED]) + (" …" if len(lost) > _NAMED else "")
    else:
        observed += "; AutoModel finds all its weights, and they are those of another encoder"
    return _judged(evidence, expected, observed, lost=bool(lost))


def _judged(evidence: Evidence, expected: str, observed: str, *, lost: bool) -> list[Finding]:
    """Warn where AutoModel itself warns of a class that it does not know."""
    if lost and not is_public(unwrapped(evidence.fresh_model)):
        name = type(unwrapped(evidence.fresh_model)).__name__
        expected += f" (the model is a {name}, which AutoModel does not know; all weights found, and other ones, fail)"
        return [warning(expected, observed, share=1.0)]
    return [finding(expected, observed)]


def _flat(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return texts as rows: of ``[B, C, T]``, ``[B * C, T]``."""
    return {
        name: value.flatten(0, -_MATRIX) if isinstance(value, torch.Tensor) and value.dim() > _MATRIX else value
        for name, value in batch.items()
    }


@torch.no_grad()
def _running_encoders(model: Any, batch: Mapping[str, Any]) -> dict[str, PreTrainedModel]:
    """Return the outermost models of transformers inside of a model that run in its forward pass, by name.

    Raises:
        NotApplicable: there is none.

    """
    ran: dict[str, PreTrainedModel] = {}
    inner = [(name, part) for name, part in model.named_modules() if name and isinstance(part, PreTrainedModel)]
    hooks = [part.register_forward_hook(partial(_note, ran, name)) for name, part in inner]
    try:
        model(**model_inputs(model, _on_device(model, batch)))
    finally:
        for hook in hooks:
            hook.remove()
    outermost = {name: part for name, part in ran.items() if not any(name.startswith(f"{other}.") for other in ran)}
    if not outermost:
        msg = "no model of transformers inside of the model runs: there is no encoder to compare"
        raise NotApplicable(msg)
    return outermost


def _note(ran: dict[str, PreTrainedModel], name: str, part: Any, _inputs: Any, _output: Any) -> None:
    ran[name] = part


def _on_device(model: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    device = next(model.parameters()).device
    return {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in batch.items()}


@torch.no_grad()
def _distance(encoder: PreTrainedModel, batch: Mapping[str, Any], states: NDArray[Any]) -> float:
    """Return the largest difference of hidden states ``[B, T, H]`` of real tokens; infinite for another shape."""
    output: Any = encoder(**model_inputs(encoder, _on_device(encoder, batch)))
    expected: Tensor | None = getattr(output, "last_hidden_state", None)
    if expected is None or tuple(expected.shape) != states.shape:
        return float("inf")
    ours = expected.double().cpu().numpy()
    mask = batch.get("attention_mask")
    real = np.ones(ours.shape[:2], bool) if mask is None or mask.dim() != _MATRIX else mask.cpu().numpy() > 0
    worst = float(np.abs(states - ours)[real].max())
    # A NaN is no small difference.
    return worst / max(1.0, float(np.abs(ours[real]).max())) if np.isfinite(worst) else float("inf")
