"""Command line and configuration file become one `Settings`; what is wrong is said in full."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_ftcheck.configuration import _NOT_PATHS, COMMAND_LINE_ALONE, make_settings, read_config
from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.option_values import PARSERS
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS


def configured(folder: Path, toml: str, name: str = "pyproject.toml") -> Path:
    (folder / name).write_text(toml, encoding="utf-8")
    return folder


def message(options: dict[str, Any], rootdir: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        make_settings(options, rootdir)
    return str(caught.value)


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "ftcheck.toml").write_bytes(b"\xef\xbb\xbftier = 'full'")
    assert make_settings({}, tmp_path).tier == "full"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"tier = '\xff'", "is not valid TOML"),
        (b"tier = " + b"[" * 100_000, "nested too deep"),
        (b"tier", "is not valid TOML"),
    ],
    ids=["not UTF-8", "deep", "no value"],
)
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "ftcheck.toml").write_bytes(content)
    assert words in message({}, tmp_path)
    assert str(tmp_path / "ftcheck.toml") in message({}, tmp_path)


def test_nothing_given_means_the_defaults(tmp_path: Path) -> None:
    assert make_settings({}, tmp_path) == Settings(rootdir=tmp_path)


def test_every_kind_of_value_is_read_from_the_command_line(tmp_path: Path) -> None:
    options = {
        "tasks": ["mrpc, qnli", "mrpc"],
        "tier": "full",
        "engines": "both",
        "seeds": "0-2,7",
        "dtype": "bfloat16",
        "threads": "4",
        "max_train_rows": "100",
        "online": True,
        "store": "runs",
        "model": None,
        "trainer": "my_project.train:build",
        "no_train": True,
        "checks": ["data,-training", "collator.mask"],
    }
    assert make_settings(options, tmp_path, workers=3) == Settings(
        tasks=("mrpc", "qnli"),
        tier="full",
        engines=("trainer", "manual"),
        seeds=(0, 1, 2, 7),
        dtype="bfloat16",
        threads=4,
        max_train_rows=100,
        online=True,
        store=Path("runs"),
        rootdir=tmp_path,
        workers=3,
        trainer="my_project.train:build",
        no_train=True,
        checks=("data", "-training", "collator.mask"),
    )


WRONG_VALUES = [
    ("tier", "tiney", "--ftcheck-tier = 'tiney': unknown tier 'tiney'. Did you mean 'tiny'? Known: full, tiny."),
    (
        "engines",
        "trianer",
        "--ftcheck-engine = 'trianer': unknown engine 'trianer'. Did you mean 'trainer'? Known: both, manual, trainer.",
    ),
    (
        "engines",
        "",
        "--ftcheck-engine = '': expected one or more of trainer, manual, both, without empty entries between commas.",
    ),
    (
        "dtype",
        "BFloat16",
        (
            "--ftcheck-dtype = 'BFloat16': unknown dtype 'BFloat16'. Did you mean 'bfloat16'? "
            "Known: bfloat16, float16, float32."
        ),
    ),
    (
        "tasks",
        [""],
        (
            "--ftcheck-task = ['']: expected names of tasks, for example mrpc; --ftcheck-list shows them, without "
            "empty entries between commas."
        ),
    ),
    (
        "seeds",
        ",",
        (
            "--ftcheck-seeds = ',': expected at least one seed, for example 0 or 0-4, without empty entries "
            "between commas."
        ),
    ),
    (
        "seeds",
        "0-4294967295",
        "--ftcheck-seeds = '0-4294967295': 0-4294967295 are 4294967296 seeds, and each is trained: at most 10000.",
    ),
    ("threads", "٣", "--ftcheck-threads = '٣': expected an integer from 1 to 1024."),
    (
        "trainer",
        "train.py",
        (
            "--ftcheck-trainer = 'train.py': expected package.module:factory or path/to/train.py:factory, "
            "with the name of a function after the colon."
        ),
    ),
    ("reason", " ", "--ftcheck-reason = ' ': expected a string that is not empty."),
    (
        "device",
        "gpu",
        (
            "--ftcheck-device = 'gpu': unknown device 'gpu'. Did you mean 'cpu'? Known: cpu, cuda, mps. "
            "CUDA_VISIBLE_DEVICES chooses among several GPUs."
        ),
    ),
    ("max_eval_rows", "0", "--ftcheck-max-eval-rows = '0': expected an integer from 1 to 2147483647."),
    ("threads", "two", "--ftcheck-threads = 'two': expected an integer from 1 to 1024."),
    ("threads", "²", "--ftcheck-threads = '²': expected an integer from 1 to 1024."),
    ("model", "", "--ftcheck-model = '': expected a string that is not empty."),
    ("store", "", "--ftcheck-store = '': expected a string that is not empty."),
]


@pytest.mark.parametrize(("field", "value", "expected"), WRONG_VALUES)
def test_wrong_option_is_explained(tmp_path: Path, field: str, value: object, expected: str) -> None:
    assert message({field: value}, tmp_path) == expected


WRONG_TABLES = [
    ("seed = 1", "unknown key in [tool.ftcheck] 'seed'. Did you mean 'seeds'? Known: "),
    ("online = 'yes'", "[tool.ftcheck] online = 'yes': expected true or false."),
    ("threads = true", "[tool.ftcheck] threads = True: expected an integer from 1 to 1024."),
    ("store = true", "[tool.ftcheck] store = True: expected a string that is not empty."),
    ("data = 3", "[tool.ftcheck] data = 3: expected a string that is not empty."),
    ("seeds = [1.5]", "[tool.ftcheck] seeds = [1.5]: expected numbers and ranges"),
    ("engine = []", "[tool.ftcheck] engine = []: expected one or more of trainer, manual, both"),
    (
        "tasks = ['mrpc']",
        "[tool.ftcheck.tasks] must hold one table per task, for example [tool.ftcheck.tasks.reviews].",
    ),
    ("no-train = 1", "[tool.ftcheck] no-train = 1: expected true or false."),
    ("checks = []", "[tool.ftcheck] checks = []: expected families or ids, for example data,collator.mask,-training"),
    (
        "trainer = 'train:build'",
        "[tool.ftcheck] trainer = 'train:build': a Trainer belongs to a task. Write it into [tool.ftcheck.tasks.NAME]",
    ),
    ("tasks.mrpc = 1", "[tool.ftcheck.tasks] must hold one table per task"),
]


@pytest.mark.parametrize(("toml", "expected"), WRONG_TABLES)
def test_wrong_table_is_explained(tmp_path: Path, toml: str, expected: str) -> None:
    assert message({}, configured(tmp_path, f"[tool.ftcheck]\n{toml}")).startswith(expected)


def test_unknown_key_lists_every_key_once(tmp_path: Path) -> None:
    known = message({}, configured(tmp_path, "[tool.ftcheck]\nxyz = 1")).partition("Known: ")[2].rstrip(".")
    fields_of_file = PARSERS.keys() - COMMAND_LINE_ALONE
    options = {"engine" if name == "engines" else name.replace("_", "-") for name in fields_of_file}
    assert known.split(", ") == sorted(options)


@pytest.mark.parametrize("name", ["ftcheck.toml", "pyproject.toml"])
@pytest.mark.parametrize("content", [b"[tool.ftcheck\n", b"x = '\xff'"])
def test_broken_toml_names_the_file(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    text = message({}, tmp_path)
    assert text.startswith(f"{path} is not valid TOML: ")
    assert text.endswith("Correct it and run again.")


@pytest.mark.parametrize("toml", ["tool = 3", "[tool]\nftcheck = 3", "[tool]\nftcheck = ['mrpc']"])
@pytest.mark.parametrize("name", ["ftcheck.toml", "pyproject.toml"])
def test_anything_but_a_table_is_refused(tmp_path: Path, toml: str, name: str) -> None:
    assert "[tool.ftcheck] must be a table, not " in message({}, configured(tmp_path, toml, name))


@pytest.mark.parametrize("prefix", ["", "[tool.ftcheck]\n"])
def test_ftcheck_toml_with_and_without_prefix(tmp_path: Path, prefix: str) -> None:
    assert read_config(configured(tmp_path, f"{prefix}seeds = [1, 2]", "ftcheck.toml")) == {"seeds": [1, 2]}


def test_ftcheck_toml_goes_before_pyproject(tmp_path: Path) -> None:
    configured(tmp_path, "[tool.ftcheck]\nthreads = 1")
    assert make_settings({}, configured(tmp_path, "threads = 2", "ftcheck.toml")).threads == 2


def test_pyproject_of_others_is_left_alone(tmp_path: Path) -> None:
    assert read_config(configured(tmp_path, "seeds = 1\n[tool.ruff]\nline-length = 120")) == {}


@pytest.mark.parametrize("key", ["max-train-rows", "max_train_rows"])
def test_keys_take_dashes_and_underscores(tmp_path: Path, key: str) -> None:
    assert make_settings({}, configured(tmp_path, f"[tool.ftcheck]\n{key} = 64")).max_train_rows == 64


def test_command_line_wins_over_the_file(tmp_path: Path) -> None:
    configured(tmp_path, '[tool.ftcheck]\nseeds = "0-4"\nthreads = 1\nonline = true\n')
    merged = make_settings({"seeds": "7", "threads": None}, tmp_path)
    assert (merged.seeds, merged.threads, merged.online) == ((7,), 1, True)


def test_tables_of_tasks_are_handed_on_unread(tmp_path: Path) -> None:
    configured(tmp_path, "[tool.ftcheck.tasks.mrpc]\nnonsense = 1")
    assert make_settings({}, tmp_path).task_tables == {"mrpc": {"nonsense": 1}}


def test_paths_of_the_file_start_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    configured(tmp_path, '[tool.ftcheck]\nmodel = "mine"\ndata = "mine"\nstore = "runs"\njson = "out/report.json"')
    read = make_settings({}, tmp_path)
    assert (read.model, read.data) == (str(tmp_path / "mine"), str(tmp_path / "mine"))
    assert (read.store, read.json) == (tmp_path / "runs", tmp_path / "out/report.json")


def test_paths_of_the_command_line_start_where_the_user_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    read = make_settings({"model": "mine", "store": "runs"}, tmp_path)
    assert (read.model, read.store) == ("mine", Path("runs"))


def test_home_folder_is_understood_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    configured(tmp_path, '[tool.ftcheck]\nstore = "~/runs"')
    assert make_settings({}, tmp_path).store == tmp_path / "home" / "runs"


def test_hub_id_of_the_file_stays_a_hub_id(tmp_path: Path) -> None:
    configured(tmp_path, '[tool.ftcheck]\nmodel = "org/bert"')
    assert make_settings({}, tmp_path).model == "org/bert"


@pytest.mark.parametrize(
    ("key", "value"), [("data", "bundled"), ("data", "hub"), *(("model", name) for name in BUNDLED_CHECKPOINTS)]
)
def test_names_of_the_bundle_win_over_folders_of_that_name(tmp_path: Path, key: str, value: str) -> None:
    (tmp_path / value).mkdir()
    configured(tmp_path, f'[tool.ftcheck]\n{key} = "{value}"')
    assert getattr(make_settings({}, tmp_path), key) == value


def test_names_of_the_bundle_are_all_of_them() -> None:
    assert {"bundled", "hub", *BUNDLED_CHECKPOINTS} == _NOT_PATHS
