"""A check, a fault and an engine of another package: installed, they work as ours do."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.extensions import load_extension

if TYPE_CHECKING:
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
ENTRY_POINTS = """
[pytest_ftcheck.checks]
model.our_norm = our_package.checks
[pytest_ftcheck.faults]
weight_of_a_thousand = our_package.faults
[pytest_ftcheck.engines]
own = our_package.engine:train
"""


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a package with entry points where Python finds it, as an installer does; return its folder."""
    site = pytester.mkdir("site")
    package, information = site / "our_package", site / "our_package-1.0.dist-info"
    package.mkdir()
    information.mkdir()
    files = {"__init__": "", "checks": CHECKS, "faults": FAULTS, "engine": ENGINE}
    for name, text in files.items():
        package.joinpath(f"{name}.py").write_text(text, encoding="utf-8")
    information.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: our-package\nVersion: 1.0\n")
    information.joinpath("entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    return site


SMALL = ("--ftcheck-task=sst2", "--ftcheck-max-train-rows=16", "--ftcheck-max-eval-rows=32", "-p", "no:cacheprovider")


@pytest.mark.usefixtures("installed")
def test_check_and_engine_of_another_package(pytester: pytest.Pytester) -> None:
    checks = "--ftcheck-checks=model.our_norm,model.finite"
    result = pytester.runpytest_subprocess(*SMALL, "--ftcheck-engine=own", checks)
    result.stdout.fnmatch_lines(["ftcheck: engine own *", "checks: 2 passed", "model of sst2, own, seed 0: *"])
    assert result.ret == 0


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
