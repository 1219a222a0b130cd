"""Methods of a user's Trainer that nothing calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from transformers import Trainer

from pytest_ftcheck.faults.fault import select_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

    Judged = Callable[..., list[Finding]]
    Toy = Callable[..., Pipeline]

CHECK = "training.hooks_called"


class Former(Trainer):
    def prediction_loop(self, *_: Any) -> None:
        """As in transformers 3."""


class Calling(Former):
    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        self.prediction_loop()
        return super().evaluate(*args, **kwargs)


class Present(Trainer):
    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_optimizer(*args, **kwargs)

    def prepare_report(self) -> None:
        """No hook of any release."""


@pytest.mark.parametrize("kind", [Trainer, Present, Calling])
def test_hooks_that_are_called_are_healthy(judged: Judged, toy: Toy, kind: type[Trainer]) -> None:
    assert judged(CHECK, toy(kind)) == []


def test_hook_of_an_older_release_is_found(judged: Judged, toy: Toy) -> None:
    (finding,) = judged(CHECK, toy(Former))
    assert finding.observed == "Former.prediction_loop() overrides a hook of older releases, and is never called"


def test_fault_is_found(judged: Judged, toy: Toy) -> None:
    (finding,) = judged(CHECK, select_faults(["hook_of_an_older_release"])[0].plant(toy()))
    assert "prediction_loop()" in finding.observed


def test_trainer_of_a_card_has_no_hooks(judged: Judged, make_pipeline: Callable[..., Pipeline]) -> None:
    assert judged(CHECK, make_pipeline("mrpc", train_rows=8, eval_rows=8)) == []
