"""Parts of a head that know its data: what a card says, how rows become features, what a label is.

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
        """Say what is wrong with a card's ``label_names`` and ``slices``; an empty text where nothing is."""

    def width(self, label_names: Sequence[str]) -> int:
        """Return K."""


class InputRules(Protocol):
    """Converts raw rows to model inputs; `pytest_ftcheck.heads.inputs.TextInputs` is one."""

    @property
    def recipe_keys(self) -> tuple[str, ...]:
        """Which keys of a recipe `encode` takes by name, beside ``max_length``."""

    @property
    def column(self) -> str:
        """What a cell of a text column holds, in messages: ``a text``."""

    def refusal(self, columns: Sequence[str]) -> str:
        """Say what is wrong with a card's ``text_columns``; an empty text where nothing is."""

    def holds(self, column: str, columns: Sequence[str], kind: pa.DataType) -> bool:
        """Tell whether one of the text columns may be of an Arrow type."""

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize rows as `encode` does, without their labels.

        Args:
            tokenizer: of the checkpoint.
            columns: the text columns by name, in the card's order, N values each.
            options: of the tokenizer's call, such as ``truncation``.

        """

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Tokenize rows; nothing is padded yet.

        Args:
            tokenizer: of the checkpoint.
            columns: the text columns by name, in the card's order, N values each.
            labels: N encoded labels.
            max_length: longer rows are truncated to so many tokens; None: to the tokenizer's own limit.
            options: what the recipe says of `recipe_keys`.

        Returns:
            Columns of N values each by name, among them those of the labels; where the head has `Head.answers`, of as
            many values as the rows become.

        """

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[dict[str, Any]]], Any]:
        """Make what pads encoded rows to a batch."""


class LabelRules(Protocol):
    """What a label is."""

    def arrow_type(self) -> pa.DataType:
        """Return the type of the label column."""

    def encode(self, value: Any, label_names: Sequence[str], where: str) -> Any:
        """Turn a stored label into what the model learns.

        Args:
            value: as the data has it; the id where it is a name of a `datasets.ClassLabel`.
            label_names: of the card.
            where: split and row, for messages.

        Raises:
            DataError: it is not a label of this head.

        """

    def expected(self, num_labels: int) -> str:
        """Say in words which labels a model of K outputs takes."""

    def fits(self, label: Any, num_labels: int) -> bool:
        """Tell whether an encoded label is one that a model of K outputs takes."""

    def dtypes(self, *, own_loss: bool) -> tuple[str, ...]:
        """Return the names of the torch dtypes that labels of a batch may have, the best one first.

        Args:
            own_loss: the user computes the loss, which may take labels of more types.

        """

    def stacked(self, labels: Sequence[Any]) -> NDArray[Any]:
        """Return N encoded labels as one array, ``[N, …]``, as an evaluation hands them over."""

    def kept_dtype(self) -> str:
        """Return the name of the numpy dtype in which a baseline keeps label ids."""

    def choices(self, known: Sequence[Any], num_labels: int) -> Sequence[Any]:
        """Return labels for generated batches, the simplest one first.

        Args:
            known: labels of real rows, maybe none.
            num_labels: K, at least 1.

        """

    def made_up(self, row: int, num_labels: int) -> Any:
        """Return a label for row number ``row`` of a batch that is made up: other rows have other labels."""


class SingleTexts(Protocol):
    """Rows of several texts taken apart into rows of one text, or of one pair."""

    @property
    def head(self) -> str:
        """Name of the head of such a row."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Of such a row."""

    def text_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Name the text columns of such rows, for those of a card."""

    def orders(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Yield the ways in which text columns of a user's rows may be those of a card, the likeliest first."""

    def rows(self, table: pa.Table, columns: Sequence[str], labels: str) -> pa.Table:
        """Take the rows of a table apart, each into as many as it has texts, in order.

        Args:
            table: raw rows, tokenized ones, or both.
            columns: the text columns of the card.
            labels: name of the label column.

        """

    def collator(self, collator: Callable[[list[dict[str, Any]]], Any], choices: int) -> Any:
        """Make a collator of such rows of one of rows with so many texts."""
