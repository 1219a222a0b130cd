"""Generated ragged batches for the collator invariants, and the search for the smallest one that fails."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from hypothesis import HealthCheck, Phase, Verbosity, configuration, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from pytest_ftcheck.checks.collator.batches import contained, plain_values, side_of, special_id
from pytest_ftcheck.checks.collator.padding_rule import PaddingRule, round_up
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.heads.token_columns import columns_per_token
from pytest_ftcheck.heads.traits import LABEL_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

    from pytest_ftcheck.checks.collator.batches import CollatorSubject, Features
    from pytest_ftcheck.findings import Finding

MOST_ROWS = 8
LONGEST_ROW = 64
# Cells [B x T] of one generated batch: a collator that pads to 8192 gets fewer rows, to limit the time of the search.
_MOST_CELLS = 4096
# Two special tokens around at least one ordinary token.
_ROOM_FOR_SPECIAL_TOKENS = 3


@dataclass(frozen=True)
class RowMaker:
    """Makes features from a few numbers: consecutive ordinary ids, with the special tokens at their places."""

    subject: CollatorSubject
    ordinary: tuple[int, ...]
    """Ids of the vocabulary that are neither the pad id nor another special token."""
    first: int | None
    """``[CLS]`` or ``<s>``."""
    last: int | None
    """``[SEP]`` or ``</s>``; for many decoders this is the pad id too, and still a token."""

    @classmethod
    def of(cls, subject: CollatorSubject) -> RowMaker:
        """Sort the vocabulary once for all rows."""
        tokenizer = subject.processing_class
        if tokenizer is None:
            return cls(subject, _inner_tokens(subject) or tuple(range(subject.vocab_size)), None, None)
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

    def make(self, length: int, start: int, split: int, label: Any, width: int | None = None) -> dict[str, Any]:
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
            "token_type_ids": [int(step >= split and self.subject.segments) for step in range(length)],
            "attention_mask": [1] * length,
            "special_tokens_mask": [int(number in special) for number in ids],
        }
        row: dict[str, Any] = {name: columns[name] for name in self.subject.input_names}
        if width is not None and width > length:
            row = {name: self._pad(name, values, width) for name, values in row.items()}
        if LABEL_PER_TOKEN in self.subject.head_rules.traits:
            label = (list(label) * length)[:length]
        keys = self.subject.label_keys
        row |= dict(zip(keys, label if len(keys) > 1 else [label], strict=True))
        examples = self.subject.examples
        return self._like(examples[start % len(examples)], row) if examples else row

    @cached_property
    def _each_token(self) -> frozenset[str]:
        """Columns of real rows with a value for each token."""
        return columns_per_token(self.subject.examples, self.subject.head_rules.traits)

    def _like(self, example: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """Give a generated row the other columns of a real one, its kind of label, and its containers."""
        length, size = len(row["input_ids"]), len(example["input_ids"])
        made = dict(row)
        for name, value in example.items():
            plain = plain_values(value)
            if name not in row or (name == self.subject.label_key and isinstance(plain, list)):
                made[name] = [plain[step % size] for step in range(length)] if name in self._each_token else plain
        return {name: contained(example.get(name), value) for name, value in made.items()}

    def _pad(self, name: str, values: list[int], width: int) -> list[int]:
        tokenizer = self.subject.processing_class
        fill = {
            "input_ids": special_id(tokenizer, "pad_token") or 0,
            "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0),
            "attention_mask": 0,
            "special_tokens_mask": 1,
        }
        padding = [fill[name]] * (width - len(values))
        return padding + values if side_of(self.subject) == "left" else values + padding


def _inner_tokens(subject: CollatorSubject) -> tuple[int, ...]:
    """Return the ids of real text, without special tokens at its ends."""
    rows = [(plain_values(row["input_ids"]), plain_values(row.get("attention_mask"))) for row in subject.examples]
    texts = [[token for token, seen in zip(ids, mask or [1] * len(ids), strict=True) if seen] for ids, mask in rows]
    return tuple(sorted({token for text in texts for token in text[1:-1]}))


def longest_row(subject: CollatorSubject) -> int:
    """Return the largest number of tokens of a generated row."""
    return min(LONGEST_ROW, subject.max_length, PaddingRule.of(subject).fixed or LONGEST_ROW)


def affordable_examples(subject: CollatorSubject) -> int:
    """Return how many batches may be generated: 50 and more up to T = 2000, at least 5 beyond."""
    return max(5, 100_000 // (PaddingRule.of(subject).fixed or 1))


def features_of_lengths(subject: CollatorSubject, lengths: Sequence[int]) -> Features:
    """Make one feature of each length, without random numbers; all of the greatest length if the subject says so."""
    maker = RowMaker.of(subject)
    limit = max(min(max(lengths), subject.max_length, PaddingRule.of(subject).fixed or max(lengths)), 1)
    rows = [limit if subject.fixed_length else min(max(length, subject.min_length), limit) for length in lengths]
    classes = max(subject.num_labels, 1)
    labels = [subject.head_rules.labels.made_up(row, classes) for row in range(len(rows))]
    return [
        maker.make(length, start=7 * row, split=length // 2, label=label)
        for row, (length, label) in enumerate(zip(rows, labels, strict=True))
    ]


def features(subject: CollatorSubject) -> SearchStrategy[Features]:
    """Generate ragged batches: 1 to 8 rows of 1 to 64 tokens, also equal ones and whole multiples."""
    rule, maker, limit = PaddingRule.of(subject), RowMaker.of(subject), longest_row(subject)
    most = max(1, min(MOST_ROWS, _MOST_CELLS // max(rule.fixed or 1, rule.multiple or 1)))
    sizes = st.lists(st.integers(min(subject.min_length, limit), limit), min_size=1, max_size=most)
    prepadded = (
        subject.fixed_length
        and "attention_mask" in subject.input_names
        and special_id(subject.processing_class, "pad_token") is not None
    )
    ends = st.sampled_from((0, len(maker.ordinary) - 1))
    starts = st.one_of(ends, st.integers(0, len(maker.ordinary) - 1))
    labels = _labels(subject)

    @st.composite
    def batch(draw: st.DrawFn) -> Features:
        rows = []
        widths = draw(sizes)
        # One strategy for both: a failure must shrink from equal rows to ragged ones, and the reverse.
        if subject.fixed_length or draw(st.booleans()):
            widths = [widths[0]] * len(widths)
        elif rule.multiple and draw(st.booleans()):
            widths = [min(round_up(width, rule.multiple), limit) for width in widths]
        for width in widths:
            tokens = draw(st.integers(1, width)) if prepadded else width
            split = draw(st.integers(0, tokens))
            rows.append(maker.make(tokens, draw(starts), split, draw(labels), width if prepadded else None))
        return rows

    return batch()


def _labels(subject: CollatorSubject) -> SearchStrategy[Any]:
    known = [plain_values(row[subject.label_key]) for row in subject.examples if subject.label_key in row]
    return st.sampled_from(subject.head_rules.labels.choices(known, max(subject.num_labels, 1)))


class _FoundError(Exception):
    """Signals to Hypothesis that this example failed; the findings are kept separately."""


def smallest_failure(
    strategy: SearchStrategy[Features],
    judge: Callable[[Features], list[Finding]],
    *,
    examples: int = 50,
    always: Sequence[Features] = (),
) -> list[Finding]:
    """Return the findings of the smallest generated batch that has findings, or none; never raises for a finding.

    Args:
        strategy: generates batches.
        judge: returns the findings of one batch.
        examples: number of batches to generate.
        always: batches to judge if no generated batch has findings.

    """
    failures: list[tuple[int, list[Finding]]] = []

    def judged(rows: Features) -> list[Finding]:
        # Hypothesis restores `random` and `numpy.random` for each example, but does not know torch's generator. Only
        # the CPU one is seeded: `torch.manual_seed` would touch every accelerator of the caller.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            return judge(rows)

    def attempt(rows: Features) -> None:
        if found := judged(rows):
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
        # A collator that keeps a state fails only sometimes: any observed failure counts.
        if not failures:
            raise
        return min(failures, key=lambda failure: failure[0])[1]
    return next((found for rows in always if (found := judged(rows))), [])


@contextmanager
def _no_files_left() -> Iterator[None]:
    """Let Hypothesis write its cache (constants of local modules) into a temporary folder."""
    stored: Any = configuration.storage_directory(intent_to_write=False)
    home: Path = getattr(stored, "home_directory", stored)  # before Hypothesis 6.162, it is the folder itself
    with tempfile.TemporaryDirectory(prefix="hypothesis-", dir=scratch_folder()) as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(home)
