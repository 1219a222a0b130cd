"""Compares tokenized rows with the tokens that the tokenizer now makes from their raw texts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.checks.data.splits import SAMPLE, Split, require_column
from pytest_ftcheck.columns import joined_ids, walk
from pytest_ftcheck.heads.traits import LABEL_PER_TOKEN
from pytest_ftcheck.pipeline.forward import forward_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.checks.evidence import Evidence


@dataclass(frozen=True)
class Encoded:
    """Some rows of a split, tokenized again. Shapes: R rows, S segments; token ids are ragged."""

    split: Split
    indices: tuple[int, ...]
    """``[R]``: indices of the rows in the split."""
    texts: tuple[tuple[str, ...], ...]
    """``[R, S]``."""
    rows: tuple[list[int], ...]
    """``[R]``: the token ids that the data set holds, without padding."""
    special: frozenset[int]
    """Ids of special tokens, which are not text."""
    tokenizer: Any
    in_words: bool = False
    """The texts are words, and tokenized one by one."""

    @cached_property
    def whole(self) -> tuple[list[int], ...]:
        """``[R]``: tokens of all segments together, without truncation."""
        return tuple(self._token_ids(*map(list, zip(*self.texts, strict=True))))

    @cached_property
    def alone(self) -> tuple[tuple[list[int], ...], ...]:
        """``[R, S]``: tokens of each segment, without special tokens."""
        segments = zip(*self.texts, strict=True)
        made = [self._token_ids(list(texts), add_special_tokens=False) for texts in segments]
        return tuple(zip(*made, strict=True))

    @cached_property
    def joined(self) -> tuple[tuple[list[int], ...], ...]:
        """``[R, 2]``: tokens of all segments as one string, joined with and without a space; no special tokens."""
        strings = [[separator.join(row) for row in self.texts] for separator in (" ", "")]
        made = [self._token_ids(texts, add_special_tokens=False) for texts in strings]
        return tuple(zip(*made, strict=True))

    def _token_ids(self, *texts: list[str], **options: Any) -> list[list[int]]:
        """Tokenize; ``verbose=False`` suppresses warnings about rows that are longer than the model takes."""
        given: list[Any] = [[text.split(" ") for text in column] if self.in_words else column for column in texts]
        options |= {"is_split_into_words": True} if self.in_words else {}
        return list(self.tokenizer(*given, truncation=False, padding=False, verbose=False, **options)["input_ids"])

    def content(self, ids: Sequence[int]) -> list[int]:
        """Leave out the special tokens."""
        return [token for token in ids if token not in self.special]

    def runs(self, ids: Sequence[int]) -> list[list[int]]:
        """Cut a row at its special tokens."""
        return cut(ids, self.special)


def encode_again(evidence: Evidence, split: Split, columns: Sequence[str], count: int = SAMPLE) -> Encoded:
    """Tokenize evenly spread rows again, without truncation.

    Args:
        evidence: gives the tokenizer.
        split: the rows.
        columns: S raw text columns.
        count: R, if the split has that many rows.

    Raises:
        NotApplicable: no tokenizer, or no token ids.

    """
    tokenizer, indices = evidence.tokenizer, split.few(count)
    return Encoded(
        split=split,
        indices=tuple(indices),
        texts=tuple(split.texts(columns, indices)),
        rows=tuple(tokens_of(evidence, split, indices)),
        special=special_ids(tokenizer),
        tokenizer=tokenizer,
        in_words=LABEL_PER_TOKEN in evidence.pipeline.card.head_rules.traits,
    )


def special_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Ids of tokens that are not text; the unknown token counts as text."""
    return frozenset(tokenizer.all_special_ids) - {tokenizer.unk_token_id}


def tokens_of(evidence: Evidence, split: Split, indices: Sequence[int]) -> list[list[int]]:
    """Return the token ids that some rows of the data set hold, without padding.

    Args:
        evidence: gives tokenizer and model, which define the padding.
        split: the rows.
        indices: indices of the rows.

    Raises:
        NotApplicable: the rows have no token ids.

    """
    pad, columns = pad_id(evidence), _token_columns(evidence, split)
    return [_real(pad, *row) for row in zip(*(split.values(column, indices) for column in columns), strict=True)]


def _token_columns(evidence: Evidence, split: Split) -> list[str]:
    """Name the columns that are needed to find the padding."""
    require_column(split, "input_ids")
    masked = pad_id(evidence) is None and "attention_mask" in split.rows.column_names
    return ["input_ids", "attention_mask"] if masked else ["input_ids"]


def _real(pad: int | None, ids: list[int], mask: list[int] | None = None) -> list[int]:
    """Remove padding: by its id, else by the mask, if there is one; several texts are joined to one row."""
    ids, mask = joined_ids(ids), None if mask is None else joined_ids(mask)
    if pad is not None:
        return [token for token in ids if token != pad]
    return ids if mask is None else [token for token, real in zip(ids, mask, strict=True) if real]


def pad_id(evidence: Evidence) -> int | None:
    """Return the id that is used only for padding; None if padding shares its id with another special token."""
    tokenizer: Any = evidence.pipeline.processing_class
    if tokenizer is None:
        return getattr(evidence.fresh_model.config, "pad_token_id", None)
    others = [getattr(tokenizer, f"{name}_token_id", None) for name in ("unk", "bos", "eos", "sep", "cls")]
    return None if tokenizer.pad_token_id in others else tokenizer.pad_token_id


def runs_of_tokens(evidence: Evidence, split: Split, indices: Sequence[int]) -> list[list[list[int]]]:
    """Cut some rows at their special tokens: ``[N]`` rows of one run for each segment.

    Raises:
        NotApplicable: the rows have no token ids.

    """
    special = _special(evidence)
    return [cut(row, special) for row in tokens_of(evidence, split, indices)]


def walk_runs(evidence: Evidence, split: Split) -> Iterator[list[list[int]]]:
    """Yield every row, cut at its special tokens, as `runs_of_tokens` does."""
    pad, columns, special = pad_id(evidence), _token_columns(evidence, split), _special(evidence)
    return (cut(_real(pad, *row), special) for row in walk(split.rows, columns))


def _special(evidence: Evidence) -> frozenset[int]:
    tokenizer = evidence.pipeline.processing_class
    return frozenset() if tokenizer is None else special_ids(tokenizer)


def cut(ids: Sequence[int], special: frozenset[int]) -> list[list[int]]:
    """Return the runs of ids between special ones."""
    return [list(run) for is_special, run in groupby(ids, special.__contains__) if not is_special]


def is_subsequence(part: Sequence[int], whole: Sequence[int]) -> bool:
    """Return whether removing some ids from ``whole`` gives ``part``, as truncation at any side does."""
    rest = iter(whole)
    return all(token in rest for token in part)


def is_part(part: Sequence[int], whole: Sequence[int]) -> bool:
    """Return whether ``whole`` contains ``part`` as one run of adjacent ids."""
    return any(list(whole[start : start + len(part)]) == list(part) for start in range(len(whole) - len(part) + 1))


def expects_types(evidence: Evidence, texts: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the tokenizer makes ``token_type_ids`` of several values, and the model uses them."""
    model: Any = evidence.fresh_model
    takes = "token_type_ids" in forward_parameters(model)
    if not takes or getattr(model.config, "type_vocab_size", 2) < 2 or not texts:  # two kinds of segments
        return False
    tokenizer: Any = evidence.tokenizer
    made = tokenizer(*([text] for text in texts[0]), verbose=False).get("token_type_ids")
    return made is not None and len(set(made[0])) > 1
