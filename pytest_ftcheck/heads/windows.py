"""Splits a question and its context into windows: overlapping rows of at most ``max_length`` tokens."""

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
"""Without ``doc_stride``, neighbouring windows share a quarter of their tokens."""
_LONGEST = 384
"""Number of tokens of a window without ``max_length``, as in run_qa.py of transformers."""


class WindowInputs(TextInputs):
    """See `InputRules`: a column of questions and a column of contexts."""

    recipe_keys: tuple[str, ...] = ("doc_stride",)

    def refusal(self, columns: Sequence[str]) -> str:
        """Require a column of questions and a column of contexts."""
        message = f"text_columns must be a column of questions and a column of contexts, not {list(columns)!r}"
        return "" if len(columns) == _PAIR else message

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize questions with their contexts; truncate the contexts of rows that are too long."""
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

        In a window without the whole answer, the positions of first and last token are 0.

        Returns:
            Columns with one value for each window: the tokenizer's, ``start_positions``, ``end_positions``, `QUESTION`
            and `OFFSETS`.

        Raises:
            DataError: the tokenizer does not return the characters of a token, a question leaves no room for its
                context, or windows share more tokens than they contain.

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
        """Return the arguments of the tokenizer's call for windows.

        Args:
            tokenizer: the checkpoint's tokenizer.
            questions: all questions.
            max_length: number of tokens of a window; None: 384, or the tokenizer's limit.
            doc_stride: number of tokens that two windows share; None: a quarter of a window.

        Raises:
            DataError: see `encode`.

        """
        if not tokenizer.is_fast:
            msg = f"{type(tokenizer).__name__} does not return the characters of a token: use a fast tokenizer."
            raise DataError(msg)
        longest = min(max_length or _LONGEST, int(min(tokenizer.model_max_length, 10**6)))
        shared = longest // _SHARE if doc_stride is None else doc_stride
        alone = tokenizer(list(questions), add_special_tokens=False, verbose=False)["input_ids"]
        question = max(map(len, alone), default=0)
        room = longest - question - tokenizer.num_special_tokens_to_add(pair=True)
        if not 0 <= shared < room:
            msg = (
                f"doc_stride = {shared}: in a window of max_length = {longest} tokens, a question of {question} tokens "
                f"leaves room for {max(room, 0)} tokens of the context; expected a doc_stride of at least 0 and less "
                "than that. Change doc_stride, or raise max_length."
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
    """Return the offsets of the tokens of a context, None for tokens of the question and special tokens.

    Args:
        segments: ``[T]``, of a fast tokenizer's ``sequence_ids``.
        offsets: ``[T]``, first character and end.

    """
    return [list(offset) if segment == 1 else None for segment, offset in zip(segments, offsets, strict=True)]


def positions(answers: Any, offsets: Sequence[Sequence[int] | None]) -> tuple[int, int]:
    """Return the first and the last token of the first answer; (0, 0) if the window does not contain all of it.

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
