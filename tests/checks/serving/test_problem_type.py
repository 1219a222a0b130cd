"""The saved configuration says that a row has any number of labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

VECTORS = [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]


@pytest.fixture
def saved(
    label_set_evidence: Callable[..., Evidence], tmp_path: Path
) -> Callable[[dict[str, Any] | None], tuple[Evidence, Callable[[], list[Finding]]]]:
    """Return a function that makes the evidence of a folder with a configuration, and what judges it."""

    def make(config: dict[str, Any] | None) -> tuple[Evidence, Callable[[], list[Finding]]]:
        evidence = label_set_evidence(VECTORS, VECTORS)
        folder = evidence.run.folder
        assert folder == Path()
        object.__setattr__(evidence.run, "folder", tmp_path)
        evidence.run.model_folder.mkdir(exist_ok=True)
        if config is not None:
            (evidence.run.model_folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return evidence, lambda: run_check(catalogue()["serving.problem_type"], evidence)

    return make


def test_the_configuration_of_training_passes(saved: Any) -> None:
    _, judge = saved({"problem_type": "multi_label_classification"})
    assert judge() == []


@pytest.mark.parametrize("given", [None, "single_label_classification"])
def test_one_that_was_lost_is_red(saved: Any, given: str | None) -> None:
    _, judge = saved({"problem_type": given})
    (found,) = judge()
    assert found.level == "fail"
    assert found.observed == f"problem_type = {given!r}; the model was made with 'multi_label_classification'"


def test_one_that_was_never_set_warns(saved: Any) -> None:
    evidence, judge = saved({})
    evidence.fresh_model.config.problem_type = None
    (found,) = judge()
    assert (found.level, found.observed) == ("warn", "problem_type = None")


def test_a_folder_without_a_configuration_is_not_judged(saved: Any) -> None:
    _, judge = saved(None)
    with pytest.raises(NotApplicable, match=r"the saved folder has no config.json"):
        judge()
