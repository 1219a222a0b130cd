"""Models that are defined by a configuration in this module, with random weights, without a download."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import BertConfig, BertForSequenceClassification

from pytest_ftcheck.errors import SettingsError, unknown
from pytest_ftcheck.pipeline.from_checkpoint import Checkpoint
from pytest_ftcheck.settings import SHAPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.settings import ShapeName

_VOCABULARY: Mapping[str, Any] = {"vocab_size": 30522, "type_vocab_size": 2, "max_position_embeddings": 512}

_SIZES: Mapping[ShapeName, Mapping[str, Any]] = {
    "bert-tiny": {"num_hidden_layers": 2, "hidden_size": 128, "num_attention_heads": 2, "intermediate_size": 512},
    "minilm-l6": {"num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536},
    "bert-base-uncased": {
        "num_hidden_layers": 12,
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    },
    "bert-large-uncased": {
        "num_hidden_layers": 24,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    },
}
"""Layers and sizes of the published checkpoints, all with BERT's vocabulary of 30522."""


@dataclass(frozen=True)
class ShapedModel:
    """A ``model_init`` that needs no checkpoint."""

    name: ShapeName
    num_labels: int
    problem_type: str | None

    def __call__(self) -> PreTrainedModel:
        """Make a model with random weights; the caller sets the seed."""
        labels: dict[str, Any] = {"num_labels": self.num_labels, "problem_type": self.problem_type}
        return BertForSequenceClassification(BertConfig(**_VOCABULARY, **_SIZES[self.name], **labels))


def with_shape(pipeline: Pipeline, name: str) -> Pipeline:
    """Replace the pipeline's model by one of this shape; rows and tokenizer stay.

    Raises:
        SettingsError: unknown shape, or a user's Trainer makes its own model.

    """
    if name not in SHAPES:
        raise SettingsError(unknown("shape", name, SHAPES))
    if not pipeline.source.loads_model:
        msg = f"shape {name!r}: task {pipeline.card.name!r} trains the model of {pipeline.source.spec}. Leave one out."
        raise SettingsError(msg)
    problem = pipeline.card.head_rules.model.problem_type
    make = ShapedModel(cast("ShapeName", name), pipeline.card.num_labels, problem)
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in make().parameters())
    checkpoint = Checkpoint(f"shape:{name}", None, parameters)
    return replace(pipeline, model_init=make, checkpoint=checkpoint)
