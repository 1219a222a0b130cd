"""The baseline in a session: accepted on request, compared with from then on, never silently green."""

from __future__ import annotations

import json
import math
import shutil
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.gates.baseline_file import Candidate
from pytest_ftcheck.plugin.workers import SentBaselines
from pytest_ftcheck.sessions.baselines import Baselines
from pytest_ftcheck.sessions.session import FtcheckSession, Host
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.bundled import bundled_data
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.plugin.conftest import MadeUpRuns

    Session = Callable[..., tuple[pytest.RunResult, dict[str, Any]]]

OPTIONS = ("--ftcheck-task=mrpc", "--ftcheck-checks=metrics.floor,data.rows", "--ftcheck-json=out.json")
CARD = """
max_train_rows = 64
max_eval_rows = {rows}
[tasks.mrpc.recipe.tiny]
num_train_epochs = {epochs}
[tasks.mrpc.floors.tiny.tiny-bert]
accuracy = {{ {limits} }}
f1 = {{ {limits} }}
"""


@pytest.fixture
def write_card(project: pytest.Pytester) -> Callable[..., None]:
    def write(*, rows: int = 200, epochs: int = 1, limits: str = "max_drop = 0.02") -> None:
        project.makefile(".toml", ftcheck=CARD.format(rows=rows, epochs=epochs, limits=limits))

    return write


@pytest.fixture
def session(
    project: pytest.Pytester,
    made_up_runs: MadeUpRuns,
    write_card: Callable[..., None],
) -> Session:
    """Run a session over made-up runs; return what it printed and its JSON document."""
    assert made_up_runs.wrong
    write_card()

    def run(*options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
        path = project.path / "out.json"
        path.unlink(missing_ok=True)
        result = project.runpytest_inprocess(*OPTIONS, *options)
        return result, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    return run


@pytest.fixture
def accepted(session: Session, project: pytest.Pytester) -> Path:
    """The folder of a baseline that was just accepted."""
    result, _ = session("--ftcheck-update-baseline", "--ftcheck-reason=the first one")
    assert result.ret == pytest.ExitCode.OK
    return project.path / "ftcheck-baseline"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_accepted_can_be_reviewed(accepted: Path) -> None:
    text = (accepted / "baseline.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert text == json.dumps(document, indent=2, sort_keys=True) + "\n"
    ((key, entry),) = document["entries"].items()
    assert key.startswith("mrpc/tiny-bert/trainer/bundled/recipe-")
    assert entry["why"] == "the first one"
    assert entry["recipe"]["num_train_epochs"] == 1
    assert entry["recipe"]["max_length"] == 64
    assert entry["environment"].keys() >= {"torch", "transformers", "device", "dtype", "threads"}
    assert (entry["data"]["source"], entry["data"]["rows"], entry["data"]["train_rows"]) == ("bundled", 200, 64)
    assert entry["runs"]["0"]["metrics"]["accuracy"] == pytest.approx(0.9)
    (predictions,) = (accepted / "predictions").iterdir()
    assert predictions.name == entry["runs"]["0"]["predictions"]
    assert predictions.stat().st_size < 5000


@pytest.mark.usefixtures("accepted")
def test_an_equal_model_passes_and_says_what_it_was_compared_with(session: Session) -> None:
    result, document = session("--ftcheck-require-baseline")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*ftcheck: baseline*",
            "mrpc/tiny-bert/trainer/bundled/recipe-*, seed 0: accuracy 0.9000 → 0.9000, f1 * → *",
            "  accepted on 20*: the first one",
        ]
    )
    (comparison,) = document["baseline"]["comparisons"]
    assert comparison["flips"] == []
    assert comparison["differences"] == []


def test_a_worse_model_is_red_and_the_rows_that_flipped_are_listed(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path
) -> None:
    before = contents(accepted)
    made_up_runs.wrong = 0.2
    result, document = session()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*metrics.baseline: accuracy of mrpc with tiny-bert on bundled (200 rows)",
            "*expected  at most 0.0200 worse than the baseline's 0.9000",
            "*observed  0.9000 before, 0.8000 now, 0.1000 worse; p-value over rows *",
            "  20 rows flipped: 20 were right, 0 are right now; the worst:",
            "    row *: *equivalent: *equivalent → *equivalent  '*' | '*'",
        ]
    )
    assert sum(line.startswith("    row ") for line in result.outlines) == 5
    flips = document["baseline"]["comparisons"][0]["flips"]
    assert len(flips) == 20
    assert [flip["worse"] for flip in flips] == sorted((flip["worse"] for flip in flips), reverse=True)
    assert {"row", "id", "text", "label", "before", "after", "worse", "entities"} == flips[0].keys()
    assert all(flip["before"] == flip["label"] != flip["after"] for flip in flips)
    assert contents(accepted) == before


@pytest.mark.usefixtures("accepted")
def test_other_rows_are_not_comparable_and_red(session: Session, write_card: Callable[..., None]) -> None:
    write_card(rows=100)
    result, document = session()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*metrics.baseline: mrpc with tiny-bert on bundled, engine trainer",
            "*expected  the evaluation rows and the checkpoint of mrpc/tiny-bert/trainer/bundled/recipe-*",
            "*observed  not comparable: the baseline has 200 evaluated rows, the run 100",
            "  what to do: *--ftcheck-update-baseline*",
            "*: NOT COMPARABLE: the baseline has 200 evaluated rows, the run 100",
        ]
    )
    assert document["baseline"]["comparisons"][0]["not_comparable"]


@pytest.mark.usefixtures("accepted")
def test_other_rows_are_told_where_no_drop_is_limited(session: Session, write_card: Callable[..., None]) -> None:
    write_card(rows=100, limits="min = 0.8")
    result, _ = session()
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*: NOT COMPARABLE: the baseline has 200 evaluated rows, the run 100"])


@pytest.mark.usefixtures("accepted")
def test_another_recipe_is_compared_with_the_accepted_one_and_the_entry_is_reported(
    session: Session, made_up_runs: MadeUpRuns, write_card: Callable[..., None]
) -> None:
    made_up_runs.wrong = 0.25
    write_card(epochs=3)
    result, document = session()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "  accepted on * as mrpc/tiny-bert/trainer/bundled/recipe-*: the first one",
            "  changed since: num_train_epochs 1 → 3",
            "mrpc/tiny-bert/trainer/bundled/recipe-* in ftcheck-baseline/baseline.json matches no run of this session*",
        ]
    )
    assert len(document["baseline"]["unmatched"]) == 1


@pytest.mark.usefixtures("accepted")
def test_another_checkpoint_of_the_card_is_not_comparable(session: Session, project: pytest.Pytester) -> None:
    card = CARD.format(rows=200, epochs=1, limits="max_drop = 0.02").replace("tiny.tiny-bert", "tiny.tiny-distilbert")
    project.makefile(".toml", ftcheck=card + '[tasks.mrpc.checkpoint]\ntiny = "tiny-distilbert"\n')
    result, _ = session()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*observed  not comparable: the checkpoint was tiny-bert, and is tiny-distilbert",
            "mrpc/tiny-bert/trainer/bundled/recipe-* in ftcheck-baseline/baseline.json matches no run of this session*",
        ]
    )


@pytest.mark.usefixtures("accepted")
def test_a_checkpoint_of_the_command_line_has_a_baseline_of_its_own(session: Session, project: pytest.Pytester) -> None:
    card = CARD.format(rows=200, epochs=1, limits="min = 0.8").replace("tiny.tiny-bert", "tiny.tiny-distilbert")
    project.makefile(".toml", ftcheck=card)
    result, document = session("--ftcheck-model=tiny-distilbert")
    assert result.ret == pytest.ExitCode.OK
    assert document["baseline"] == {"comparisons": [], "accepted": [], "refused": [], "unmatched": []}
    result.stdout.no_fnmatch_line("*ftcheck: baseline*")


@pytest.fixture
def data_sets(project: pytest.Pytester) -> Path:
    """A folder with ``a``, the bundled rows, and ``b``, the same in another order: others are evaluated."""
    bundled = bundled_data("mrpc")
    assert bundled is not None
    for name, step in (("a", 1), ("b", -1)):
        folder = project.path / "data" / name
        folder.mkdir(parents=True)
        for split in ("train", "validation"):
            lines = (bundled / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[::step]
            (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return project.path / "data"


def test_data_sets_have_a_baseline_each(session: Session, data_sets: Path, accepted: Path) -> None:
    def run(data: Path | str, *options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
        return session("--ftcheck-tier=tiny", f"--ftcheck-data={data}", *options)

    for data in ("data/a", data_sets / "b"):
        assert run(data, "--ftcheck-update-baseline")[0].ret == pytest.ExitCode.OK
    entries = json.loads((accepted / "baseline.json").read_text(encoding="utf-8"))["entries"]
    assert [key.split("recipe-")[0].removeprefix("mrpc/tiny-bert/trainer/") for key in entries] == [
        "bundled/",
        "data/a/",
        "data/b/",
    ]
    result, document = run(data_sets / "a", "--ftcheck-require-baseline")
    assert result.ret == pytest.ExitCode.OK
    (note,) = document["baseline"]["comparisons"]
    assert note["key"] == note["accepted_key"]
    assert document["baseline"]["unmatched"] == []
    # Other rows in the same place are not another data set.
    for split in ("train", "validation"):
        (data_sets / "a" / f"{split}.jsonl").write_bytes((data_sets / "b" / f"{split}.jsonl").read_bytes())
    result, _ = run("data/a")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*observed  not comparable: * of 200 evaluation rows differ in *"])
    assert session()[1]["baseline"]["unmatched"] == []


@pytest.mark.usefixtures("accepted")
def test_the_card_s_data_that_moved_is_compared_and_other_data_is_told(
    session: Session, data_sets: Path, project: pytest.Pytester
) -> None:
    card = CARD.format(rows=200, epochs=1, limits="max_drop = 0.02")
    project.makefile(".toml", ftcheck=f'tier = "tiny"\n{card}[tasks.mrpc]\ndata = "data/a"\n')
    result, document = session()
    assert result.ret == pytest.ExitCode.OK
    (note,) = document["baseline"]["comparisons"]
    assert note["differences"] == ["data bundled → data/a"]
    shutil.rmtree(data_sets / "a")
    (data_sets / "b").rename(data_sets / "a")
    _, document = session()
    assert document["baseline"]["comparisons"] == []
    assert len(document["baseline"]["unmatched"]) == 1


def test_a_missing_baseline_fails_where_it_is_required(session: Session) -> None:
    result, _ = session("--ftcheck-require-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*expected  an accepted run in ftcheck-baseline/baseline.json, because of --ftcheck-require-baseline",
            "*observed  no entry mrpc/tiny-bert/trainer/bundled/recipe-*",
        ]
    )


def test_new_leaves_alone_what_is_there(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path, write_card: Callable[..., None]
) -> None:
    before = contents(accepted)
    made_up_runs.wrong = 0.09
    result, document = session("--ftcheck-update-baseline=new")
    assert result.ret == pytest.ExitCode.OK
    assert contents(accepted) == before
    assert document["baseline"]["accepted"] == []
    made_up_runs.wrong = 0.3
    write_card(epochs=2)
    result, document = session("--ftcheck-update-baseline=new")
    assert result.ret == pytest.ExitCode.OK
    assert [entry["new"] for entry in document["baseline"]["accepted"]] == [True]
    assert contents(accepted).items() >= {name: before[name] for name in before if "json" not in name}.items()
    assert len(json.loads((accepted / "baseline.json").read_text(encoding="utf-8"))["entries"]) == 2


def test_an_update_replaces_only_what_ran_and_says_what_changed(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path
) -> None:
    session("--ftcheck-update-baseline", "--ftcheck-engine=manual")
    made_up_runs.wrong = 0.3  # accepted on purpose: it is not compared with what it replaces
    result, _ = session("--ftcheck-update-baseline", "--ftcheck-reason=harder rows")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "mrpc/tiny-bert/trainer/bundled/recipe-*: accuracy 0.9000 → 0.7000*",
            "accepted (replaced): mrpc/tiny-bert/trainer/bundled/recipe-*, seed 0, in ftcheck-baseline/baseline.json",
        ]
    )
    entries = json.loads((accepted / "baseline.json").read_text(encoding="utf-8"))["entries"].values()
    found = {entry["engine"]: (entry["why"], entry["runs"]["0"]["metrics"]["accuracy"]) for entry in entries}
    assert found == {"manual": ("", 0.9), "trainer": ("harder rows", 0.7)}
    assert len(list((accepted / "predictions").iterdir())) == 2


def test_each_seed_is_compared_with_its_own(session: Session, made_up_runs: MadeUpRuns) -> None:
    session("--ftcheck-update-baseline", "--ftcheck-seeds=0-2")
    result, document = session("--ftcheck-seeds=2,7")
    assert result.ret == pytest.ExitCode.OK
    found = document["baseline"]["comparisons"]
    assert [(note["seed"], note["accepted_seed"]) for note in found] == [(2, 2), (7, 0)]
    assert ("mrpc", "trainer", 1) in made_up_runs.made
    seeds = {row["drop"]["seed_bound"] is None for row in document["gates"]}
    assert seeds == {False}  # three accepted seeds tell how far seeds spread


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ftcheck-update-baseline"], "--ftcheck-update-baseline is refused in CI"),
        (["--ftcheck-update-baseline=new"], "--ftcheck-update-baseline=new is refused in CI"),
        (["--ftcheck-update-baseline=al"], "unknown update 'al'. Did you mean 'all'?"),
        (["--ftcheck-reason=why"], "--ftcheck-reason gives the reason for an accepted baseline"),
        (
            ["--ftcheck-update-baseline=force", "--ftcheck-faults"],
            "--ftcheck-update-baseline has no effect with --ftcheck-faults. Give one",
        ),
        (
            ["--ftcheck-update-baseline=force", "--ftcheck-calibrate"],
            "--ftcheck-checks, --ftcheck-update-baseline have no effect with --ftcheck-calibrate",
        ),
    ],
)
def test_misuse_is_said_before_anything_trains(
    session: Session, made_up_runs: MadeUpRuns, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.setenv("CI", "true")
    result, _ = session(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in result.stderr.str()
    assert made_up_runs.made == []


def test_force_updates_where_ci_is_set(
    session: Session, monkeypatch: pytest.MonkeyPatch, project: pytest.Pytester
) -> None:
    monkeypatch.setenv("CI", "true")
    result, _ = session("--ftcheck-update-baseline=force")
    assert result.ret == pytest.ExitCode.OK
    assert (project.path / "ftcheck-baseline" / "baseline.json").is_file()


def test_a_failed_session_does_not_become_the_baseline(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path, write_card: Callable[..., None]
) -> None:
    before = contents(accepted)
    made_up_runs.wrong = 0.3
    write_card(limits="min = 0.95")
    result, document = session("--ftcheck-update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT ACCEPTED: the session failed: the baseline stays unchanged*"])
    assert document["baseline"]["refused"]
    assert contents(accepted) == before


@pytest.mark.parametrize("metrics", [{"f1": math.nan}, {"accuracy": math.inf}])
def test_a_metric_that_is_not_finite_is_red_and_never_accepted(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path, metrics: dict[str, float | None]
) -> None:
    before = contents(accepted)
    made_up_runs.broken[0] = metrics
    result, _ = session()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    ((name, value),) = metrics.items()
    result.stdout.fnmatch_lines([f"*metrics.baseline: {name} of mrpc*", f"*observed  0.* before, {value} now*"])
    result, _ = session("--ftcheck-update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT ACCEPTED: *this run cannot become a baseline."])
    assert contents(accepted) == before


def test_a_missing_metric_is_red_and_never_accepted(session: Session, made_up_runs: MadeUpRuns, accepted: Path) -> None:
    before = contents(accepted)
    made_up_runs.broken[0] = {"f1": None}
    result, _ = session()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*metrics.baseline: f1 of mrpc*", "*observed  the metric is not reported;*"])
    result, _ = session("--ftcheck-update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT ACCEPTED: *, seed 0: f1 = nan: this run cannot become a baseline."])
    assert contents(accepted) == before


@pytest.mark.parametrize("left", [0, 150])
def test_an_evaluation_that_lost_rows_is_red_and_never_accepted(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path, left: int
) -> None:
    before = contents(accepted)
    made_up_runs.lost = left
    result, _ = session()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*observed  not comparable: the baseline has 200 evaluated rows, the run {left}*"])
    result, _ = session("--ftcheck-update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT ACCEPTED: *this run cannot become a baseline."])
    assert contents(accepted) == before


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "baseline.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def truncate(folder: Path) -> None:
    (path,) = (folder / "predictions").iterdir()
    path.write_bytes(path.read_bytes()[:-100])


def remove(folder: Path) -> None:
    (path,) = (folder / "predictions").iterdir()
    path.unlink()


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "a metric was edited": (lambda folder: edit(folder, '"accuracy": 0.9', '"accuracy": 0.8'), "was edited"),
    "cut off": (lambda folder: edit(folder, "  }\n", ""), "is not valid JSON"),
    "truncated predictions": (truncate, "were truncated or edited"),
    "no predictions": (remove, "cannot be read: No such file"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_baseline_is_one_message_before_anything_trains(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path, how: str
) -> None:
    damage, words = BROKEN[how]
    damage(accepted)
    before = contents(accepted)
    made_up_runs.made.clear()
    result, _ = session()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in result.errlines if words in line]
    assert "from version control" in line
    assert made_up_runs.made == []
    assert contents(accepted) == before


def test_broken_predictions_can_be_replaced(session: Session, accepted: Path) -> None:
    truncate(accepted)
    assert session("--ftcheck-update-baseline")[0].ret == pytest.ExitCode.OK
    assert session("--ftcheck-require-baseline")[0].ret == pytest.ExitCode.OK


def test_why_may_be_edited(session: Session, accepted: Path) -> None:
    edit(accepted, "the first one", "the very first one")
    assert session()[0].ret == pytest.ExitCode.OK


def test_an_update_that_cannot_write_leaves_the_old_baseline(
    session: Session, made_up_runs: MadeUpRuns, accepted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(accepted)
    made_up_runs.wrong = 0.05

    def full(path: Path, content: bytes) -> None:
        if path.name == "baseline.json":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("pytest_ftcheck.gates.baseline_file.write_whole", full)
    result, _ = session("--ftcheck-update-baseline")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["NOT ACCEPTED: *cannot be written and stays unchanged: *No space left*Free some space*"]
    )
    assert contents(accepted).items() >= before.items()


def test_what_a_killed_session_left_is_gone_after_the_next_one(session: Session, project: pytest.Pytester) -> None:
    left = project.path / ".ftcheck-0123456789abcdef.new"
    left.write_text("half of the limits", encoding="utf-8")
    session()  # it writes no limits
    assert not left.exists()


def test_an_interrupted_session_leaves_the_old_baseline(
    session: Session, accepted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(accepted)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pytest_ftcheck.training.train_or_load.train_or_load", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session("--ftcheck-update-baseline")
    assert contents(accepted) == before


def test_workers_tell_the_controller(accepted: Path, project: pytest.Pytester) -> None:
    execnet = pytest.importorskip("execnet")
    settings = Settings(tasks=("mrpc",), update_baseline="all", rootdir=project.path)
    host = Host(folder=lambda: project.path, scratch=lambda: project.path, listening=lambda: nullcontext(silent))
    worker, controller = Baselines(settings), FtcheckSession(settings, host)
    (entry,) = worker.entries.values()
    worker.candidates[entry.key, 3] = Candidate(entry, 3, {"accuracy": 0.9}, b"\x00rows")
    worker.ran[entry.key] = entry
    node = SimpleNamespace(workeroutput={"ftcheck_baselines": execnet.loads(execnet.dumps(worker.to_send()))})
    SentBaselines(controller).pytest_testnodedown(node)
    assert controller.baselines is not None
    assert controller.baselines.candidates == worker.candidates
    assert controller.baselines.ran == {entry.key: entry}
    assert (accepted / "baseline.json").is_file()
