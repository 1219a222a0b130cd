"""Generated ragged batches for the collator invariants, and the search for the smallest one that fails."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from hypothesis import HealthCheck, Phase, Verbosity, configuration, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hypothesis.strategies import SearchStrategy

    from pytest_ftcheck.checks.batches import CollatorSubject
    from pytest_ftcheck.findings import Finding

    Features = list[dict[str, Any]]

MOST_ROWS = 8
LONGEST_ROW = 64
# Cells [B x T] of one generated batch: a collator that pads to 8192 gets fewer rows, so that the search stays cheap.
_MOST_CELLS = 4096
# transformers writes "no limit" as a model_max_length of 1e30; above this it does not pad at all.
_NO_LIMIT = 10**20
# Tensor Core friendly blocks that a collator may pad to without saying so.
_USUAL_MULTIPLES = (2, 4, 8, 16, 32, 64, 128)
# Two special tokens around at least one ordinary token.
_ROOM_FOR_SPECIAL_TOKENS = 3


def special_id(tokenizer: Any, name: str) -> int | None:
    """Return the id of `name` (for example ``pad_token``), or None where the tokenizer has no such token."""
    known = getattr(tokenizer, "special_tokens_map", None)
    if known is not None and name not in known:
        return None  # asking for the attribute would log an error
    number = getattr(tokenizer, f"{name}_id", None)
    return None if number is None else int(number)


@dataclass(frozen=True)
class PaddingRule:
    """How wide a collator pads, as far as its attributes tell."""

    declared: bool
    """False for a plain function: it has neither `padding` nor `pad_to_multiple_of`, so its width is a guess."""
    multiple: int | None
    """`pad_to_multiple_of`."""
    fixed: int | None
    """The width of ``padding="max_length"``."""
    known_limits: tuple[int, ...]
    """Fixed widths that an undeclared collator may well pad to."""

    @classmethod
    def of(cls, subject: CollatorSubject) -> PaddingRule:
        """Read the rule from the collator's attributes, or from the keywords of a `functools.partial`."""
        padding = _attribute(subject, "padding")
        padding = getattr(padding, "value", padding)
        multiple = _attribute(subject, "pad_to_multiple_of")
        model_limit = getattr(subject.processing_class, "model_max_length", None)
        asked = [limit for limit in (_attribute(subject, "max_length"), model_limit) if limit and limit < _NO_LIMIT]
        return cls(
            declared=isinstance(padding, (bool, str)) or multiple is not None,
            multiple=int(multiple) if multiple else None,
            fixed=int(asked[0]) if asked and padding == "max_length" else None,
            known_limits=(*(int(limit) for limit in asked), subject.max_length),
        )

    def widths(self, longest: int) -> tuple[int, ...]:
        """Return the widths T that are right for a batch whose longest row has `longest` tokens."""
        if self.declared:
            width = max(longest, self.fixed or 0)
            return (_round_up(width, self.multiple) if self.multiple else width,)
        rounded = (_round_up(longest, multiple) for multiple in _USUAL_MULTIPLES)
        limits = (limit for limit in self.known_limits if limit > longest)
        return tuple(dict.fromkeys((longest, *rounded, *limits)))

    def describe(self, longest: int) -> str:
        """Word the rule for a batch whose longest row has `longest` tokens."""
        width = self.widths(longest)[0]
        reason = f"the longest row has {longest}"
        if self.fixed:
            reason = f"padding='max_length' with {self.fixed}; {reason}"
        if self.multiple:
            reason = f"pad_to_multiple_of={self.multiple}; {reason}"
        return f"T = {width} ({reason})"


def _attribute(subject: CollatorSubject, name: str) -> Any:
    keywords = getattr(subject.data_collator, "keywords", None) or {}
    return getattr(subject.data_collator, name, keywords.get(name))


def _round_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


@dataclass(frozen=True)
class RowMaker:
    """Makes features out of a few numbers: consecutive ordinary ids, with the special tokens at their places."""

    subject: CollatorSubject
    ordinary: tuple[int, ...]
    """Ids of the vocabulary that are neither the pad id nor another special token."""
    first: int | None
    """``[CLS]`` or ``<s>``."""
    last: int | None
    """``[SEP]`` or ``</s>``; for many decoders this is the pad id too, and still a token."""

    @classmethod
    def of(cls, subject: CollatorSubject) -> RowMaker:
        """Sort the vocabulary once, for all the rows."""
        tokenizer = subject.processing_class
        pad = special_id(tokenizer, "pad_token")
        special = {pad, *getattr(tokenizer, "all_special_ids", ())}
        ordinary = tuple(number for number in range(subject.vocab_size) if number not in special)
        if not ordinary:
            ordinary = tuple(number for number in range(subject.vocab_size) if number != pad)
        first, last = (
            next((found for name in names if (found := special_id(tokenizer, name)) is not None), None)
            for names in (("cls_token", "bos_token"), ("sep_token", "eos_token"))
        )
        return cls(subject, ordinary or (0,), first, last)

    def make(self, length: int, start: int, split: int, label: float, width: int | None = None) -> dict[str, Any]:
        """Make one feature of `length` tokens; the second text begins at `split`; padded to `width` beforehand."""
        ids = [self.ordinary[(start + step) % len(self.ordinary)] for step in range(length)]
        if length >= _ROOM_FOR_SPECIAL_TOKENS:
            ids[0] = ids[0] if self.first is None else self.first
            ids[-1] = ids[-1] if self.last is None else self.last
            if self.last is not None and 1 < split < length - 1:
                ids[split - 1] = self.last
        special = {self.first, self.last}
        columns = {
            "input_ids": ids,
            "token_type_ids": [int(step >= split) for step in range(length)],
            "attention_mask": [1] * length,
            "special_tokens_mask": [int(number in special) for number in ids],
        }
        row: dict[str, Any] = {name: columns[name] for name in self.subject.input_names}
        if width is not None and width > length:
            row = {name: self._pad(name, values, width) for name, values in row.items()}
        return {**row, self.subject.label_key: label}

    def _pad(self, name: str, values: list[int], width: int) -> list[int]:
        tokenizer = self.subject.processing_class
        fill = {
            "input_ids": special_id(tokenizer, "pad_token") or 0,
            "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0),
            "attention_mask": 0,
            "special_tokens_mask": 1,
        }
        padding = [fill[name]] * (width - len(values))
        return padding + values if tokenizer.padding_side == "left" else values + padding


def longest_row(subject: CollatorSubject) -> int:
    """Return the most tokens that a generated row may have."""
    return min(LONGEST_ROW, subject.max_length, PaddingRule.of(subject).fixed or LONGEST_ROW)


def affordable_examples(subject: CollatorSubject) -> int:
    """Return how many batches may be generated: 50 and more up to T = 2000, at least 5 beyond."""
    return max(5, 100_000 // (PaddingRule.of(subject).fixed or 1))


def features_of_lengths(subject: CollatorSubject, lengths: Sequence[int]) -> Features:
    """Make one feature of each length, without chance; all of the greatest length where the subject says so."""
    maker = RowMaker.of(subject)
    limit = max(min(max(lengths), subject.max_length, PaddingRule.of(subject).fixed or max(lengths)), 1)
    rows = [limit if subject.fixed_length else min(length, limit) for length in lengths]
    classes = max(subject.num_labels, 1)
    labels = [row / 10 if subject.head == "regression" else row % classes for row in range(len(rows))]
    return [
        maker.make(length, start=7 * row, split=length // 2, label=label)
        for row, (length, label) in enumerate(zip(rows, labels, strict=True))
    ]


def features(subject: CollatorSubject) -> SearchStrategy[Features]:
    """Generate ragged batches: 1 to 8 rows of 1 to 64 tokens, also equal ones and whole multiples."""
    rule, maker, limit = PaddingRule.of(subject), RowMaker.of(subject), longest_row(subject)
    most = max(1, min(MOST_ROWS, _MOST_CELLS // max(rule.fixed or 1, rule.multiple or 1)))
    sizes = st.lists(st.integers(1, limit), min_size=1, max_size=most)
    prepadded = (
        subject.fixed_length
        and "attention_mask" in subject.input_names
        and special_id(subject.processing_class, "pad_token") is not None
    )
    ends = st.sampled_from((0, len(maker.ordinary) - 1))
    starts = st.one_of(ends, st.integers(0, len(maker.ordinary) - 1))
    # Tenths: like real scores (3.8) they have no exact binary form, so half precision on the way shows.
    scores = st.integers(-50, 50).map(lambda tenths: tenths / 10)
    labels: SearchStrategy[float] = scores
    if subject.head != "regression":
        labels = st.integers(0, max(subject.num_labels, 1) - 1)

    @st.composite
    def batch(draw: st.DrawFn) -> Features:
        rows = []
        widths = draw(sizes)
        # Not a strategy of their own: a failure must shrink from equal rows to ragged ones, and the other way round.
        if subject.fixed_length or draw(st.booleans()):
            widths = [widths[0]] * len(widths)
        elif rule.multiple and draw(st.booleans()):
            widths = [min(_round_up(width, rule.multiple), limit) for width in widths]
        for width in widths:
            tokens = draw(st.integers(1, width)) if prepadded else width
            split = draw(st.integers(0, tokens))
            rows.append(maker.make(tokens, draw(starts), split, draw(labels), width if prepadded else None))
        return rows

    return batch()


class _FoundError(Exception):
    """Tells Hypothesis that this example failed; the findings travel beside it."""


def smallest_failure(
    strategy: SearchStrategy[Features], judge: Callable[[Features], list[Finding]], *, examples: int = 50
) -> list[Finding]:
    """Return the findings of the smallest generated batch that has some, or nothing; never raises for a finding."""
    failures: list[tuple[int, list[Finding]]] = []

    def attempt(rows: Features) -> None:
        # Hypothesis restores `random` and `numpy.random` for each example, but does not know torch's generator. Only
        # the CPU one is seeded: `torch.manual_seed` would touch every accelerator of the caller.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            found = judge(rows)
        if found:
            failures.append((sum(len(row["input_ids"]) for row in rows), found))
            raise _FoundError

    quiet = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
        backend="hypothesis",
    )
    try:
        with _no_files_left():
            quiet(given(strategy)(attempt))()
    except _FoundError:
        return failures[-1][1]  # Hypothesis runs the smallest example last
    except Flaky:
        # A collator with a memory of its own fails now and then: any failure that was seen is one.
        if not failures:
            raise
        return min(failures, key=lambda failure: failure[0])[1]
    return []


@contextmanager
def _no_files_left() -> Iterator[None]:
    """Send what Hypothesis caches (constants of local modules) to a folder that goes away."""
    home = configuration.storage_directory(intent_to_write=False).home_directory
    with tempfile.TemporaryDirectory(prefix="ftcheck-hypothesis-") as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(home)
