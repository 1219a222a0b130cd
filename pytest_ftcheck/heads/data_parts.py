"""Parts of a head for its data: rules of a card, conversion of rows to features, and labels.

Shapes: N rows, B rows of a batch, K columns of logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from transformers import BatchEncoding, PreTrainedTokenizerBase


class CardRules(Protocol):
    """Rules for the entries of a task card."""

    def refusal(self, label_names: Sequence[str], slices: Sequence[str]) -> str:
        """Describe an error in a card's ``label_names`` or ``slices``; return an empty string if there is none."""

    def width(self, label_names: Sequence[str]) -> int:
        """Return K."""


class InputRules(Protocol):
    """Converts raw rows to model inputs; `pytest_ftcheck.heads.inputs.TextInputs` is one."""

    @property
    def recipe_keys(self) -> tuple[str, ...]:
        """Keys of a recipe that are keyword arguments of `encode`, in addition to ``max_length``."""

    @property
    def column(self) -> str:
        """The content of a text column's cell, in messages: ``a string``."""

    def refusal(self, columns: Sequence[str]) -> str:
        """Describe an error in a card's ``text_columns``; return an empty string if there is none."""

    def holds(self, column: str, columns: Sequence[str], kind: pa.DataType) -> bool:
        """Return whether a text column may have this Arrow type."""

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize rows as `encode` does, without labels.

        Args:
            tokenizer: the checkpoint's tokenizer.
            columns: the text columns by name, in the card's order, N values each.
            options: arguments of the tokenizer's call, such as ``truncation``.

        """

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Tokenize rows, without padding.

        Args:
            tokenizer: the checkpoint's tokenizer.
            columns: the text columns by name, in the card's order, N values each.
            labels: the N encoded labels.
            max_length: number of tokens to which longer rows are truncated; None: the tokenizer's own limit.
            options: values of the recipe for `recipe_keys`.

        Returns:
            Columns by name, with those of the labels, of N values each; if the head has `Head.answers`, there may be
            more rows than N.

        """

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[dict[str, Any]]], Any]:
        """Make the collator, which pads encoded rows to a batch."""


class LabelRules(Protocol):
    """Rules for labels."""

    def arrow_type(self) -> pa.DataType:
        """Return the type of the label column."""

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> Any:
        """Convert a stored label to the training target.

        Args:
            value: value in the data; for a name of a `datasets.ClassLabel`, its id.
            label_names: the card's label names.
            where: split and row, for messages.

        Raises:
            DataError: the value is not a label of this head.

        """

    def expected(self, num_labels: int) -> str:
        """Describe the valid labels of a model with K outputs."""

    def fits(self, label: Any, num_labels: int) -> bool:
        """Return whether an encoded label is valid for a model with K outputs."""

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Return the names of the torch dtypes that labels of a batch may have, the preferred one first.

        Args:
            own_loss: True if the user computes the loss, which may accept more dtypes.

        """

    def stacked(self, labels: Sequence[Any]) -> NDArray[Any]:
        """Return N encoded labels as one array, ``[N, …]``, as an evaluation returns them."""

    def kept_dtype(self) -> str:
        """Return the name of the NumPy dtype in which a baseline stores label ids."""

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return labels for generated batches, the simplest first.

        Args:
            known: labels of real rows; may be empty.
            num_labels: K, at least 1.

        """

    def made_up(self, row: int, num_labels: int) -> Any:
        """Return a label for row number ``row`` of a generated batch: different rows have different labels."""


class SingleTexts(Protocol):
    """Splits rows of several texts into rows of one text or one pair."""

    @property
    def head(self) -> str:
        """Name of the head of the split rows."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Traits of the split rows."""

    def text_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the text columns of the split rows, for the text columns of a card."""

    def orders(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield possible ``text_columns`` of a card from the columns of a user's rows, the most likely first."""

    def rows(self, table: pa.Table, columns: Sequence[str], labels: str) -> pa.Table:
        """Split each row of a table into one row for each of its texts, in order.

        Args:
            table: raw rows, tokenized ones, or both.
            columns: the text columns of the card.
            labels: name of the label column.

        """

    def collator(self, collator: Callable[[list[dict[str, Any]]], Any], choices: int) -> Any:
        """Make a collator of split rows from a collator of rows with this number of texts."""
