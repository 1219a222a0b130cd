"""The registry of faults: every check can fail, and every fault names the checks that catch it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.faults import fault as fault_module
from pytest_ftcheck.faults.fault import FAMILIES, FLOOR, Fault, faults, select_faults
from pytest_ftcheck.faults.names import NAMES
from pytest_ftcheck.judging.checks import suite_catalogue
from pytest_ftcheck.report.faults import faults_page
from pytest_ftcheck.settings import ENGINES

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def test_every_check_that_a_fault_names_is_there() -> None:
    known = suite_catalogue()
    assert {fault.name: lost for fault in faults().values() if (lost := set(fault.caught_by) - known.keys())} == {}


def test_every_check_can_fail() -> None:
    named = {name for fault in faults().values() for name in fault.caught_by}
    without = sorted(suite_catalogue().keys() - named)
    assert without == [], "checks that no fault names in caught_by: CONTRIBUTING.md, Add a fault"
    assert FLOOR in named


def test_every_module_with_faults_belongs_to_a_family() -> None:
    folder = Path(fault_module.__file__).parent
    with_faults = {file.stem for file in folder.glob("*.py") if "\n@fault(" in file.read_text(encoding="utf-8")}
    of_families = {module for modules in FAMILIES.values() for module in modules}
    assert with_faults == of_families, "a module whose faults nobody loads: add it to FAMILIES in faults/fault.py"


@pytest.mark.parametrize("fault", faults().values(), ids=lambda fault: fault.name)
def test_a_fault_says_what_is_wrong_and_where_it_happens(fault: Fault) -> None:
    assert fault.caught_by
    assert fault.meaning.endswith(".")
    assert fault.seen_in_practice.endswith(".")
    assert fault.family in FAMILIES
    assert set(fault.engines) <= set(ENGINES)


def test_the_names_that_are_known_without_importing_the_faults_are_theirs() -> None:
    by_family = {
        family: tuple(fault.name for fault in faults().values() if fault.family == family) for family in FAMILIES
    }
    assert dict(NAMES) == by_family
    assert list(NAMES) == list(by_family)


def test_there_are_many_over_all_families() -> None:
    by_family = {family: [fault for fault in faults().values() if fault.family == family] for family in FAMILIES}
    assert len(faults()) >= 40
    assert all(len(found) >= 5 for found in by_family.values())


def test_those_that_were_promised_are_there() -> None:
    promised = {
        "second_segment_lost", "segments_joined", "train_labels_shuffled", "evaluation_labels_shuffled",
        "label_names_swapped", "evaluation_leaked", "evaluation_leaked_swapped", "truncated_to_8", "other_vocabulary",
        "vocabulary_too_large", "all_unknown", "stale_cache", "mask_all_ones", "mask_inverted", "wrong_pad_id",
        "padded_left", "labels_padded_with_0", "last_row_dropped", "rows_reordered", "features_mutated",
        "one_short_of_a_multiple", "mask_not_passed", "head_too_wide", "head_not_trained", "body_frozen",
        "half_not_in_optimizer", "learning_rate_0", "learning_rate_1000_times_too_high", "zero_grad_missing",
        "loss_not_divided", "scheduler_stepped_twice", "clipped_to_0", "nan_under_the_log_filter", "fp16_overflow",
        "eval_mode_forgotten", "evaluation_on_train", "last_batch_not_evaluated", "metric_over_the_wrong_axis",
        "metric_arguments_swapped", "best_epoch_reported_as_last", "greater_is_better_reversed",
        "best_model_not_loaded",
        "resumed_without_optimizer", "resumed_without_scheduler", "shuffled_without_seed", "saved_without_head",
        "tokenizer_not_saved", "saved_in_half_precision", "sorted_without_shuffling", "token_type_ids_dropped",
    }  # fmt: skip
    assert promised - faults().keys() == set()


@pytest.mark.parametrize(
    ("names", "count"), [(["all"], None), (["serving"], 14), (["mask_inverted", "stale_cache"], 2), ([], 0)]
)
def test_faults_are_chosen_by_name_and_family(names: list[str], count: int | None) -> None:
    chosen = select_faults(names)
    assert len(chosen) == (len(faults()) if count is None else count)
    order = list(faults())
    assert [order.index(fault.name) for fault in chosen] == sorted(order.index(fault.name) for fault in chosen)


def test_an_unknown_name_is_guessed() -> None:
    with pytest.raises(SettingsError, match=r"unknown fault 'mask_invrted'\. Did you mean 'mask_inverted'\?") as caught:
        select_faults(["mask_invrted"])
    assert "`python -m pytest_ftcheck.report.faults` describes" in str(caught.value)


def test_an_engine_without_the_part_is_told(mrpc: object) -> None:
    with pytest.raises(NotApplicable, match="it cannot be planted in engine manual"):
        faults()["resumed_without_optimizer"].plant_in(mrpc, "manual")  # type: ignore[arg-type]  # it is not looked at


def test_the_page_is_up_to_date() -> None:
    how = f"write it again: {Path(sys.executable).name} -m pytest_ftcheck.report.faults > docs/faults.md"
    assert PAGE.read_text(encoding="utf-8") == faults_page(faults()), how
