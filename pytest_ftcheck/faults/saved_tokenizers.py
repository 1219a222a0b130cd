"""Faults of the tokenizer that is saved with the model."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import tokenizer_of
from pytest_ftcheck.faults.saving import with_tokenizer_saved
from pytest_ftcheck.heads.traits import MASKED_TOKENS

if TYPE_CHECKING:
    from pytest_ftcheck.pipeline.parts import Pipeline


@fault(
    caught_by=("serving.long_text",),
    seen_in_practice="A tokenizer is built from a vocabulary, or converted, and the length that the script cuts at "
    "is written only in the script.",
)
def longest_text_unknown(pipeline: Pipeline) -> Pipeline:
    """The tokenizer does not know how many tokens the model takes."""
    tokenizer: Any = copy.deepcopy(tokenizer_of(pipeline))
    tokenizer.model_max_length = 10**30  # transformers writes this number if the length is unknown
    return replace(pipeline, processing_class=tokenizer)


@fault(
    caught_by=("serving.tokenizer", "serving.pipeline"),
    seen_in_practice="model.save_pretrained(folder) alone, or a Trainer without processing_class.",
)
def tokenizer_not_saved(pipeline: Pipeline) -> Pipeline:
    """The tokenizer is not saved with the model."""
    tokenizer_of(pipeline)
    return with_tokenizer_saved(pipeline, _nothing)


def _nothing(original: Any, owner: Any, folder: Any) -> tuple[str, ...]:
    del original, owner, folder
    return ()


@fault(
    caught_by=("serving.tokenizer",),
    seen_in_practice="A truncation to a few tokens that was meant for one script is set on the tokenizer and saved "
    "with it.",
)
def tokenizer_saved_with_other_settings(pipeline: Pipeline) -> Pipeline:
    """The saved tokenizer keeps 8 tokens of every text."""
    tokenizer_of(pipeline)
    return with_tokenizer_saved(pipeline, _short_tokenizer)


def _short_tokenizer(original: Any, tokenizer: Any, folder: Any) -> Any:
    other = copy.deepcopy(tokenizer)
    other.model_max_length = 8
    return original(other, folder)


@fault(
    needs=(MASKED_TOKENS,),
    caught_by=("serving.fill_mask",),
    seen_in_practice="A tokenizer is built anew for serving, with special tokens named by hand: the mask token of "
    "another model, or that for unknown words.",
)
def saved_with_another_mask_token(pipeline: Pipeline) -> Pipeline:
    """The tokenizer in the folder has another mask token than that of the training."""
    tokenizer_of(pipeline)
    return with_tokenizer_saved(pipeline, _other_mask)


def _other_mask(original: Any, tokenizer: Any, folder: Any) -> Any:
    other = copy.deepcopy(tokenizer)
    other.mask_token = other.unk_token
    return original(other, folder)
