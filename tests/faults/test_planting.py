"""How faults are planted: rows, models and calls are changed, and nothing stays changed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults import planting
from pytest_ftcheck.faults.fault import Fault, faults
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, OWN_ANSWERS, TEXTS, VALUES, unmet
from pytest_ftcheck.runs.describe import describe
from pytest_ftcheck.runs.describe_training import tokenizer_digest
from pytest_ftcheck.tasks.card import load_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

TASKS = ("mrpc", "stsb", "wnut_17", "squad_v2", "go_emotions", "swag", "wikitext")
"""One task of each head."""
ONE_LABEL_A_ROW = (CLASSES, VALUES, LABEL_PER_ROW, TEXTS)


def doubled(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return 2 * original(*args, **kwargs)


def test_calls_are_handed_to_the_wrapper_and_put_back_after_an_error() -> None:
    before = vars(torch.nn.Linear)["forward"]
    layer, rows = torch.nn.Linear(2, 1), torch.ones(1, 2)
    plain = layer(rows)
    with suppress(ZeroDivisionError), planting.intercepted(("torch.nn:Linear.forward",), doubled):
        assert torch.equal(layer(rows), 2 * plain)
        raise ZeroDivisionError
    assert vars(torch.nn.Linear)["forward"] is before
    assert torch.equal(layer(rows), plain)


def test_functions_of_modules_are_intercepted_too() -> None:
    with planting.intercepted(("math:sqrt",), doubled):
        import math

        assert math.sqrt(4.0) == 4.0
    assert math.sqrt(4.0) == 2.0


def test_a_target_that_does_not_exist_changes_nothing() -> None:
    before = vars(torch.nn.Linear)["forward"]
    targets = ("torch.nn:Linear.forward", "torch.nn:Linear.no")
    with pytest.raises(AttributeError, match=r"no torch\.nn:Linear\.no"), planting.intercepted(targets, doubled):
        pass
    assert vars(torch.nn.Linear)["forward"] is before


def test_a_function_that_was_renamed_is_an_error_of_planting(mrpc: Pipeline) -> None:
    with pytest.raises(AttributeError, match=r"there is no pytest_ftcheck\.heads\.answers:says_none"):
        planting.with_patch(mrpc, doubled, "pytest_ftcheck.heads.answers:says_none")


def test_patches_are_in_the_key_of_a_run(mrpc: Pipeline) -> None:
    twice = faults()["scheduler_stepped_twice"].plant(mrpc).patches
    never = faults()["scheduler_not_stepped"].plant(mrpc).patches
    first, second = (describe(list(patches)) for patches in (twice, never))
    assert first.digest != second.digest
    assert first.unstable == second.unstable == ()


def plain(pipeline: Pipeline) -> list[Any]:
    """Describe all that a fault could change by accident."""
    tables = (pipeline.train_dataset, pipeline.eval_dataset, pipeline.data.train, pipeline.data.evaluation)
    assert pipeline.processing_class is not None
    return [
        *({name: list(rows[name]) for name in rows.column_names} for rows in tables),
        tokenizer_digest(pipeline.processing_class),
        dict(pipeline.args),
    ]


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_planting_changes_the_pipeline_and_leaves_the_sound_one_as_it_was(
    healthy: Callable[..., Pipeline], task: str
) -> None:
    pipeline = healthy(task)
    before = plain(pipeline)
    without = []
    of_rows = [fault for fault in faults().values() if not unmet(fault.needs, ONE_LABEL_A_ROW)]
    for fault in of_rows:
        try:
            planted = fault.plant_in(pipeline, fault.engines[0])
        except NotApplicable:
            without.append(fault.name)
            continue
        changed = [
            spec.name for spec in fields(planted) if getattr(planted, spec.name) is not getattr(pipeline, spec.name)
        ]
        assert changed, fault.name
        assert planted.card is pipeline.card, fault.name
    assert plain(pipeline) == before
    if task == "mrpc":
        of_others = {"scores_rounded", "labels_broadcast", "scaled_back_twice", "entailment_named_otherwise"}
        assert set(without) == {*of_others, "hook_of_an_older_release"}
    assert len(without) < len(of_rows) / 5


@pytest.mark.parametrize(
    "fault", [fault for fault in faults().values() if "patch" in str(fault.plant.__code__.co_names)]
)
def test_patches_can_be_entered_and_are_put_back(healthy: Callable[..., Pipeline], fault: Fault) -> None:
    task = next((name for name in TASKS if not unmet(fault.needs, load_card(name, {}).head_rules.traits)), "squad_v2")
    pipeline = healthy(task)
    if OWN_ANSWERS in fault.needs:  # of a user's Trainer only
        pipeline = replace(pipeline, card=replace(pipeline.card, head="own-answers"))
    try:
        planted = fault.plant_in(pipeline, fault.engines[0])
    except NotApplicable as reason:
        pytest.skip(str(reason))
    from transformers import PreTrainedModel, Trainer

    from pytest_ftcheck.heads import answers
    from pytest_ftcheck.training import batches, manual

    owners: list[Any] = [Trainer, PreTrainedModel, torch.nn.Module, torch.optim.Optimizer]
    owners += [torch.optim.lr_scheduler.LRScheduler, torch.utils.data.RandomSampler, torch.utils.data.BatchSampler]
    owners += [answers, batches, manual]
    before = [dict(vars(owner)) for owner in owners]
    with planted.patched():
        pass
    assert [dict(vars(owner)) for owner in owners] == before


def test_one_table_of_texts_and_tokens_stays_one_table(mrpc: Pipeline) -> None:
    rows = mrpc.train_dataset
    both = replace(mrpc, data=replace(mrpc.data, train=rows))
    chosen = planting.with_chosen(both, "train", [0, 2])
    assert chosen.train_dataset is chosen.data.train
    labelled = planting.with_labels(both, "train", [0] * len(rows))
    assert labelled.train_dataset is labelled.data.train
    assert set(labelled.train_dataset["labels"]) == {0}


def test_without_what_it_needs_a_fault_says_why(mrpc: Pipeline, healthy: Callable[..., Pipeline]) -> None:
    unreported = replace(mrpc, processing_class=None)
    with pytest.raises(NotApplicable, match="the raw texts or the tokenizer are not known"):
        faults()["truncated_to_8"].plant(unreported)
    with pytest.raises(NotApplicable, match="the pipeline has no tokenizer"):
        faults()["tokenizer_not_saved"].plant(unreported)
    with pytest.raises(NotApplicable, match="the rows have only one segment"):
        faults()["segments_joined"].plant(healthy("sst2"))
    with pytest.raises(NotApplicable, match="it applies only to tasks with classes; this task has values"):
        faults()["labels_from_1"].plant_in(healthy("stsb"), "trainer")
    with pytest.raises(NotApplicable, match="the rows have no column token_type_ids"):
        faults()["token_type_ids_dropped"].plant(healthy("mrpc", model="tiny-distilbert"))
