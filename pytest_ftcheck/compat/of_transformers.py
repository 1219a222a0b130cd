"""Private names of transformers."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import TrainingArguments

LOADS_BEST_MODEL = "transformers:Trainer._load_best_model"
"""Method with which a Trainer loads the best checkpoint at the end of training."""
LOADS_RANDOM_STATE = "transformers:Trainer._load_rng_state"
"""Method with which a resumed Trainer restores the states of the random number generators."""


def use_one_device(arguments: TrainingArguments) -> None:
    """Make a Trainer use one GPU: with several it would use DataParallel."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # noqa: SLF001 - there is no public way


def set_backend(tokenizer: Any, backend: Any) -> None:
    """Replace the `tokenizers.Tokenizer` of a fast tokenizer."""
    tokenizer._tokenizer = backend  # noqa: SLF001 - there is no public way


FORMER_HOOKS = frozenset(
    {
        "prediction_loop",
        "_rotate_checkpoints",
        "_sorted_checkpoints",
        "create_optimizer_and_scheduler",
        "_training_step",
    }
)
"""Methods of a Trainer that older releases called, and that users override."""


@cache
def trainer_calls(name: str) -> bool:
    """Whether the Trainer of this release calls or passes a method anywhere in its module."""
    from transformers import trainer  # noqa: PLC0415 - slow to import

    return re.search(rf"(self|super\(\))\.{re.escape(name)}\b", inspect.getsource(trainer)) is not None
