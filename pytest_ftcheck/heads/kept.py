"""Rules of a head whose logits are too large to be stored: a few numbers of each token replace them."""

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
    """The numbers that an evaluation stores instead of logits: outputs of a run by name, stacked in `Run.logits`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the S outputs of a run."""

    def of_batch(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the stored numbers ``[B, T, S]`` of a batch, for its logits ``[B, T, V]`` and labels ``[B, T]``."""

    def losses(self, kept: NDArray[Any], label_ids: NDArray[Any]) -> NDArray[np.float64]:
        """Return the mean loss of each row, ``[N]``, 0 where it has no label.

        Args:
            kept: ``[N, T, S]``.
            label_ids: ``[N, T]``.

        """


class MaskRules(Protocol):
    """How a collator draws, masks and labels tokens."""

    def fixed(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Return tokenized rows with the labels that every evaluation of them has."""

    def candidates(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
        """Return the labels of rows if all tokens except special tokens were masked, ``[N]`` lists."""

    def steady(self, collator: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return a collator that masks like the given one, but masks the same tokens of a row in every batch."""

    def unmasked(self, collator: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return a collator whose batches have the tokens before masking, and no labels."""
