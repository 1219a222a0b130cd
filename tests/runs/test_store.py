"""The run store: trained once a key, whole or not there, shared by processes."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from filelock import FileLock

from pytest_ftcheck.errors import CheckFailure, StoreError
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.pipeline.reads.inputs import Inputs
from pytest_ftcheck.runs import store as module
from pytest_ftcheck.runs.key import RunKey
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.run_inputs import RunInputs
from pytest_ftcheck.runs.store import MANIFEST, RunStore, default_store
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = RunKey(
    task="mrpc",
    head="sequence-classification",
    labels=("no", "yes"),
    checkpoint="tiny-bert",
    weights="w",
    tokenizer="t",
    data="d",
    collator="c",
    metrics="m",
    recipe="r",
    trainer="t",
    engine="manual",
    seed=0,
    code="c",
    versions="v",
    device="cpu",
    dtype="float32",
    threads=1,
    kernels="of PyTorch",
)


def write_run(folder: Path, seed: int = 0) -> Run:
    """Do what training does, without it."""
    (folder / "model").mkdir()
    (folder / "model" / "model.safetensors").write_bytes(b"weights")
    run = Run(
        task="mrpc",
        engine="manual",
        seed=seed,
        head="sequence-classification",
        checkpoint="tiny-bert",
        metrics={"accuracy": 0.75},
        epochs=(),
        best_epoch=None,
        step_losses=(0.5,),
        log_history=(),
        logits=np.array([[0.25, 0.75]], np.float32),
        label_ids=np.array([1]),
        train_rows=2,
        timings={},
        environment={},
        trace=Trace(),
        folder=folder,
    )
    run.write()
    return run


class Training:
    """Counts how often it is asked to train."""

    def __init__(self, train: Callable[[Path], Run] = write_run) -> None:
        self.train = train
        self.folders: list[Path] = []

    def __call__(self, folder: Path) -> Run:
        self.folders.append(folder)
        assert list(folder.iterdir()) == []
        return self.train(folder)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def entry(store: RunStore) -> Path:
    """A whole entry of the store."""
    return store.get_or_train(KEY, write_run).folder


def entries(store: RunStore) -> list[str]:
    return sorted(path.name for path in store.root.iterdir() if not path.name.endswith(".lock"))


def test_run_is_trained_once_and_then_reused(store: RunStore) -> None:
    training = Training()
    first = store.get_or_train(KEY, training)
    second = store.get_or_train(KEY, training)
    third = RunStore(store.root).get_or_train(KEY, training)
    assert len(training.folders) == 1
    assert [run.reused for run in (first, second, third)] == [False, True, True]
    assert {run.folder for run in (first, second, third)} == {store.root / KEY.digest}
    assert third.metrics == first.metrics
    assert (third.model_folder / "model.safetensors").read_bytes() == b"weights"
    assert store.notes == []


@pytest.mark.parametrize("field", [field.name for field in fields(RunKey) if field.compare])
def test_every_field_of_the_key_makes_another_run(store: RunStore, entry: Path, field: str) -> None:
    old = getattr(KEY, field)
    new: Any = old[::-1] if field == "labels" else old + (1 if isinstance(old, int) else "x")
    training = Training()
    run = store.get_or_train(replace(KEY, **{field: new}), training)
    assert len(training.folders) == 1
    assert run.folder != entry


def test_entry_holds_its_key_and_a_hash_of_every_file(entry: Path) -> None:
    manifest = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
    told = {field.name: getattr(KEY, field.name) for field in fields(RunKey) if field.compare}
    assert manifest["key"] == {**told, "labels": ["no", "yes"]}
    assert set(manifest["files"]) == {"run.json", "predictions.npz", "model/model.safetensors"}


# -- interrupted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [RuntimeError("planted"), KeyboardInterrupt(), CheckFailure([Finding("a.b", "mrpc", "finite", "nan")])],
    ids=lambda error: type(error).__name__,
)
def test_training_that_fails_leaves_nothing(store: RunStore, error: BaseException) -> None:
    def fail(folder: Path) -> Run:
        write_run(folder)
        raise error

    with pytest.raises(type(error)):
        store.get_or_train(KEY, fail)
    assert entries(store) == []
    assert not store.get_or_train(KEY, write_run).reused
    assert store.notes == []


def test_disk_that_fills_up_is_a_store_error(store: RunStore) -> None:
    def fail(_folder: Path) -> Run:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match=r"No space left on device.*Free some space"):
        store.get_or_train(KEY, fail)
    assert entries(store) == []


IMPORTED = f"""
import os, sys, time
from pathlib import Path
import numpy as np
from pytest_ftcheck.runs import store as module
from pytest_ftcheck.runs.key import RunKey
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.runs.trace import Trace

key = {KEY!r}

def write_run(folder):
    (folder / "model").mkdir()
    (folder / "model" / "model.safetensors").write_bytes(b"half")
    nothing = dict.fromkeys(("task", "engine", "head", "checkpoint"), "x")
    run = Run(**nothing, seed=0, metrics={{}}, epochs=(), best_epoch=None, step_losses=(), log_history=(),
              logits=np.zeros((1, 2)), label_ids=np.zeros(1), train_rows=1, timings={{}}, environment={{}},
              trace=Trace(), folder=folder)
    run.write()
    return run

"""


def in_processes(script: str, *arguments: str) -> list[str]:
    """Run a script that forks: its imports take seconds, and are done once. Return what its processes print."""
    command = [sys.executable, "-c", IMPORTED + textwrap.dedent(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.splitlines()


KILLED = {
    "while it trains": "def train(folder): write_run(folder); os.kill(os.getpid(), 9)",
    "before the manifest": "train = write_run; module._write_manifest = lambda *_: os.kill(os.getpid(), 9)",
    "before the rename": "train = write_run; Path.rename = lambda *_: os.kill(os.getpid(), 9)",
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the store of each process that was killed, by the moment."""
    folder = tmp_path_factory.mktemp("killed")
    script = """
        moments = eval(sys.argv[2])
        for name, moment in moments.items():
            child = os.fork()
            if not child:
                try:
                    exec(moment)
                    module.RunStore(Path(sys.argv[1]) / name).get_or_train(key, train)
                finally:
                    os._exit(1)
            print(os.WTERMSIG(os.waitpid(child, 0)[1]))
    """
    assert in_processes(script, str(folder), repr(KILLED)) == [str(int(signal.SIGKILL))] * len(KILLED)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("moment", KILLED)
def test_process_that_is_killed_leaves_nothing_that_looks_whole(killed: Path, moment: str) -> None:
    assert [path.name for path in (killed / moment).iterdir() if path.is_dir()] == [f"{KEY.digest}.side"]
    store = RunStore(killed / moment)
    run = store.get_or_train(KEY, Training())
    assert not run.reused
    assert (run.model_folder / "model.safetensors").read_bytes() == b"weights"
    assert entries(store) == [KEY.digest]


# -- corrupt ----------------------------------------------------------------------------------------------------------


def empty(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.mkdir()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def rewritten(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Change the manifest, and let its own digest fit again."""

    def rewrite(entry: Path) -> None:
        manifest = json.loads((entry / MANIFEST).read_text())
        del manifest["digest"]
        change(manifest)
        manifest["digest"] = module._self_digest(manifest)
        (entry / MANIFEST).write_text(json.dumps(manifest))

    return rewrite


def forget_model(manifest: dict[str, Any]) -> None:
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if not name.startswith("model")}


def copy_of_another_key(entry: Path) -> None:
    other = RunStore(entry.parent).get_or_train(replace(KEY, seed=1), write_run)
    shutil.rmtree(entry)
    shutil.copytree(other.folder, entry)


def model_gone(entry: Path) -> None:
    shutil.rmtree(entry / "model")
    rewritten(forget_model)(entry)


CORRUPT: dict[str, tuple[Callable[[Path], object], str]] = {
    "edited weights": (
        lambda entry: (entry / "model" / "model.safetensors").write_bytes(b"other"),
        "model/model.safetensors was changed",
    ),
    "edited record": (
        lambda entry: (entry / "run.json").write_text((entry / "run.json").read_text().replace("0.75", "0.95")),
        "run.json was changed",
    ),
    "truncated predictions": (lambda entry: truncate(entry / "predictions.npz"), "predictions.npz was changed"),
    "missing predictions": (lambda entry: (entry / "predictions.npz").unlink(), "predictions.npz is missing"),
    "missing model": (lambda entry: shutil.rmtree(entry / "model"), "model/model.safetensors is missing"),
    "missing manifest": (lambda entry: (entry / MANIFEST).unlink(), "there is no manifest: writing was interrupted"),
    "truncated manifest": (lambda entry: truncate(entry / MANIFEST), "JSONDecodeError"),
    "empty manifest": (lambda entry: (entry / MANIFEST).write_text(""), "JSONDecodeError"),
    "binary manifest": (lambda entry: (entry / MANIFEST).write_bytes(b"\xff\xfe"), "UnicodeDecodeError"),
    "manifest of another kind": (lambda entry: (entry / MANIFEST).write_text("[]"), "AttributeError"),
    "manifest of an older version": (
        lambda entry: (entry / MANIFEST).write_text('{"files": {}}'),
        "schema None, not 4",
    ),
    "edited manifest": (
        lambda entry: (entry / MANIFEST).write_text((entry / MANIFEST).read_text().replace('"mrpc"', '"sst2"')),
        "the manifest was changed",
    ),
    "run of another key": (copy_of_another_key, "the manifest has the key of another run"),
    "list of no files": (rewritten(lambda manifest: manifest.update(files={})), "does not name run.json"),
    "list without the model": (rewritten(forget_model), "does not name model/"),
    "model gone": (model_gone, "does not name model/"),
    "file added": (lambda entry: (entry / "model" / "adapter.json").write_text("{}"), "model/adapter.json was added"),
    "empty folder": (empty, "no manifest"),
}


def test_run_with_a_part_that_nothing_describes_lies_aside(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "kept", kept=True, aside=tmp_path / "aside")
    unstable = replace(KEY, unstable=("data_collator.client is a socket.socket",))
    run = store.get_or_train(unstable, write_run)
    assert run.folder == tmp_path / "aside" / unstable.digest
    assert store.get_or_train(unstable, write_run).reused  # within the session
    assert entries(store) == []


class Reading(RunInputs):
    """Pretends that something was read."""

    def __init__(self, root: Path, *, changed: bool = False) -> None:
        super().__init__(Inputs(root), "session")
        self._changed = changed

    def record(self) -> dict[str, Any]:
        return {"files": {"config.json": "abc"}}

    def changed(self, record: Any) -> list[str]:
        assert record == self.record()
        return ["config.json"] if self._changed else []


def test_kept_run_is_taken_only_where_its_inputs_are_the_same(store: RunStore, tmp_path: Path) -> None:
    training = Training()
    store.get_or_train(KEY, training, Reading(tmp_path))
    assert store.get_or_train(KEY, training, Reading(tmp_path)).reused
    assert store.notes == []
    assert not store.get_or_train(KEY, training, Reading(tmp_path, changed=True)).reused
    assert store.notes == ["the stored run was made with a different config.json: trained again"]
    assert len(training.folders) == 2


@pytest.mark.parametrize(("corrupt", "reason"), CORRUPT.values(), ids=CORRUPT.keys())
def test_entry_that_is_not_whole_is_noted_and_made_anew(
    store: RunStore, entry: Path, corrupt: Callable[[Path], object], reason: str
) -> None:
    corrupt(entry)
    training = Training()
    run = store.get_or_train(KEY, training)
    assert len(training.folders) == 1
    assert not run.reused
    (note,) = store.notes
    assert KEY.digest in note
    assert reason in note
    assert "ignored, trained again" in note
    assert store.get_or_train(KEY, training).reused
    assert len(store.notes) == 1


# -- where it lies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["file/runs", "file"])
def test_root_that_cannot_be_written_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot write to the run store .*file.*--ftcheck-store"):
        RunStore(tmp_path / below)


def test_folders_of_the_root_are_made_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    RunStore(root)
    assert list(root.iterdir()) == []


def test_default_store_lies_in_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "user_cache_path", lambda name: tmp_path / name)
    assert default_store() == tmp_path / "pytest-ftcheck" / "runs"


# -- shared -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_processes_that_ask_at_the_same_time_train_once(store: RunStore, tmp_path: Path) -> None:
    script = """
        here = Path(sys.argv[2])
        def train(folder):
            (here / f"trained-{os.getpid()}").touch()
            time.sleep(0.5)
            return write_run(folder)
        def ask():
            store = module.RunStore(Path(sys.argv[1]))
            (here / f"ready-{os.getpid()}").touch()
            while len(list(here.glob("ready-*"))) < 3:
                time.sleep(0.005)
            os.write(1, f"{store.get_or_train(key, train).reused}\\n".encode())
        children = []
        for _ in range(3):
            child = os.fork()
            if not child:
                try:
                    ask()
                finally:
                    os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)
    """
    answers = in_processes(script, str(store.root), str(tmp_path))
    assert sorted(answers) == ["False", "True", "True"]
    assert len(list(tmp_path.glob("trained-*"))) == 1
    assert entries(store) == [KEY.digest]


@pytest.fixture
def read_only(entry: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one run, on a disk that cannot be written."""
    root, touch = entry.parent, type(entry).touch

    def refuse(path: Path, **keywords: Any) -> None:
        if path.parent == root:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        touch(path, **keywords)

    monkeypatch.setattr(type(entry), "touch", refuse)
    return root


def test_runs_are_taken_out_of_a_store_that_is_read_only(read_only: Path, tmp_path: Path) -> None:
    before = sorted(read_only.iterdir())
    store, training = RunStore(read_only, kept=True, aside=tmp_path / "own"), Training()
    assert store.notes == [f"the run store {read_only} is read-only: its runs are reused, but new runs are not stored"]
    assert store.get_or_train(KEY, training).reused
    other = store.get_or_train(replace(KEY, seed=1), training)
    assert other.folder.parent == tmp_path / "own"
    assert store.get_or_train(replace(KEY, seed=1), training).folder == other.folder
    assert len(training.folders) == 1
    assert sorted(read_only.iterdir()) == before


def test_a_read_only_store_is_refused_where_runs_can_lie_nowhere_else(read_only: Path) -> None:
    with pytest.raises(StoreError, match=r"Read-only file system\. Make it writable, or give another --ftcheck-store"):
        RunStore(read_only)


def test_a_lock_that_cannot_be_opened_is_one_message(store: RunStore) -> None:
    (store.root / f"{KEY.digest}.lock").mkdir()
    with pytest.raises(StoreError, match="cannot write to the run store"):
        store.get_or_train(KEY, write_run)


def test_what_a_killed_process_wrote_is_gone_in_the_next_session(store: RunStore) -> None:
    for name in ("a" * 32, "b" * 32):
        (store.root / f"{name}.side" / "model").mkdir(parents=True)
    with FileLock(store.root / f"{'b' * 32}.lock"):  # this one is being written
        RunStore(store.root)
        assert not (store.root / f"{'a' * 32}.side").exists()
        assert (store.root / f"{'b' * 32}.side" / "model").is_dir()
    RunStore(store.root)
    assert not (store.root / f"{'b' * 32}.side").exists()


def test_what_a_process_left_that_was_killed_when_it_opened_the_store_is_gone(store: RunStore) -> None:
    (store.root / ".probe-1").touch()
    RunStore(store.root)
    assert list(store.root.iterdir()) == []


def test_a_probe_that_another_process_removes_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch = type(tmp_path).touch

    def touch_and_lose(path: Path, **keywords: Any) -> None:
        touch(path, **keywords)
        path.unlink()

    monkeypatch.setattr(type(tmp_path), "touch", touch_and_lose)
    RunStore(tmp_path / "runs")


def test_a_limit_on_the_size_of_files_is_no_full_disk(store: RunStore) -> None:
    def fail(_folder: Path) -> Run:
        raise OSError(errno.EFBIG, "File too large")

    with pytest.raises(StoreError, match=r"File too large\. Raise the limit .*, or give another --ftcheck-store"):
        store.get_or_train(KEY, fail)
