"""Private names of transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import TrainingArguments

LOADS_BEST_MODEL = "transformers:Trainer._load_best_model"
"""Where a Trainer loads the best checkpoint at the end of training."""
LOADS_RANDOM_STATE = "transformers:Trainer._load_rng_state"
"""Where a Trainer that resumes restores the states of the random number generators."""


def use_one_device(arguments: TrainingArguments) -> None:
    """Keep a Trainer to one GPU: with several it would use DataParallel."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # noqa: SLF001 - there is no public way


def set_backend(tokenizer: Any, backend: Any) -> None:
    """Give a fast tokenizer another `tokenizers.Tokenizer`."""
    tokenizer._tokenizer = backend  # noqa: SLF001 - there is no public way
