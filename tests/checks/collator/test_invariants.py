"""The collator invariants: quiet on every healthy collator, red with the right message on every planted defect."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import configuration
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    default_data_collator,
)

from pytest_ftcheck.checks.collator.batches import CollatorSubject
from pytest_ftcheck.checks.collator.invariants import (
    INVARIANTS,
    check_invariant,
    check_lengths_example,
    judge,
)
from pytest_ftcheck.checks.collator.padding_rule import PaddingRule
from pytest_ftcheck.checks.collator.ragged import features, features_of_lengths, smallest_failure
from pytest_ftcheck.errors import DataError, FtcheckError, TaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pytest_ftcheck.findings import Finding

Features = list[dict[str, Any]]
Batch = dict[str, Any]

SEGMENTS = ("input_ids", "token_type_ids", "attention_mask")
PLAIN = ("input_ids", "attention_mask")
# The pad id is not 0, and 0 is an ordinary word: a mask made of `input_ids != 0` must show.
WORDS = {word: number for number, word in enumerate(["the", "[PAD]", "[CLS]", "[SEP]", "[UNK]"])}
WORDS.update({f"word{number}": number for number in range(5, 40)})
PAD, CLS, SEP = 1, 2, 3


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build_tokenizer(names: tuple[str, ...] = SEGMENTS, **options: Any) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, model_input_names=list(names), **{"model_max_length": 96, **special, **options}
    )


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def build_subject(
    collator: Callable[..., Any],
    tokenizer: PreTrainedTokenizerFast,
    **changes: Any,
) -> CollatorSubject:
    subject = CollatorSubject(
        data_collator=collator,
        processing_class=tokenizer,
        head="sequence-classification",
        num_labels=3,
        input_names=SEGMENTS,
        vocab_size=len(WORDS),
        max_length=96,
    )
    return replace(subject, **changes)


def all_findings(subject: CollatorSubject) -> list[Finding]:
    """Judge each generated batch by all invariants: cheaper than one search for each."""

    def judge_all(rows: Features) -> list[Finding]:
        return [finding for name in INVARIANTS for finding in judge(name, subject, rows)]

    return smallest_failure(features(subject), judge_all, examples=20) + check_lengths_example(subject)


# -- healthy collators -------------------------------------------------------------------------------------------------

HEALTHY: dict[str, dict[str, Any]] = {
    "padding=True": {},
    "padding=longest": {"padding": "longest"},
    "padding=max_length": {"padding": "max_length", "max_length": 70},
    "padding=max_length of the model": {"padding": "max_length"},
    "max_length beside padding=True": {"max_length": 70},
    "multiple of 4": {"pad_to_multiple_of": 4},
    "multiple of 8": {"pad_to_multiple_of": 8},
    "max_length and multiple of 8": {"padding": "max_length", "max_length": 70, "pad_to_multiple_of": 8},
}


@pytest.mark.parametrize("name", INVARIANTS)
def test_invariant_holds_of_a_sound_collator(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    assert check_invariant(name, build_subject(DataCollatorWithPadding(tokenizer), tokenizer)) == []


@pytest.mark.parametrize("options", HEALTHY.values(), ids=HEALTHY.keys())
def test_data_collator_with_padding_is_healthy(tokenizer: PreTrainedTokenizerFast, options: dict[str, Any]) -> None:
    assert all_findings(build_subject(DataCollatorWithPadding(tokenizer, **options), tokenizer)) == []


@pytest.mark.parametrize(
    ("names", "options"),
    [
        pytest.param(SEGMENTS, {"padding_side": "left"}, id="left padding"),
        pytest.param(PLAIN, {}, id="no token_type_ids"),
        pytest.param(PLAIN, {"padding_side": "left", "pad_token": "[SEP]"}, id="pad token is the last token too"),
        pytest.param(SEGMENTS, {"pad_token_type_id": 3}, id="pad_token_type_id 3"),
        pytest.param((*SEGMENTS, "special_tokens_mask"), {}, id="special_tokens_mask"),
    ],
)
def test_tokenizers_of_every_kind_are_healthy(names: tuple[str, ...], options: dict[str, Any]) -> None:
    tokenizer = build_tokenizer(names, **options)
    subject = build_subject(DataCollatorWithPadding(tokenizer), tokenizer, input_names=names)
    assert all_findings(subject) == []


def test_mask_is_made_by_the_tokenizer_where_features_have_none(tokenizer: PreTrainedTokenizerFast) -> None:
    subject = build_subject(DataCollatorWithPadding(tokenizer), tokenizer, input_names=("input_ids",))
    assert all_findings(subject) == []


def test_regression_with_label_key_label_is_healthy(tokenizer: PreTrainedTokenizerFast) -> None:
    collator = DataCollatorWithPadding(tokenizer)
    subject = build_subject(collator, tokenizer, head="regression", num_labels=1, label_key="label")
    assert all_findings(subject) == []


def test_default_data_collator_is_sound_on_rows_of_one_length(tokenizer: PreTrainedTokenizerFast) -> None:
    subject = build_subject(default_data_collator, tokenizer, fixed_length=True, label_key="label")
    assert all_findings(subject) == []


def test_plain_function_may_pad_as_it_likes(tokenizer: PreTrainedTokenizerFast) -> None:
    def collate(features: Features) -> Mapping[str, Any]:
        return tokenizer.pad(features, padding="max_length", max_length=96, return_tensors="pt")

    assert all_findings(build_subject(collate, tokenizer)) == []


def test_boolean_mask_is_healthy(tokenizer: PreTrainedTokenizerFast) -> None:
    collator = Spoiled(tokenizer, spoil=with_mask(lambda _, ids: ids != PAD))
    assert all_findings(build_subject(collator, tokenizer)) == []


@pytest.mark.parametrize("own_loss", [False, True])
def test_integers_as_labels_of_a_regression_need_a_loss_of_ones_own(
    tokenizer: PreTrainedTokenizerFast,
    own_loss: bool,  # noqa: FBT001 - a parameter
) -> None:
    def rounded(rows: Features) -> Any:
        batch = DataCollatorWithPadding(tokenizer)(rows)
        return {**batch, "labels": batch["labels"].long()}

    subject = build_subject(rounded, tokenizer, head="regression", num_labels=1, own_loss=own_loss)
    found = check_invariant("dtype", subject)
    assert [finding.observed for finding in found] == ([] if own_loss else ["labels of torch.int64"])


def test_lengths_example_by_hand(tokenizer: PreTrainedTokenizerFast) -> None:
    for multiple, width in ((None, 67), (4, 68), (8, 72)):
        collator = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=multiple)
        subject = build_subject(collator, tokenizer)
        rows = features_of_lengths(subject, (50, 59, 47, 67, 59, 50, 62, 32))
        assert [len(row["input_ids"]) for row in rows] == [50, 59, 47, 67, 59, 50, 62, 32]
        assert collator(rows)["input_ids"].shape == (8, width)
        assert PaddingRule.of(subject).widths(67) == (width,)
        assert check_lengths_example(subject) == []


def test_a_collator_of_ones_own_may_leave_a_column_of_padding_at_the_end(tokenizer: PreTrainedTokenizerFast) -> None:
    def wide(rows: Features) -> Any:
        longest = max(len(row["input_ids"]) for row in rows) + 1
        return tokenizer.pad(rows, padding="max_length", max_length=longest, return_tensors="pt")

    subject = build_subject(wide, tokenizer)
    assert check_invariant("shape", replace(subject, narrowest=subject.min_length + 1)) == []
    assert (
        check_invariant("shape", replace(subject, narrowest=subject.min_length)) != []
    )  # where others are as wide as their rows


def test_generated_rows_hold_special_tokens_at_their_places(tokenizer: PreTrainedTokenizerFast) -> None:
    subject = build_subject(DataCollatorWithPadding(tokenizer), tokenizer)
    assert features_of_lengths(subject, (5, 2)) == [
        {
            "input_ids": [CLS, SEP, 6, 7, SEP],
            "token_type_ids": [0, 0, 1, 1, 1],
            "attention_mask": [1, 1, 1, 1, 1],
            "labels": 0,
        },
        {"input_ids": [11, 12], "token_type_ids": [0, 1], "attention_mask": [1, 1], "labels": 1},
    ]


@pytest.mark.parametrize("label", [[1.0, 0.0, 0.6667], [True, False, True]], ids=["shares of votes", "booleans"])
def test_vectors_of_labels_are_those_of_their_rows(tokenizer: PreTrainedTokenizerFast, label: list[float]) -> None:
    rows = [{"input_ids": [2, 5, 3], "labels": label}, {"input_ids": [7, 3], "labels": [0.0, 0.0, 1.0]}]

    def collate(features: list[dict[str, Any]], rolled: int = 0) -> dict[str, Any]:
        batch = tokenizer.pad([{"input_ids": row["input_ids"]} for row in features], return_tensors="pt")
        vectors = torch.tensor([row["labels"] for row in features], dtype=torch.float32)
        return {**batch, "labels": vectors.roll(rolled, 1)}

    def subject(rolled: int) -> Any:
        made = partial(collate, rolled=rolled)
        return build_subject(made, tokenizer, head="multi-label-classification", num_labels=3)

    assert judge("collator.labels", subject(0), rows) == []
    (finding,) = judge("collator.labels", subject(1), rows)
    assert finding.hint == "Hand on the vector of each row as it is, one number for each label."


def test_token_labels_are_padded_with_minus_100(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [
        {"input_ids": [2, 5, 3], "token_type_ids": [0] * 3, "attention_mask": [1] * 3, "labels": [-100, 1, -100]},
        {"input_ids": [7], "token_type_ids": [0], "attention_mask": [1], "labels": [2]},
    ]
    healthy = build_subject(DataCollatorForTokenClassification(tokenizer), tokenizer)
    assert [finding for check in INVARIANTS for finding in judge(check, healthy, rows)] == []
    zeros = DataCollatorForTokenClassification(tokenizer, label_pad_token_id=0)
    (finding,) = judge("collator.labels", build_subject(zeros, tokenizer), rows)
    assert (finding.expected, finding.observed) == ("row 1: [[2, -100, -100]]", "row 1: [[2, 0, 0]]")


# -- planted defects --------------------------------------------------------------------------------------------------


@dataclass
class Spoiled(DataCollatorWithPadding):
    """A healthy collator whose batch is spoiled afterwards."""

    spoil: Callable[[Batch, Features], Any] = lambda batch, _: batch

    def __call__(self, features: Features) -> Any:
        return self.spoil(dict(super().__call__(features)), features)


def with_mask(make: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Callable[[Batch, Features], Batch]:
    return lambda batch, _: {**batch, "attention_mask": make(batch["attention_mask"], batch["input_ids"])}


def widened(batch: Batch, columns: int) -> Batch:
    fill = {"input_ids": PAD}
    wide = {name: torch.nn.functional.pad(batch[name], (0, columns), value=fill.get(name, 0)) for name in SEGMENTS}
    return {**batch, **wide}


def one_block_more(batch: Batch, features: Features) -> Batch:
    return widened(batch, 8) if max(len(row["input_ids"]) for row in features) % 8 == 0 else batch


def one_short_of_a_multiple(batch: Batch, features: Features) -> Batch:
    longest = max(len(row["input_ids"]) for row in features)
    width = max(longest, batch["input_ids"].shape[1] - 1)
    return {name: value[:, :width] if value.dim() > 1 else value for name, value in batch.items()}


def last_token_lost(batch: Batch, _: Features) -> Batch:
    """Overwrite the last token of each row, mask and width stay."""
    ids = batch["input_ids"].clone()
    ids[torch.arange(len(ids)), batch["attention_mask"].sum(dim=1) - 1] = 4
    return {**batch, "input_ids": ids}


def on_the_other_side(batch: Batch, features: Features) -> Batch:
    width = batch["input_ids"].shape[1]
    shifts = [width - len(row["input_ids"]) for row in features]
    rolled = {
        name: torch.stack([row.roll(shift) for row, shift in zip(batch[name], shifts, strict=True)])
        for name in SEGMENTS
    }
    return {**batch, **rolled}


def written_into(batch: Batch, features: Features) -> Batch:
    for row in features:
        row.pop("labels")
    return batch


def noisy(batch: Batch, _: Features) -> Batch:
    return {**batch, "position_noise": torch.rand(())}


def by_position(batch: Batch, features: Features) -> Batch:
    firsts = [next(iter(row.items())) for row in features]
    return batch if all(name == "input_ids" for name, _ in firsts) else {**batch, "labels": batch["labels"] + 0.0}


def label_is_the_last_column(batch: Batch, features: Features) -> Batch:
    taken = [number for row in features if "ftcheck_extra" in row for number in [row["ftcheck_extra"]]]
    return {**batch, "labels": torch.tensor(taken)} if taken and isinstance(taken[0], int) else batch


def without(name: str) -> Callable[[Batch, Features], Batch]:
    return lambda batch, _: {key: value for key, value in batch.items() if key != name}


def cast(name: str, dtype: torch.dtype) -> Callable[[Batch, Features], Batch]:
    return lambda batch, _: {**batch, name: batch[name].to(dtype)}


def pad_ids_of(number: int) -> Callable[[Batch, Features], Batch]:
    return lambda batch, _: {**batch, "input_ids": batch["input_ids"].masked_fill(batch["attention_mask"] == 0, number)}


def padded_types(batch: Batch, _: Features) -> Batch:
    return {**batch, "token_type_ids": batch["token_type_ids"].masked_fill(batch["attention_mask"] == 0, 1)}


def rows_reversed(batch: Batch, _: Features) -> Batch:
    return {**batch, **{name: batch[name].flip(0) for name in SEGMENTS}}


@dataclass(frozen=True)
class Defect:
    """What is planted, and what has to be said about it."""

    spoil: Callable[[Batch, Features], Any]
    red: set[str]
    """All the invariants that turn red on rows of 3, 5 and 8 tokens, and no other."""
    says: tuple[str, ...]
    """What the first red one says."""
    multiple: int | None = None


EVERYTHING = {name.removeprefix("collator.") for name in INVARIANTS}
AGAIN = {"mutation", "determinism", "key_order", "extra_column"}
DEFECTS = {
    "mask all ones": Defect(
        with_mask(lambda mask, _: torch.ones_like(mask)),
        {"mask"},
        (
            "collator.mask: batch of lengths (",
            "expected  1 on tokens, 0 on padding",
            "observed  1 in row",
            "1 everywhere",
        ),
    ),
    "mask inverted": Defect(
        with_mask(lambda mask, _: 1 - mask), {"mask"}, ("lengths (1,)", "0 in row 0, column 0", "It is inverted")
    ),
    "mask of ids that are not 0": Defect(
        with_mask(lambda _, ids: (ids != 0).long()), {"mask"}, ("built from input_ids != 0, but pad_token_id is 1",)
    ),
    "pad id of another tokenizer": Defect(
        pad_ids_of(0),
        {"pad_id"},
        ("expected  1 on padding", "observed  0 in row", "pad_token_id of another tokenizer"),
    ),
    "labels shifted": Defect(
        lambda batch, _: {**batch, "labels": batch["labels"].roll(1)},
        {"labels"},
        ("expected  labels [0, 1]", "observed  labels [1, 0]", "the right labels in another order"),
    ),
    "labels one higher": Defect(
        lambda batch, _: {**batch, "labels": batch["labels"] + 1},
        {"labels"},
        ("lengths (1,)", "labels [0]", "labels [1]", "shifted by one"),
    ),
    "labels in two dimensions": Defect(
        lambda batch, _: {**batch, "labels": batch["labels"][:, None]}, {"labels"}, ("shape (1,)", "shape (1, 1)")
    ),
    "labels missing": Defect(without("labels"), {"labels"}, ("a tensor `labels`", "only ['attention_mask', ")),
    "rows in another order, labels not": Defect(
        rows_reversed, {"order"}, ("feature 0 in row 1; feature 1 in row 0", "labels then belong to other rows")
    ),
    "last row lost": Defect(
        lambda batch, _: {name: value[:-1] for name, value in batch.items()},
        {"shape", "tokens", "labels"},
        ("expected  1 rows", "observed  0 rows", "drops or adds rows"),
    ),
    "features written into": Defect(written_into, {"mutation"}, ("features[0]", "'labels'", "feature.pop('labels')")),
    "one short of a multiple": Defect(
        one_short_of_a_multiple,
        {"shape"},
        ("expected  T = 4 (pad_to_multiple_of=4; the longest row has", "observed  T = 3", "T is no multiple of 4"),
        multiple=4,
    ),
    "one block too many": Defect(
        one_block_more,
        {"shape"},
        ("lengths (8,)", "expected  T = 8", "observed  T = 16", "a whole block of padding more"),
        multiple=8,
    ),
    "one column too many": Defect(
        lambda batch, _: widened(batch, 1), {"shape"}, ("expected  T = 1 ", "observed  T = 2", "costs time")
    ),
    "int32 ids": Defect(
        cast("input_ids", torch.int32), {"dtype"}, ("input_ids of torch.int64", "input_ids of torch.int32")
    ),
    "float labels": Defect(
        cast("labels", torch.float32), {"dtype"}, ("labels of torch.int64", "labels of torch.float32")
    ),
    "half precision mask": Defect(
        cast("attention_mask", torch.float16),
        {"dtype"},
        ("attention_mask of torch.int64", "attention_mask of torch.float16"),
    ),
    "last token lost": Defect(
        last_token_lost, {"tokens"}, ("expected  the tokens [0] of feature 0", "observed  row 0 is [4]", "truncates")
    ),
    "columns cut off": Defect(
        lambda batch, _: {name: value[:, :4] if value.dim() > 1 else value for name, value in batch.items()},
        {"shape", "tokens"},
        ("lengths (5,)", "expected  T = 5", "observed  T = 4", "truncate when tokenizing"),
    ),
    "padding on the other side": Defect(
        on_the_other_side,
        {"side"},
        (
            "expected  padding on the right of T = 2",
            "row 0 has its 1 tokens in columns 1 to 1",
            "padding_side is 'right'",
        ),
    ),
    "token_type_ids padded with 1": Defect(
        padded_types, {"token_type_ids"}, ("expected  0 on padding", "observed  1 in row", "pad_token_type_id (0)")
    ),
    "segments lost": Defect(
        lambda batch, _: {**batch, "token_type_ids": torch.zeros_like(batch["token_type_ids"])},
        {"token_type_ids"},
        ("[1] on the tokens of feature 0", "observed  [0]", "no longer tells the two texts apart"),
    ),
    "no attention_mask": Defect(
        without("attention_mask"), {"mask"}, ("attention_mask in the batch", "only ['input_ids', 'labels', ")
    ),
    "no token_type_ids": Defect(without("token_type_ids"), {"token_type_ids"}, ("token_type_ids in the batch",)),
    "random": Defect(noisy, {"determinism", "key_order"}, ("batch['position_noise'] is 0.", "draws random numbers")),
    "columns by position": Defect(
        by_position, {"key_order"}, ("batch['labels'] is torch.int64 (1,) again", "by its name")
    ),
    "label is the last column": Defect(
        label_is_the_last_column,
        {"extra_column"},
        ("labels [0] also with a column 'ftcheck_extra'", "observed  [3]", "pick the columns by name"),
    ),
    "no mapping": Defect(
        lambda batch, _: tuple(batch.values()), EVERYTHING, ("expected  a mapping of tensors", "observed  tuple")
    ),
    "lists instead of tensors": Defect(
        lambda batch, _: {name: value.tolist() for name, value in batch.items()},
        EVERYTHING - AGAIN,
        ("input_ids as a tensor [B, T]", "observed  list", "return_tensors='pt'"),
    ),
    "no input_ids": Defect(
        without("input_ids"),
        EVERYTHING - AGAIN - {"labels"},
        ("input_ids in the batch", "only ["),
    ),
}


def spoiled(defect: Defect, tokenizer: PreTrainedTokenizerFast) -> CollatorSubject:
    collator = Spoiled(tokenizer, pad_to_multiple_of=defect.multiple, spoil=defect.spoil)
    return build_subject(collator, tokenizer)


def first_red(defect: Defect) -> str:
    return next(name for name in INVARIANTS if name.removeprefix("collator.") in defect.red)


def words(findings: list[Finding]) -> str:
    return "\n".join(finding.describe() for finding in findings)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_defect_is_found_and_named(tokenizer: PreTrainedTokenizerFast, defect: Defect) -> None:
    found = check_invariant(first_red(defect), spoiled(defect, tokenizer))
    assert found
    assert {finding.check for finding in found} == {first_red(defect)}
    assert [part for part in defect.says if part not in words(found)] == [], words(found)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_defect_turns_no_other_invariant_red(tokenizer: PreTrainedTokenizerFast, defect: Defect) -> None:
    subject = spoiled(defect, tokenizer)
    # The labels of these rows are 0, 1, 2; the first one begins with the id 0.
    batches = [features_of_lengths(subject, lengths) for lengths in ((2, 3, 5, 8), (1, 2, 3))]
    red = {name.removeprefix("collator.") for name in INVARIANTS for rows in batches if judge(name, subject, rows)}
    assert red == defect.red


def test_every_invariant_has_a_defect_of_its_own() -> None:
    own = set().union(*(defect.red for defect in DEFECTS.values() if len(defect.red) == 1), {"determinism"})
    assert own == EVERYTHING


def test_smallest_batch_is_reported(tokenizer: PreTrainedTokenizerFast) -> None:
    (finding,) = check_invariant("mask", spoiled(DEFECTS["mask all ones"], tokenizer))
    assert finding.subject == "batch of lengths (1, 2)"
    assert finding.observed == "1 in row 0, column 1"


def test_same_findings_every_time(tokenizer: PreTrainedTokenizerFast) -> None:
    subject = spoiled(DEFECTS["random"], tokenizer)
    assert check_invariant("determinism", subject) == check_invariant("determinism", subject)


def test_collator_with_a_memory_is_a_finding(tokenizer: PreTrainedTokenizerFast) -> None:
    calls = itertools.count()

    def forgetful(batch: Batch, _: Features) -> Batch:
        return without("attention_mask")(batch, []) if next(calls) % 7 == 5 else batch

    collator = Spoiled(tokenizer, spoil=forgetful)
    (finding,) = check_invariant("determinism", build_subject(collator, tokenizer))
    assert "keys" in finding.expected or "with" in finding.observed
    assert "remembers earlier batches" in finding.hint


def test_pad_id_in_the_text_needs_the_features_mask() -> None:
    tokenizer = build_tokenizer(PLAIN, pad_token="[SEP]")
    collator = Spoiled(tokenizer, spoil=with_mask(lambda _, ids: (ids != SEP).long()))
    (finding,) = check_invariant("mask", build_subject(collator, tokenizer, input_names=PLAIN))
    assert finding.subject == "batch of lengths (3,)"
    assert "the text holds the pad token too" in finding.hint


def test_collator_with_another_tokenizer_is_named(tokenizer: PreTrainedTokenizerFast) -> None:
    other = build_tokenizer(pad_token="the")
    (finding,) = check_invariant("pad_id", build_subject(DataCollatorWithPadding(other), tokenizer))
    assert "data_collator.tokenizer is one, with this very pad_token_id" in finding.hint


def test_regression_labels_keep_their_fraction(tokenizer: PreTrainedTokenizerFast) -> None:
    for dtype in (torch.int64, torch.float16):
        collator = Spoiled(tokenizer, spoil=cast("labels", dtype))
        subject = build_subject(collator, tokenizer, head="regression", num_labels=1)
        (kind,) = check_invariant("dtype", subject)
        assert (kind.expected, kind.observed) == ("labels of torch.float32", f"labels of {dtype}")
        (value,) = check_invariant("labels", subject)
        assert value.expected == "labels [0.1]"


@pytest.mark.parametrize("name", INVARIANTS)
def test_ragged_batch_refused_is_a_finding(tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    (finding,) = check_invariant(name, build_subject(default_data_collator, tokenizer))
    assert finding.check == name
    assert finding.subject == "batch of lengths (1, 2)"
    assert finding.observed.startswith("ValueError: ")
    assert finding.hint.startswith("Ragged batch refused: use DataCollatorWithPadding")


def test_tokenizer_without_a_pad_token_is_a_finding() -> None:
    tokenizer = build_tokenizer(pad_token=None)
    (finding,) = check_invariant("shape", build_subject(DataCollatorWithPadding(tokenizer), tokenizer))
    assert finding.observed.startswith("ValueError: Asking to pad but the tokenizer does not have a padding token")
    assert "set tokenizer.pad_token" in finding.hint


def test_lengths_example_reports_the_width(tokenizer: PreTrainedTokenizerFast) -> None:
    collator = Spoiled(tokenizer, pad_to_multiple_of=4, spoil=one_short_of_a_multiple)
    (finding,) = check_lengths_example(build_subject(collator, tokenizer))
    assert finding.check == "collator.lengths_example"
    assert finding.subject == "batch of lengths (50, 59, 47, 67, 59, 50, 62, 32)"
    assert finding.expected == "T = 68 (pad_to_multiple_of=4; the longest row has 67)"
    assert finding.observed == "T = 67"


def test_plain_function_that_adds_a_block_is_found(tokenizer: PreTrainedTokenizerFast) -> None:
    def collate(features: Features) -> Batch:
        return one_block_more(dict(DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)(features)), features)

    (finding,) = check_invariant("shape", build_subject(collate, tokenizer))
    assert "give the collator an attribute pad_to_multiple_of" in finding.hint


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_names_and_meanings() -> None:
    for name, function in INVARIANTS.items():
        assert name == f"collator.{function.__name__.removeprefix('check_')}"
        assert (function.__doc__ or "").splitlines()[0].endswith(".")


def test_unknown_names_are_misuse(tokenizer: PreTrainedTokenizerFast) -> None:
    subject = build_subject(DataCollatorWithPadding(tokenizer), tokenizer)
    with pytest.raises(FtcheckError, match=r"unknown collator invariant 'maks'\. Did you mean 'mask'\?"):
        check_invariant("maks", subject)
    with pytest.raises(TaskError, match="unknown head 'causal-lm'"):
        replace(subject, head="causal-lm")
    with pytest.raises(DataError, match="unknown column 'sentence1'"):
        replace(subject, input_names=("input_ids", "sentence1"))
    with pytest.raises(DataError, match="lack 'input_ids'"):
        replace(subject, input_names=("attention_mask",))


def hypothesis_home() -> Path:
    stored: Any = configuration.storage_directory(intent_to_write=False)
    home: Path = getattr(stored, "home_directory", stored)  # before Hypothesis 6.162, it is the folder itself
    return home


def test_nothing_is_left_behind(tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    before, home = torch.get_rng_state(), hypothesis_home()
    configuration.set_hypothesis_home_dir(tmp_path)
    try:
        check_invariant("determinism", spoiled(DEFECTS["random"], tokenizer))
        assert hypothesis_home() == tmp_path
    finally:
        configuration.set_hypothesis_home_dir(home)
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), before)
