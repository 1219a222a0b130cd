"""Whether a model that shares its embeddings with its last layer, as its configuration says, does so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, check, finding
from pytest_ftcheck.heads.traits import MASKED_TOKENS
from pytest_ftcheck.pipeline.forward import token_embeddings, unwrapped

if TYPE_CHECKING:
    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding


@check(
    "model.tied_embeddings",
    cost="free",
    needs=(MASKED_TOKENS,),
    catches="a last layer that was copied, replaced or resized: it trains apart, and the saved model is "
    "loaded without it",
    hint="call model.tie_weights() after changes of the embeddings, and resize with resize_token_embeddings; or set "
    "tie_word_embeddings=False in the configuration, so that the last layer is saved as well.",
)
def tied_embeddings(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Where ``tie_word_embeddings`` says so, the last layer's weights are the embeddings, and not a copy of them.

    `save_pretrained` and `from_pretrained` go by the configuration: a last layer of its own is lost on the way.

    Assumes: the model names both by ``get_input_embeddings`` and ``get_output_embeddings``.

    Unusual but healthy: models that do not tie them are skipped.

    False alarms: none by chance.
    """
    del thresholds
    model = evidence.fresh_model
    inner: Any = unwrapped(model)
    embeddings, last = token_embeddings(model), getattr(inner, "get_output_embeddings", lambda: None)()
    if not getattr(inner.config, "tie_word_embeddings", False) or embeddings is None or last is None:
        msg = "the model does not tie its last layer to its embeddings"
        raise NotApplicable(msg)
    if last.weight is embeddings.weight:
        return []
    return [finding("the embeddings as weights of the last layer (tie_word_embeddings)", "weights of its own")]
