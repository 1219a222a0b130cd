"""Plants faults where a folder is saved that a server loads.

Planted into `save_pretrained`, which both engines and users call; checkpoints of a running training are left alone.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.faults.planting import with_patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

    Save = Callable[[Any, Any, Any], Any]
    """Gets the original function, the model or the tokenizer, and the folder."""

_MODEL = "transformers:PreTrainedModel.save_pretrained"
_TOKENIZER = "transformers:PreTrainedTokenizerBase.save_pretrained"


def with_model_saved(pipeline: Pipeline, instead: Save) -> Pipeline:
    """Return the pipeline with its model saved by another function."""
    return with_patch(pipeline, partial(_finally, instead=instead), _MODEL)


def with_tokenizer_saved(pipeline: Pipeline, instead: Save) -> Pipeline:
    """Return the pipeline with its tokenizer saved by another function."""
    return with_patch(pipeline, partial(_finally, instead=instead), _TOKENIZER)


def _is_checkpoint(folder: Any) -> bool:
    return re.fullmatch(r"checkpoint-\d+", Path(folder).name) is not None


def _finally(original: Any, owner: Any, save_directory: Any, *args: Any, instead: Save, **kwargs: Any) -> Any:
    """Replace the last save by another function; save checkpoints as usual."""
    if _is_checkpoint(save_directory):
        return original(owner, save_directory, *args, **kwargs)
    return instead(original, owner, save_directory)
