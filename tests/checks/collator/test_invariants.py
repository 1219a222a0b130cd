"""The collator invariants: red with the right message on every planted defect."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import configuration
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    default_data_collator,
)

from pytest_ftcheck.checks.collator.invariants import (
    INVARIANTS,
    check_invariant,
    check_lengths_example,
    judge,
)
from pytest_ftcheck.checks.collator.ragged import features_of_lengths
from pytest_ftcheck.errors import DataError, FtcheckError, TaskError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.checks.collator.batches import CollatorSubject
    from pytest_ftcheck.findings import Finding

Features = list[dict[str, Any]]
Batch = dict[str, Any]

SEGMENTS = ("input_ids", "token_type_ids", "attention_mask")
PLAIN = ("input_ids", "attention_mask")
PAD, SEP = 1, 3


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
        ("expected  labels [0, 1]", "observed  labels [1, 0]", "The labels are right but in another order"),
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
        ("lengths (8,)", "expected  T = 8", "observed  T = 16", "an additional block of padding"),
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
        ("[1] on the tokens of feature 0", "observed  [0]", "cannot distinguish the two texts"),
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
        ("labels [0] also with a column 'ftcheck_extra'", "observed  [3]", "select columns by name"),
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


def spoiled(kit: Any, defect: Defect, tokenizer: PreTrainedTokenizerFast) -> CollatorSubject:
    collator = kit.Spoiled(tokenizer, pad_to_multiple_of=defect.multiple, spoil=defect.spoil)
    subject: CollatorSubject = kit.build_subject(collator, tokenizer)
    return subject


def first_red(defect: Defect) -> str:
    return next(name for name in INVARIANTS if name.removeprefix("collator.") in defect.red)


def words(findings: list[Finding]) -> str:
    return "\n".join(finding.describe() for finding in findings)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_defect_is_found_and_named(kit: Any, tokenizer: PreTrainedTokenizerFast, defect: Defect) -> None:
    found = check_invariant(first_red(defect), spoiled(kit, defect, tokenizer))
    assert found
    assert {finding.check for finding in found} == {first_red(defect)}
    assert [part for part in defect.says if part not in words(found)] == [], words(found)


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS.keys())
def test_defect_turns_no_other_invariant_red(kit: Any, tokenizer: PreTrainedTokenizerFast, defect: Defect) -> None:
    subject = spoiled(kit, defect, tokenizer)
    # The labels of these rows are 0, 1, 2; the first one begins with the id 0.
    batches = [features_of_lengths(subject, lengths) for lengths in ((2, 3, 5, 8), (1, 2, 3))]
    red = {name.removeprefix("collator.") for name in INVARIANTS for rows in batches if judge(name, subject, rows)}
    assert red == defect.red


def test_every_invariant_has_a_defect_of_its_own() -> None:
    own = set().union(*(defect.red for defect in DEFECTS.values() if len(defect.red) == 1), {"determinism"})
    assert own == EVERYTHING


def test_smallest_batch_is_reported(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    (finding,) = check_invariant("mask", spoiled(kit, DEFECTS["mask all ones"], tokenizer))
    assert finding.subject == "batch of lengths (1, 2)"
    assert finding.observed == "1 in row 0, column 1"


def test_same_findings_every_time(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    subject = spoiled(kit, DEFECTS["random"], tokenizer)
    assert check_invariant("determinism", subject) == check_invariant("determinism", subject)


def test_collator_with_a_memory_is_a_finding(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    calls = itertools.count()

    def forgetful(batch: Batch, _: Features) -> Batch:
        return without("attention_mask")(batch, []) if next(calls) % 7 == 5 else batch

    collator = kit.Spoiled(tokenizer, spoil=forgetful)
    (finding,) = check_invariant("determinism", kit.build_subject(collator, tokenizer))
    assert "keys" in finding.expected or "with" in finding.observed
    assert "remembers earlier batches" in finding.hint


def test_pad_id_in_the_text_needs_the_features_mask(kit: Any) -> None:
    tokenizer = kit.build_tokenizer(PLAIN, pad_token="[SEP]")
    collator = kit.Spoiled(tokenizer, spoil=with_mask(lambda _, ids: (ids != SEP).long()))
    (finding,) = check_invariant("mask", kit.build_subject(collator, tokenizer, input_names=PLAIN))
    assert finding.subject == "batch of lengths (3,)"
    assert "the text holds the pad token too" in finding.hint


def test_collator_with_another_tokenizer_is_named(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    other = kit.build_tokenizer(pad_token="the")
    (finding,) = check_invariant("pad_id", kit.build_subject(DataCollatorWithPadding(other), tokenizer))
    assert "data_collator.tokenizer is another one, with exactly this pad_token_id" in finding.hint


def test_regression_labels_keep_their_fraction(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    for dtype in (torch.int64, torch.float16):
        collator = kit.Spoiled(tokenizer, spoil=cast("labels", dtype))
        subject = kit.build_subject(collator, tokenizer, head="regression", num_labels=1)
        (kind,) = check_invariant("dtype", subject)
        assert (kind.expected, kind.observed) == ("labels of torch.float32", f"labels of {dtype}")
        (value,) = check_invariant("labels", subject)
        assert value.expected == "labels [0.1]"


def test_token_labels_are_padded_with_minus_100(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [
        {"input_ids": [2, 5, 3], "token_type_ids": [0] * 3, "attention_mask": [1] * 3, "labels": [-100, 1, -100]},
        {"input_ids": [7], "token_type_ids": [0], "attention_mask": [1], "labels": [2]},
    ]
    healthy = kit.build_subject(DataCollatorForTokenClassification(tokenizer), tokenizer)
    assert [finding for check in INVARIANTS for finding in judge(check, healthy, rows)] == []
    zeros = DataCollatorForTokenClassification(tokenizer, label_pad_token_id=0)
    (finding,) = judge("collator.labels", kit.build_subject(zeros, tokenizer), rows)
    assert (finding.expected, finding.observed) == ("row 1: [[2, -100, -100]]", "row 1: [[2, 0, 0]]")


@pytest.mark.parametrize("label", [[1.0, 0.0, 0.6667], [True, False, True]], ids=["shares of votes", "booleans"])
def test_vectors_of_labels_are_those_of_their_rows(
    kit: Any, tokenizer: PreTrainedTokenizerFast, label: list[float]
) -> None:
    rows = [{"input_ids": [2, 5, 3], "labels": label}, {"input_ids": [7, 3], "labels": [0.0, 0.0, 1.0]}]

    def collate(features: list[dict[str, Any]], rolled: int = 0) -> dict[str, Any]:
        batch = tokenizer.pad([{"input_ids": row["input_ids"]} for row in features], return_tensors="pt")
        vectors = torch.tensor([row["labels"] for row in features], dtype=torch.float32)
        return {**batch, "labels": vectors.roll(rolled, 1)}

    def subject(rolled: int) -> Any:
        made = partial(collate, rolled=rolled)
        return kit.build_subject(made, tokenizer, head="multi-label-classification", num_labels=3)

    assert judge("collator.labels", subject(0), rows) == []
    (finding,) = judge("collator.labels", subject(1), rows)
    assert finding.hint == "Keep the vector of each row unchanged, one number for each label."


@pytest.mark.parametrize("name", INVARIANTS)
def test_ragged_batch_refused_is_a_finding(kit: Any, tokenizer: PreTrainedTokenizerFast, name: str) -> None:
    (finding,) = check_invariant(name, kit.build_subject(default_data_collator, tokenizer))
    assert finding.check == name
    assert finding.subject == "batch of lengths (1, 2)"
    assert finding.observed.startswith("ValueError: ")
    assert finding.hint.startswith("The collator refuses a ragged batch: use DataCollatorWithPadding")


def test_tokenizer_without_a_pad_token_is_a_finding(kit: Any) -> None:
    tokenizer = kit.build_tokenizer(pad_token=None)
    (finding,) = check_invariant("shape", kit.build_subject(DataCollatorWithPadding(tokenizer), tokenizer))
    assert finding.observed.startswith("ValueError: Asking to pad but the tokenizer does not have a padding token")
    assert "set tokenizer.pad_token" in finding.hint


def test_lengths_example_reports_the_width(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    collator = kit.Spoiled(tokenizer, pad_to_multiple_of=4, spoil=one_short_of_a_multiple)
    (finding,) = check_lengths_example(kit.build_subject(collator, tokenizer))
    assert finding.check == "collator.lengths_example"
    assert finding.subject == "batch of lengths (50, 59, 47, 67, 59, 50, 62, 32)"
    assert finding.expected == "T = 68 (pad_to_multiple_of=4; the longest row has 67)"
    assert finding.observed == "T = 67"


def test_plain_function_that_adds_a_block_is_found(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    def collate(features: Features) -> Batch:
        return one_block_more(dict(DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)(features)), features)

    (finding,) = check_invariant("shape", kit.build_subject(collate, tokenizer))
    assert "give the collator an attribute pad_to_multiple_of" in finding.hint


def test_names_and_meanings() -> None:
    for name, function in INVARIANTS.items():
        assert name == f"collator.{function.__name__.removeprefix('check_')}"
        assert (function.__doc__ or "").splitlines()[0].endswith(".")


def test_unknown_names_are_misuse(kit: Any, tokenizer: PreTrainedTokenizerFast) -> None:
    subject = kit.build_subject(DataCollatorWithPadding(tokenizer), tokenizer)
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


def test_nothing_is_left_behind(kit: Any, tokenizer: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    before, home = torch.get_rng_state(), hypothesis_home()
    configuration.set_hypothesis_home_dir(tmp_path)
    try:
        check_invariant("determinism", spoiled(kit, DEFECTS["random"], tokenizer))
        assert hypothesis_home() == tmp_path
    finally:
        configuration.set_hypothesis_home_dir(home)
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), before)
