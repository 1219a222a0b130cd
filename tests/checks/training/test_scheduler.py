"""Schedulers of another optimizer, and schedules that wait for the wrong direction of a metric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CHECK = "training.schedule"


@pytest.mark.parametrize("same", [True, False])
def test_scheduler_of_another_optimizer_is_found(judged: Judged, toy: Toy, same: bool) -> None:  # noqa: FBT001 - parametrized
    def made(model: Any) -> Any:
        first, second = (torch.optim.AdamW(model.parameters(), lr=1e-3) for _ in range(2))
        return second, torch.optim.lr_scheduler.ConstantLR(second if same else first, 1.0)

    found = judged(CHECK, toy(optimizers=made))
    told = ["ConstantLR has another optimizer, whose learning rate is not used"]
    assert [finding.observed for finding in found] == ([] if same else told)


@pytest.mark.parametrize(
    ("metric", "mode", "right"),
    [("accuracy", "max", None), ("loss", "min", None), ("accuracy", "min", "max"), ("loss", "max", "min")],
)
def test_plateau_schedule_follows_its_metric(
    judged: Judged, toy: Toy, metric: str, mode: str, right: str | None
) -> None:
    own = {"lr_scheduler_type": "reduce_lr_on_plateau", "lr_scheduler_kwargs": {"mode": mode}}
    pipeline = toy(**own, metric_for_best_model=metric, eval_strategy="epoch")
    if right is None:
        with pytest.raises(Exception, match="follows the metric, not the steps"):
            judged(CHECK, pipeline)
        return
    (finding,) = judged(CHECK, pipeline)
    words = "greater" if right == "max" else "smaller"
    assert finding.expected == f"a plateau schedule with mode = {right!r}: of {metric}, {words} is better"
    assert finding.observed.startswith(f"mode = {mode!r}: an improvement counts as no progress")
