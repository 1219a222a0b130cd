"""The command: what it writes, what it leaves, what it says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pytest_ftcheck.__main__ import main
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from tests.workflows import errors_of

PROJECTS = Path(__file__).parent / "projects"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FACTORY = "from transformers import Trainer\ndef build_trainer():\n    return Trainer()\n"
ARGUMENTS = """
import argparse
from transformers import Trainer
def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", default=1e-3)
    {more}
    return parser.parse_args()
def main(args):
    trainer = Trainer(lr=args.lr)
    trainer.train()
if __name__ == "__main__":
    main(parse_args())
"""


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "reviews"
    folder.mkdir()
    (folder / "train.py").write_text(FACTORY)
    return folder


def test_a_factory_gets_a_table_and_a_workflow(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(project), "--no-run"]) == 0
    document = tomllib.loads((project / "pyproject.toml").read_text())
    assert document == {"tool": {"ftcheck": {"tasks": {"reviews": {"trainer": "train.py:build_trainer"}}}}}
    workflow = yaml.safe_load((project / ".github/workflows/ftcheck.yml").read_text())
    steps = workflow["jobs"]["ftcheck"]["steps"]
    assert any(step.get("run", "").startswith("pytest --ftcheck-task=reviews ") for step in steps)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pytest --ftcheck-task=reviews --ftcheck-calibrate=10 --ftcheck-write-floors" in capsys.readouterr().out


def test_a_second_time_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", str(project), "--no-run"])
    before = {name: (project / name).read_bytes() for name in written(project)}
    capsys.readouterr()
    assert main(["init", str(project), "--no-run"]) == 0
    assert {name: (project / name).read_bytes() for name in written(project)} == before
    assert "has [tool.ftcheck.tasks.reviews] with this Trainer already; it stays as it is" in capsys.readouterr().out


def test_a_dry_run_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(project), "--dry-run"]) == 0
    assert written(project) == {"train.py"}
    assert 'trainer = "train.py:build_trainer"' in capsys.readouterr().out


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_rest_of_the_configuration_stays(project: Path, newline: str) -> None:
    before = newline.join(["# ours", "[project]", 'name = "x"  # a name', "", "[tool.ftcheck]", "threads = 1"])
    (project / "pyproject.toml").write_bytes(before.encode())
    assert main(["init", str(project), "--no-run"]) == 0
    after = (project / "pyproject.toml").read_bytes().decode()
    assert after.startswith(before + 2 * newline)
    assert after.count("\n") == after.count(newline)
    assert tomllib.loads(after)["tool"]["ftcheck"]["threads"] == 1


def test_a_table_of_that_name_is_never_overwritten(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text('[tool.ftcheck.tasks.reviews]\ntrainer = "other.py:build"\n')
    assert main(["init", str(project), "--no-run"]) == 4
    assert "[tool.ftcheck.tasks.reviews] is there already, with other keys" in capsys.readouterr().err
    assert main(["init", str(project), "--no-run", "--task=second"]) == 0


def test_a_script_is_edited_only_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(PROJECTS / "script", tmp_path / "script")
    before = written(tmp_path)
    assert main(["init", str(tmp_path / "script")]) == 0
    assert written(tmp_path) == before
    assert "Nothing was written. Apply it: python -m pytest_ftcheck init --apply" in capsys.readouterr().out


def test_no_trainer_is_misuse(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(EXAMPLES / "manual_loop")]) == 4
    error = capsys.readouterr().err
    assert error.startswith("ERROR: no Trainer found in 1 Python file of ")
    assert "describe data and checkpoint in a table [tool.ftcheck.tasks.NAME]" in error


def test_a_notebook_is_to_be_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.ipynb").write_text('{"cells": [{"source": ["t = Trainer(x)"]}]}')
    assert main(["init", str(tmp_path)]) == 4
    assert "jupyter nbconvert --to script a.ipynb" in capsys.readouterr().err


def test_several_places_are_listed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "other.py").write_text(FACTORY)
    assert main(["init", str(project), "--no-run"]) == 4
    error = capsys.readouterr().err
    assert "choose one with --place=FILE:LINE" in error
    assert "other.py:3" in error
    assert main(["init", str(project), "--no-run", "--place=other.py:3"]) == 0
    assert 'trainer = "other.py:build_trainer"' in (project / "pyproject.toml").read_text()


def test_gitlab_gets_a_file_to_include(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / ".gitlab-ci.yml").write_text("stages: [test]\n")
    assert main(["init", str(project), "--no-run"]) == 0
    job = yaml.safe_load((project / "ftcheck.gitlab-ci.yml").read_text())["ftcheck"]
    assert job["script"][-1].startswith("pytest --ftcheck-task=reviews ")
    assert "- local: ftcheck.gitlab-ci.yml" in capsys.readouterr().out
    assert not (project / ".github").exists()


def factory_of(folder: Path) -> str:
    text = (folder / "ftcheck_factory.py").read_text()
    compile(text, "ftcheck_factory.py", "exec")
    return text


def test_a_parser_gives_its_defaults(project: Path) -> None:
    (project / "train.py").write_text(ARGUMENTS.format(more=""))
    assert main(["init", str(project), "--apply", "--no-run"]) == 0
    assert "return build_trainer(args=parse_args())" in factory_of(project)
    table = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["ftcheck"]["tasks"]["reviews"]
    assert table["trainer"] == "ftcheck_factory.py:build_trainer"


def test_what_has_no_default_is_to_be_filled_in(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "train.py").write_text(ARGUMENTS.format(more='parser.add_argument("--data-dir", required=True)'))
    assert main(["init", str(project), "--apply", "--no-run"]) == 0
    assert "data_dir = ...  # fill in: the argument --data-dir has no default" in capsys.readouterr().out
    assert not (project / "pyproject.toml").exists()
    filled = factory_of(project).replace("data_dir = ...  # fill", "data_dir = 'data'  # fill")
    (project / "ftcheck_factory.py").write_text(filled)
    assert main(["init", str(project), "--no-run"]) == 0
    assert (project / "pyproject.toml").exists()
    assert factory_of(project) == filled


def test_a_dataclass_gives_its_defaults(project: Path) -> None:
    code = "from dataclasses import dataclass\nfrom transformers import Trainer\n"
    code += "@dataclass\nclass Config:\n    lr: float = 1\n"
    (project / "train.py").write_text(code + "def build(config: Config):\n    return Trainer(config)\n")
    assert main(["init", str(project), "--no-run"]) == 0
    assert "config = Config()" in factory_of(project)


def test_a_configuration_of_hydra_is_read(tmp_path: Path) -> None:
    shutil.copytree(PROJECTS / "configured", tmp_path / "configured")
    assert main(["init", str(tmp_path / "configured"), "--apply", "--no-run"]) == 0
    text = factory_of(tmp_path / "configured")
    assert "from reception.train import build_trainer" in text
    assert "'config" in text
    assert "fill in" not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["script", "configured", "notebook"])
def test_three_commands_to_a_green_verdict(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(PROJECTS / name, folder)
    shutil.copytree(EXAMPLES / "csv_trainer" / "data", folder / "data")
    commands = (
        ["pytest_ftcheck", "init"],
        ["pytest_ftcheck", "init", "--apply"],
        ["pytest", f"--ftcheck-task={name}", "--ftcheck-threads=1"],
    )
    environment = {**os.environ, "CHECKPOINT": str(bundled_checkpoint("tiny-bert"))}
    printed = ""
    for command in commands:
        found = subprocess.run(
            [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stdout + found.stderr
        printed = found.stdout
    assert "checks: " in printed
    assert " failed" not in printed


@pytest.mark.slow
@pytest.mark.parametrize(("name", "command"), [("script", ["finetune.py"]), ("configured", ["-m", "reception.train"])])
def test_an_edited_project_trains_as_before(name: str, command: list[str], tmp_path: Path) -> None:
    outputs, weights = [], []
    environment = {**os.environ, "CHECKPOINT": str(bundled_checkpoint("tiny-bert")), "OMP_NUM_THREADS": "1"}
    for folder in (tmp_path / "before", tmp_path / "after"):
        shutil.copytree(PROJECTS / name, folder)
        shutil.copytree(EXAMPLES / "csv_trainer" / "data", folder / "data")
        if folder.name == "after":
            assert main(["init", str(folder), "--apply", "--no-run"]) == 0
        found = subprocess.run(
            [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        outputs.append(printed_without_times(found.stdout))
        weights.append((folder / "saved" / "model.safetensors").read_bytes())
    assert outputs[0] == outputs[1]
    assert weights[0] == weights[1]


def printed_without_times(text: str) -> list[str]:
    """Return the lines that a script prints, without those of the Trainer that hold times."""
    return [line for line in text.splitlines() if "_runtime" not in line]


def test_the_workflow_is_what_actionlint_accepts(project: Path, tmp_path: Path) -> None:
    main(["init", str(project), "--no-run"])
    assert errors_of((project / ".github/workflows/ftcheck.yml").read_text(encoding="utf-8"), tmp_path) == ""
