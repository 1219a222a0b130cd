"""A user's project in a folder of its own, with recipes of two optimizer steps."""

from __future__ import annotations

import importlib
import json
import math
import os
import pkgutil
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from transformers import EvalPrediction

import pytest_ftcheck
from pytest_ftcheck.errors import CheckFailure
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from pytest_ftcheck.tasks.card import builtin_tasks
from pytest_ftcheck.training.train_or_load import environment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.catalogue import Check
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.store import RunStore

    GateSession = Callable[..., dict[str, Any]]

QUICK = """
max_train_rows = 64
max_eval_rows = 32
""" + "".join(
    f"""
[tasks.{task}.recipe.tiny]
num_train_epochs = 1
[tasks.{task}.floors.tiny.tiny-bert]
{floors}
"""
    for task, floors in (("mrpc", "accuracy = LEFT\nf1 = LEFT\nECE"), ("sst2", "accuracy = LEFT\nECE"))
)
QUICK = QUICK.replace("LEFT", "{ max_drop = 0.9 }").replace("ECE", "expected_calibration_error = { max = 0.99 }")
"""Two optimizer steps, and thresholds that any model keeps to: a floor that it reaches would be refused."""

REVIEWS = """
tier = "tiny"

[tasks.reviews]
head = "sequence-classification"
text_columns = ["text"]
label_column = "label"
label_names = ["bad", "good"]
data = "data"
metric = { path = "accuracy", greater_is_better = { accuracy = true } }
checkpoint = { tiny = "tiny-bert" }
recipe = { num_train_epochs = 1 }
"""
"""A task of the user, over the CSV files of `reviews`."""


@pytest.fixture(scope="session")
def _imported(make_pipeline: Callable[..., Pipeline], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import whatever a session imports late: pytester forgets what is first imported inside of it, and torch minds."""
    import torch

    from pytest_ftcheck.runs.store import RunStore
    from pytest_ftcheck.training.train_or_load import train_or_load

    for module in pkgutil.walk_packages(pytest_ftcheck.__path__, "pytest_ftcheck."):
        importlib.import_module(module.name)
    pipeline = make_pipeline("sst2", train_rows=8, eval_rows=8)
    store = RunStore(tmp_path_factory.mktemp("runs"))
    for engine in ("trainer", "manual"):
        train_or_load(pipeline, Settings(), store, engine=engine, seed=0).load_model()
    torch.compile(torch.nn.Identity(), backend="eager")


@pytest.fixture
def project(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    read_document: Callable[[str], dict[str, Any]],
    _imported: None,
) -> Iterator[pytest.Pytester]:
    """An empty folder but for an ``ftcheck.toml`` with quick recipes for mrpc and sst2.

    The last document that a session writes there as ``out.json`` must be what the schema says.
    """
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # the plugin sets it for the whole process: restored after the test
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)  # of the workflow that runs the tests
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # of the tests, not of the session that they start
    pytester.makefile(".toml", ftcheck=QUICK)
    yield pytester
    if (pytester.path / "out.json").exists():
        read_document((pytester.path / "out.json").read_text(encoding="utf-8"))


@pytest.fixture
def few_checks(_imported: None, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Check]:
    """Put a few checks in the place of the whole catalogue: one of every cost, and what a session must tell apart."""
    from pytest_ftcheck.checks.catalogue import Check, NotApplicable, finding

    def rows(evidence: Any, thresholds: Any) -> list[Finding]:
        """No more rows than the limit."""
        count = len(evidence.pipeline.train_dataset)
        return [] if count <= thresholds["most"] else [finding(f"at most {thresholds['most']:g} rows", f"{count} rows")]

    def mask(evidence: Any, _: Any) -> list[Finding]:
        """Batches have an attention mask."""
        batch = evidence.collate(evidence.features(evidence.pipeline.train_dataset, [0, 1]))
        return [] if "attention_mask" in batch else [finding("a mask", "none")]

    def text(_: Any, __: Any) -> list[Finding]:
        """Something that nobody can ask."""
        msg = "no raw text is known"
        raise NotApplicable(msg)

    def logits_shape(evidence: Any, _: Any) -> list[Finding]:
        """One row of logits for every evaluated row."""
        return [] if len(evidence.run.logits) == len(evidence.pipeline.eval_dataset) else [finding("all", "some")]

    def finite_loss(evidence: Any, _: Any) -> list[Finding]:
        """The loss is finite."""
        return [] if all(map(math.isfinite, evidence.run.step_losses)) else [finding("finite", "not")]

    def short(evidence: Any, _: Any) -> list[Finding]:
        """A step moves the loss."""
        return [] if len(evidence.probe(steps=1).losses) == 1 else [finding("one step", "none")]

    def parity(evidence: Any, _: Any) -> list[Finding]:
        """Both engines agree."""
        if evidence.other_run is None:
            msg = "one engine runs"
            raise NotApplicable(msg)
        return [] if evidence.other_run().engine != evidence.engine else [finding("another engine", "the same")]

    known = [
        Check("data.rows", rows, "free", "too many rows", "take fewer.", thresholds={"most": 1000}),
        Check("data.text", text, "free", "nothing", "nothing."),
        Check("collator.mask", mask, "forward", "no mask", "add one."),
        Check("model.logits_shape", logits_shape, "run", "lost rows", "find them."),
        Check("training.short", short, "extra-training", "no step", "step.", tolerance={"float32": 1e-4}),
        Check("training.finite_loss", finite_loss, "run", "overflow", "lower the learning rate."),
        Check("training.engine_parity", parity, "run", "engines that differ", "compare them."),
    ]
    catalogue = {check.id: check for check in known}
    monkeypatch.setattr("pytest_ftcheck.judging.checks.catalogue", lambda: catalogue)
    monkeypatch.setattr("pytest_ftcheck.judging.selection.COST_OF", {check.id: check.cost for check in known})
    # The cards' budgets are those of the real checks.
    cards = {name: {**table, "checks": {}} for name, table in builtin_tasks().items()}
    monkeypatch.setattr("pytest_ftcheck.tasks.card.builtin_tasks", lambda: cards)
    return catalogue


@pytest.fixture
def run_pytest(project: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run pytest in the project's folder, in this process."""
    return project.runpytest_inprocess


@pytest.fixture
def reviews(project: pytest.Pytester) -> pytest.Pytester:
    """A project with a task of its own: ``reviews``, two columns in CSV files."""
    project.makefile(".toml", ftcheck=REVIEWS)
    data = project.mkdir("data")
    rows = ["the food was great,1", "the food was awful,0", "we loved the music,1", "we hated the room,0"]
    for split, copies in (("train", 8), ("validation", 4)):
        (data / f"{split}.csv").write_text("text,label\n" + "\n".join(rows * copies) + "\n", encoding="utf-8")
    return project


@pytest.fixture
def checkpoint(project: pytest.Pytester) -> Callable[..., Path]:
    """Copy the bundled checkpoint without some of its files, with some other values in its config."""

    def copy(*without: str, **config: object) -> Path:
        folder = project.path / "checkpoint"
        shutil.copytree(bundled_checkpoint("tiny-bert"), folder, ignore=shutil.ignore_patterns(*without))
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | config), encoding="utf-8")
        return folder

    return copy


@pytest.fixture(scope="session")
def own_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run pytest, or other arguments of Python, in a folder and a process of its own, as a user would.

    The package that is imported there is the one under test here, which need not be the installed one (a git worktree).
    """
    under_test = Path(pytest_ftcheck.__file__).parents[1]

    def run(folder: Path, *args: str, python: tuple[str, ...] = ("-m", "pytest")) -> subprocess.CompletedProcess[str]:
        names = ("PYTEST_", "PYTHON", "HF_", "GITHUB_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
        # pytest removes all but its newest three temporary folders, also those of other sessions of this machine.
        temporary = folder.with_name(f"{folder.name}-temporary")
        temporary.mkdir(exist_ok=True)
        own = {
            "PYTHONPATH": str(under_test),
            "PYTEST_DEBUG_TEMPROOT": str(temporary),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "COLUMNS": "120",
        }
        return subprocess.run(
            [sys.executable, *python, *args],
            cwd=folder,
            env=environment | own,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def quick_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a folder with quick recipes, for processes of their own."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / "ftcheck.toml").write_text(QUICK, encoding="utf-8")
        return folder

    return make


@dataclass
class MadeUpRuns:
    """Stands in for training: a run whose predictions are wrong in a share of the rows."""

    wrong: float = 0.1
    """Share of the rows, the first of a shuffle; further ones by seed."""
    spread: int = 2
    """Rows that are wrong in one seed and not in the next, at most."""
    right: dict[int, int] = field(default_factory=dict)
    """Rows that are right in a seed, in the place of `wrong` and `spread`."""
    margins: tuple[float, float] = (2.0, 4.0)
    """How far apart the logits of the first and of the last row are."""
    logits: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    """All logits of a seed, [B, 2], in the place of those of `right`, `wrong` and `margins`."""
    broken: dict[int, dict[str, float | None]] = field(default_factory=dict)
    """Metrics that a seed reports instead of its own, or with None does not; an empty table makes the seed diverge."""
    lost: int | None = None
    """Rows from this one on are not evaluated."""
    made: list[tuple[str, str, int]] = field(default_factory=list)
    """Task, engine and seed of every run that was asked for."""

    def train_or_load(self, pipeline: Pipeline, settings: Settings, store: RunStore, **asked: Any) -> Run:
        """Make a run; the arguments are those of `pytest_ftcheck.training.train_or_load.train_or_load`."""
        engine, seed = str(asked["engine"]), int(asked["seed"])
        self.made.append((pipeline.card.name, engine, seed))
        if self.broken.get(seed) == {}:
            raise CheckFailure([Finding("training.finite_loss", pipeline.subject, "a finite loss", "nan at step 1")])
        labels = np.array(pipeline.eval_dataset["labels"])
        logits = self.logits.get(seed, self._made_up_logits(labels, seed))
        assert pipeline.compute_metrics is not None
        metrics = pipeline.compute_metrics(EvalPrediction(logits, labels))
        reported: dict[str, float | None] = {"loss": 0.5}
        reported.update(metrics)
        reported.update(self.broken.get(seed, {}))
        folder = store.root / f"{pipeline.card.name}-{engine}-{seed}"
        return Run(
            task=pipeline.card.name,
            engine=engine,
            seed=seed,
            head=pipeline.card.head,
            checkpoint=pipeline.checkpoint.name,
            metrics={name: value for name, value in reported.items() if value is not None},
            epochs=(),
            best_epoch=None,
            step_losses=(0.5,),
            log_history=(),
            logits=logits[: self.lost],
            label_ids=labels[: self.lost],
            train_rows=len(pipeline.train_dataset),
            timings={"train": 1.5},
            environment=environment_of(settings, pipeline),
            trace=Trace(),
            folder=folder,
        )

    def _made_up_logits(self, labels: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
        count = round(self.wrong * len(labels)) + seed % (self.spread + 1)
        if seed in self.right:
            count = len(labels) - self.right[seed]
        wrong = np.random.default_rng(0).permutation(len(labels))[:count]
        predicted = labels.copy()
        predicted[wrong] = 1 - labels[wrong]
        first, last = self.margins
        scores = np.where(np.eye(2)[predicted] > 0, 0.5, -0.5) * np.linspace(first, last, len(labels))[:, None]
        return scores.astype(np.float32)


@pytest.fixture
def made_up_runs(few_checks: Mapping[str, Check], monkeypatch: pytest.MonkeyPatch) -> MadeUpRuns:
    """Put made-up runs in the place of training; few checks, as no trace and no model are there to look at."""
    assert few_checks
    runs = MadeUpRuns()
    monkeypatch.setattr("pytest_ftcheck.training.train_or_load.train_or_load", runs.train_or_load)
    return runs


@pytest.fixture
def gate_session(project: pytest.Pytester, made_up_runs: MadeUpRuns) -> GateSession:
    """Run the gates of sst2 over made-up runs, with some floors; return the JSON document with ``output``."""
    made_up_runs.right[0] = 370

    def run(floors: str, *options: str, card: str = "") -> dict[str, Any]:
        text = f"max_train_rows = 64\n[tasks.sst2]\n{card}\n[tasks.sst2.floors.tiny.tiny-bert]\n{floors}\n"
        project.makefile(".toml", ftcheck=text)
        result = project.runpytest_inprocess(
            "--ftcheck-task=sst2", "--ftcheck-json=out.json", "--ftcheck-checks=metrics", *options
        )
        assert result.ret != pytest.ExitCode.USAGE_ERROR, result.stderr.str()
        document: dict[str, Any] = json.loads((project.path / "out.json").read_text(encoding="utf-8"))
        assert document["exit_status"] == result.ret
        return document | {"output": result.stdout.str()}

    return run
