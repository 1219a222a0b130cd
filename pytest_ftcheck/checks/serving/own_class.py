"""Loads the saved folder by a model class of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.model.logits import logits_of_rows
from pytest_ftcheck.checks.serving.fresh import ROWS, spread
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence

_NAMED = 4


class NotLoaded(Exception):  # noqa: N818 - no error of ours: what loading by the class leaves behind
    """The class loads a model from the folder, but the model cannot compute."""

    def __init__(self, how: str, why: str) -> None:
        super().__init__(why)
        self.how = how


def load_by_own_class(evidence: Evidence) -> tuple[str, list[int], NDArray[np.float64], str]:
    """Load the folder in this process by the class's own ``from_pretrained``, and evaluate B rows again.

    Returns:
        The called function; the rows ``[B]``; their logits ``[B, K]``; names of weights that folder or class lack.

    Raises:
        NotApplicable: the class has no ``from_pretrained``, or it needs more than the folder.
        NotLoaded: the loaded model cannot compute.

    """
    kind: Any = type(evidence.fresh_model)
    how = f"{kind.__name__}.from_pretrained"
    if not issubclass(kind, PreTrainedModel):
        msg = f"the model is a {kind.__name__}, which has no from_pretrained"
        raise NotApplicable(msg)
    try:
        with quiet_libraries():
            model, info = kind.from_pretrained(
                evidence.run.model_folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except (TypeError, ValueError, OSError, RuntimeError, AttributeError) as error:
        msg = f"{how} needs more than the folder: {error}"
        raise NotApplicable(msg) from error
    rows = spread(len(evidence.pipeline.eval_dataset), ROWS)
    lost = sorted({*info["missing_keys"], *info["unexpected_keys"]})
    try:
        model = model.to(evidence.environment["device"]).eval()
        logits = logits_of_rows(evidence, model, evidence.features(evidence.pipeline.eval_dataset, rows))
    except (RuntimeError, NotImplementedError) as error:  # of weights without values: on the device meta
        raise NotLoaded(how, text_of(error)) from error
    return how, rows, logits.double().cpu().numpy(), ", ".join(lost[:_NAMED]) + (" …" if len(lost) > _NAMED else "")
