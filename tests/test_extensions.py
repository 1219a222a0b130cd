"""A check, a fault, an engine and metrics of another package: installed, they work as ours do."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.extensions import load_extension

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHECKS = '''
from pytest_ftcheck.checks.catalogue import check, finding


@check(
    "model.our_norm",
    cost="forward",
    thresholds={"most": 100.0},
    catches="weights that explode",
    hint="look at the learning rate.",
)
def our_norm(evidence, thresholds):
    """No weight is larger than most."""
    largest = max(float(parameter.detach().abs().max()) for parameter in evidence.fresh_model.parameters())
    return [finding(f"at most {thresholds['most']:g}", f"{largest:g}")] if largest > thresholds["most"] else []
'''
FAULTS = '''
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import with_model


@fault(caught_by=("model.our_norm",), seen_in_practice="A unit is taken for another one.")
def weight_of_a_thousand(pipeline):
    """One weight is a thousand."""
    return with_model(pipeline, lambda model: next(model.parameters()).data.view(-1)[:1].fill_(1000.0))
'''
ENGINE = """
from pytest_ftcheck.training import manual


def train(pipeline, args, recorder, trainer):
    return manual.train(pipeline, args, recorder, trainer)
"""
METRICS = """
import numpy as np

from pytest_ftcheck.heads.own_metrics import OwnMetric
from pytest_ftcheck.heads.row_metrics import MeanMetric, only


def costs(rows):
    wrong = rows.predictions != rows.label_ids
    return MeanMetric(np.where(wrong, 1.0 + rows.label_ids, 0.0)[:, None], only)


def worst_class(rows):
    labels = np.unique(rows.label_ids)
    return min(float((rows.predictions == rows.label_ids)[rows.label_ids == label].mean()) for label in labels)


MEAN_COST = OwnMetric("mean_cost", False, costs, needs=("classes",))
WORST_CLASS = OwnMetric("worst_class", True, worst_class, needs=("classes",))
"""
ENTRY_POINTS = """
[pytest_ftcheck.checks]
model.our_norm = our_package.checks
[pytest_ftcheck.faults]
weight_of_a_thousand = our_package.faults
[pytest_ftcheck.engines]
own = our_package.engine:train
[pytest_ftcheck.metrics]
mean_cost = our_package.metrics:MEAN_COST
worst_class = our_package.metrics:WORST_CLASS
"""


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package with entry points where Python finds it, as an installer does; return its folder."""
    site = pytester.mkdir("site")
    package, information = site / "our_package", site / "our_package-1.0.dist-info"
    package.mkdir()
    information.mkdir()
    files = {"__init__": "", "checks": CHECKS, "faults": FAULTS, "engine": ENGINE, "metrics": METRICS}
    for name, text in files.items():
        package.joinpath(f"{name}.py").write_text(text, encoding="utf-8")
    information.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: our-package\nVersion: 1.0\n")
    information.joinpath("entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    return site


REVIEWS = """
[tasks.reviews]
head = "sequence-classification"
text_columns = ["text"]
label_column = "label"
label_names = ["bad", "good"]
data = "data"
metric = { path = "mean_cost", greater_is_better = { mean_cost = false } }
recipe = { max_steps = 1, max_length = 16 }
checkpoint = { full = "tiny-bert" }
floors = { mean_cost = { max = 0.0001 } }
"""
SMALL = ("--ftcheck-task=sst2", "--ftcheck-max-train-rows=16", "--ftcheck-max-eval-rows=32", "-p", "no:cacheprovider")


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_check_and_engine_of_another_package(pytester: pytest.Pytester) -> None:
    checks = "--ftcheck-checks=model.our_norm,model.finite"
    result = pytester.runpytest_subprocess(*SMALL, "--ftcheck-engine=own", checks)
    result.stdout.fnmatch_lines(["ftcheck: engine own *", "checks: 2 passed", "model of sst2, own, seed 0: *"])
    assert result.ret == 0


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_fault_of_another_package(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*SMALL, "--ftcheck-faults=weight_of_a_thousand")
    result.stdout.fnmatch_lines(["*weight_of_a_thousand*model.our_norm*"])
    assert result.ret == 0


@pytest.mark.usefixtures("installed")
def test_names_of_another_package_are_among_those_that_are_known(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*SMALL, "--ftcheck-engine=owm")
    result.stderr.fnmatch_lines(["*unknown engine 'owm'. Did you mean 'own'?*"])
    result = pytester.runpytest_subprocess(*SMALL, "--ftcheck-checks=model.our_nrm")
    result.stderr.fnmatch_lines(["*unknown check 'model.our_nrm'. Did you mean 'model.our_norm'?*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


GATES = ("--ftcheck-checks=metrics.floor", "-k", "mean_cost or worst_class", "--ftcheck-json=out.json")


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_metrics_of_another_package_have_limits(
    pytester: pytest.Pytester, read_document: Callable[[str], dict[str, Any]]
) -> None:
    floors = "mean_cost = { max = 2.5, slices = { class = { max = 3.0 } } }\nworst_class = 0.0"
    pytester.makefile(".toml", ftcheck=f'[tasks.sst2]\nslices = ["class"]\n[tasks.sst2.floors]\n{floors}\n')
    result = pytester.runpytest_subprocess(*SMALL, *GATES)
    result.stdout.fnmatch_lines(
        [
            " sst2 * mean_cost * to * at most 2.5000 * pass *",
            " sst2 * mean_cost, class=* at most 3.0000 *",
            " sst2 * worst_class * - * 0.0000 * pass *",
        ]
    )
    gates = read_document((pytester.path / "out.json").read_text(encoding="utf-8"))["gates"]
    of_all_rows = {gate["metric"]: gate["interval"] for gate in gates if not gate["slice"]}
    assert of_all_rows["mean_cost"] is not None
    assert of_all_rows["worst_class"] is None  # of a value alone, none is known
    assert result.ret == 0


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_a_card_names_a_metric_of_another_package_as_its_own(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", ftcheck=REVIEWS)
    data = pytester.mkdir("data")
    rows = "text,label\n" + "the food was great,1\nthe food was awful,0\nwe loved it,1\nwe hated it,0\n" * 8
    for split in ("train", "validation"):
        data.joinpath(f"{split}.csv").write_text(rows, encoding="utf-8")
    result = pytester.runpytest_subprocess("--ftcheck-task=reviews", *GATES)
    result.stdout.fnmatch_lines([" reviews * mean_cost * to * at most 0.0001 * fail *"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("task", "floors", "message"),
    [
        ("sst2", "mean_cots = { max = 1.0 }", "unknown metric 'mean_cots'. Did you mean 'mean_cost'?"),
        ("sst2", "mean_cost = { min = 1.0 }", "a smaller mean_cost is better: use max instead of min"),
        ("stsb", "mean_cost = { max = 1.0 }", "metric 'mean_cost': it applies only to tasks with classes"),
    ],
)
def test_a_limit_of_a_metric_that_does_not_fit_is_refused(
    pytester: pytest.Pytester, task: str, floors: str, message: str
) -> None:
    pytester.makefile(".toml", ftcheck=f"[tasks.{task}.floors]\n{floors}\n")
    result = pytester.runpytest_subprocess(f"--ftcheck-task={task}", *GATES)
    result.stderr.fnmatch_lines([f"*{message}*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            METRICS.replace("only)", '"no function")'),
            "*metric 'mean_cost' of another package fails on 32 rows: TypeError: *",
            marks=pytest.mark.slow,
        ),
        (METRICS.replace('"mean_cost"', '"cost"'), "*names the metric 'cost', expected the OwnMetric 'mean_cost'.*"),
    ],
)
def test_a_metric_that_is_broken_is_named(pytester: pytest.Pytester, installed: Path, text: str, message: str) -> None:
    installed.joinpath("our_package", "metrics.py").write_text(text, encoding="utf-8")
    pytester.makefile(".toml", ftcheck="[tasks.sst2.floors]\nmean_cost = { max = 2.5 }\n")
    result = pytester.runpytest_subprocess(*SMALL, *GATES)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search(message.replace("*", ".*"), result.stdout.str() + result.stderr.str())


BROKEN = {
    "import no_such_module": "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
    "": "registers no check of that name",
    CHECKS.replace("model.our_norm", "models.our_norm"): "unknown family of check 'models.our_norm': 'models'",
}
"""By the text of the module: what is said of it."""


@pytest.mark.slow
@pytest.mark.parametrize(("text", "message"), BROKEN.items())
def test_extension_that_is_broken_is_misuse(
    pytester: pytest.Pytester, installed: Path, text: str, message: str
) -> None:
    installed.joinpath("our_package", "checks.py").write_text(text, encoding="utf-8")
    result = pytester.runpytest_subprocess(*SMALL, "--ftcheck-checks=model.finite")
    result.stderr.fnmatch_lines([f"*{message}*"])
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(("text", "message"), BROKEN.items())
def test_extension_that_is_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    tmp_path.joinpath("broken_checks.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint("model.our_norm", "broken_checks", "pytest_ftcheck.checks")
    monkeypatch.setattr("pytest_ftcheck.extensions.extensions", lambda kind: {entry.name: entry} if kind else {})
    monkeypatch.delitem(sys.modules, "broken_checks", raising=False)
    with pytest.raises(SettingsError, match=r"entry point 'model\.our_norm' of .*" + re.escape(message)):
        load_extension("checks", "model.our_norm")
