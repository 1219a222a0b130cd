"""How a question and its context become windows: rows of at most ``max_length`` tokens that overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.answers import QUESTION
from pytest_ftcheck.heads.inputs import TextInputs
from pytest_ftcheck.heads.offsets import OFFSETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from transformers import BatchEncoding, PreTrainedTokenizerBase

_PAIR = 2
_SHARE = 4
"""Without ``doc_stride``, windows share a quarter of their tokens."""
_LONGEST = 384
"""Tokens of a window without ``max_length``, as run_qa.py of transformers has it."""


class WindowInputs(TextInputs):
    """See `InputRules`: a column of questions, and one of contexts."""

    recipe_keys: tuple[str, ...] = ("doc_stride",)

    def refusal(self, columns: Sequence[str]) -> str:
        """Take a question and a context."""
        message = f"text_columns must be the column of questions and that of contexts, not {list(columns)!r}"
        return "" if len(columns) == _PAIR else message

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize questions with their contexts; if a row is too long, its context is truncated."""
        if options.get("truncation") is True:
            options["truncation"] = "only_second"
        return super().tokens(tokenizer, columns, **options)

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Cut contexts into windows, all of the same length, and find the answers in them.

        In a window that does not hold the whole answer, first and last token are the first one of the row.

        Returns:
            Columns of as many values as there are windows: the tokenizer's, ``start_positions``, ``end_positions``,
            `QUESTION` and `OFFSETS`.

        Raises:
            DataError: a tokenizer that does not tell which characters a token is of, a question that leaves no room for
                its context, windows that share more than they hold.

        """
        questions, _ = columns.values()
        call_options = self.call_options(tokenizer, list(questions), max_length, options.get("doc_stride"))
        encoded = self.tokens(tokenizer, columns, **call_options)
        rows = encoded.pop("overflow_to_sample_mapping")
        offsets = [of_context(encoded.sequence_ids(window), each) for window, each in enumerate(encoded[OFFSETS])]
        found = [positions(labels[row], each) for row, each in zip(rows, offsets, strict=True)]
        return {
            **encoded,
            OFFSETS: offsets,
            QUESTION: rows,
            "start_positions": [first for first, _ in found],
            "end_positions": [last for _, last in found],
        }

    def call_options(
        self,
        tokenizer: PreTrainedTokenizerBase,
        questions: Sequence[str],
        max_length: int | None,
        doc_stride: int | None,
    ) -> dict[str, Any]:
        """Return the arguments of the tokenizer's call that cut contexts into windows.

        Args:
            tokenizer: of the checkpoint.
            questions: all that the contexts are tokenized with.
            max_length: tokens of a window; None: 384, or the tokenizer's limit.
            doc_stride: tokens that two windows share; None: a quarter of a window.

        Raises:
            DataError: see `encode`.

        """
        if not tokenizer.is_fast:
            msg = f"{type(tokenizer).__name__} does not tell which characters a token is of: take a fast tokenizer."
            raise DataError(msg)
        longest = min(max_length or _LONGEST, int(min(tokenizer.model_max_length, 10**6)))
        shared = longest // _SHARE if doc_stride is None else doc_stride
        alone = tokenizer(list(questions), add_special_tokens=False, verbose=False)["input_ids"]
        question = max(map(len, alone), default=0)
        room = longest - question - tokenizer.num_special_tokens_to_add(pair=True)
        if not 0 <= shared < room:
            msg = (
                f"doc_stride = {shared}: windows of max_length = {longest} tokens have room for {max(room, 0)} of the "
                f"context beside a question of {question}, and share fewer. Lower doc_stride, or raise max_length."
            )
            raise DataError(msg)
        return {
            "truncation": "only_second",
            "max_length": longest,
            "stride": shared,
            "return_overflowing_tokens": True,
            "return_offsets_mapping": True,
            "padding": "max_length",
        }


def of_context(segments: Sequence[int | None], offsets: Sequence[tuple[int, int]]) -> list[list[int] | None]:
    """Return the offsets of the tokens of a context, None for those of the question and the special ones.

    Args:
        segments: ``[T]``, of a fast tokenizer's ``sequence_ids``.
        offsets: ``[T]``, first character and end.

    """
    return [list(offset) if segment == 1 else None for segment, offset in zip(segments, offsets, strict=True)]


def positions(answers: Any, offsets: Sequence[Sequence[int] | None]) -> tuple[int, int]:
    """Return the first and the last token of the first answer; (0, 0) where the window does not hold all of it.

    Args:
        answers: ``text`` and ``answer_start`` of a question.
        offsets: see `of_context`.

    """
    if not answers["text"]:
        return 0, 0
    begin = answers["answer_start"][0]
    end = begin + len(answers["text"][0])
    known = [(token, offset) for token, offset in enumerate(offsets) if offset is not None]
    if not known or known[0][1][0] > begin or known[-1][1][1] < end:
        return 0, 0
    inside = [token for token, (first, last) in known if first < end and last > begin]
    return (inside[0], inside[-1]) if inside else (0, 0)
