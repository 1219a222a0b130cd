"""Converts raw rows to model inputs: one text or a pair of texts a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from transformers import BatchEncoding, PreTrainedTokenizerBase

_MOST = 2


class TextInputs:
    """See `InputRules`: the tokenizer gets the texts unchanged."""

    recipe_keys: tuple[str, ...] = ()
    column = "a string"

    def refusal(self, columns: Sequence[str]) -> str:
        """Require one segment or a pair of segments."""
        enough = 1 <= len(columns) <= _MOST
        return "" if enough else f"text_columns must be one or two column names, not {list(columns)!r}"

    def holds(self, column: str, columns: Sequence[str], kind: pa.DataType) -> bool:
        """Accept only texts."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        del column, columns
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize the texts, both segments of a pair together."""
        encoded: BatchEncoding = tokenizer(*map(list, columns.values()), verbose=False, **options)
        return encoded

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Tokenize the texts; labels stay unchanged."""
        del options
        made = self.tokens(tokenizer, columns, truncation=True, max_length=max_length)
        return {**made, "labels": list(labels)}

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[dict[str, Any]]], Any]:
        """Pad the tokenizer's columns to the longest row of the batch."""
        from transformers import DataCollatorWithPadding  # noqa: PLC0415 - slow to import

        return DataCollatorWithPadding(tokenizer)
