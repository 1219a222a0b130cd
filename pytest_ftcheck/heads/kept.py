"""What a head says whose logits are too many to be kept: the few numbers of each token that take their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


class KeptRules(Protocol):
    """What an evaluation keeps of a batch's logits. A run has it by name, and `Run.logits` has it side by side."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the S outputs of a run."""

    def of_batch(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return what is kept of the logits ``[B, T, V]`` of a batch, for its labels ``[B, T]``: ``[B, T, S]``."""

    def losses(self, kept: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean loss of each row, ``[N]``, 0 where it has no label.

        Args:
            kept: ``[N, T, S]``.
            label_ids: ``[N, T]``.

        """


class MaskRules(Protocol):
    """How tokens are masked, where a collator draws them and labels with them."""

    def fixed(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Return tokenized rows with the labels that every evaluation of them has."""

    def candidates(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
        """Return what would be the labels of rows, ``[N]`` lists, were all their ordinary tokens masked."""

    def steady(self, collator: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return a collator that masks a row as the given one does, but the same each time, in any batch."""

    def unmasked(self, collator: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return a collator whose batches have the tokens as they were before they were masked, and no labels."""
