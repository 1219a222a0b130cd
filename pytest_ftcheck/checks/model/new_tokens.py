"""Checks of tokens that the checkpoint does not know: their embeddings are trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, finding
from pytest_ftcheck.checks.data.presence import content_of, word
from pytest_ftcheck.checks.data.splits import share, splits
from pytest_ftcheck.pipeline.checkpoint_files import weight_shapes
from pytest_ftcheck.pipeline.forward import token_embeddings, unwrapped

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_ROWS = 1000
_SHOWN = 4


@check(
    "model.new_tokens",
    cost="free",
    thresholds={"rows": 0.01},
    catches="tokens that were added to the vocabulary while the embeddings are frozen: they are never trained",
    hint="train the embeddings; with adapters, name them in modules_to_save, or the tokens in trainable_token_indices.",
)
def new_tokens(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Embeddings of tokens that the checkpoint does not have are trained, where rows hold such tokens.

    Assumes: the checkpoint's files are available, and show how many tokens the checkpoint knows.

    Unusual but healthy: frozen embeddings without new tokens, new tokens that no row contains, and adapters that train
    some tokens pass. Without the files, the check is skipped.

    False alarms: none by chance.
    """
    evidence.require_training()
    model: Any = unwrapped(evidence.fresh_model)
    embedding = token_embeddings(model)
    if embedding is None:
        msg = "the model has no get_input_embeddings() that returns a matrix"
        raise NotApplicable(msg)
    known = _known(embedding, model, evidence.pipeline.checkpoint.folder)
    if any(parameter.requires_grad for parameter in embedding.parameters()):
        return []
    rows = content_of(evidence, splits(evidence)[0], _ROWS)
    new = [{token for token in row if token >= known} for row in rows]
    having = sum(map(bool, new))
    if having <= thresholds["rows"] * len(rows):
        return []
    tokens = sorted(set().union(*new))
    words = ", ".join(word(evidence, token) for token in tokens[:_SHOWN])
    more = f" and {len(tokens) - _SHOWN} more" if len(tokens) > _SHOWN else ""
    return [
        finding(
            f"trained embeddings for the new tokens (ids from {known} on, which the checkpoint does not have)",
            f"the embeddings are frozen, and {share(having, len(rows))} train rows contain new tokens: {words}{more}",
        )
    ]


def _known(embedding: nn.Module, model: nn.Module, folder: Path | None) -> int:
    """Return how many tokens the checkpoint has embeddings for.

    Raises:
        NotApplicable: the checkpoint's files do not show the number.

    """
    own = {id(parameter) for parameter in embedding.parameters()}
    names = [name for name, parameter in model.named_parameters() if id(parameter) in own]
    if folder is not None and names:
        end = names[0].removeprefix(f"{getattr(model, 'base_model_prefix', '')}.")
        for name, shape in weight_shapes(folder).items():
            if name.endswith(end) and shape:
                return shape[0]
    msg = "no file of the checkpoint shows how many tokens it knows"
    raise NotApplicable(msg)
