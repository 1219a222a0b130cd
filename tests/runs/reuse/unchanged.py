"""What cannot change a training: the run of an earlier session is taken."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.runs.reuse.workplace import Change
else:
    from workplace import Change


@dataclass(frozen=True)
class Move:
    """The project lies at another place, or is reached by another way."""

    id: str
    act: Callable[[Path], Any] = lambda _: None
    """Is given the folder that all lies in."""

    below: str = "checkout"
    environment: Mapping[str, str] = field(default_factory=dict)
    project: str = "main"
    quick: bool = False


def same(name: str, path: str = "", old: str = "", new: str = "", **changes: Any) -> Change:
    """Make a change that changes nothing."""
    return Change(name, path, old, new, **changes)


def written(path: str, text: str, folder: Path) -> None:
    """Write a new file."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")


def other_order(folder: Path) -> None:
    """Write a JSON file with its keys in another order."""
    file = folder / "config" / "train.json"
    given = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(dict(reversed(given.items()))), encoding="utf-8")


def touched(folder: Path) -> None:
    """Give all files another time."""
    for place, path in enumerate(sorted(folder.rglob("*"))):
        os.utime(path, (1_600_000_000 + place, 1_600_000_000 + place), follow_symlinks=False)


def other_modes(folder: Path) -> None:
    """Let all files be run, and written by no one."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o555)


def without_caches(folder: Path) -> None:
    """Remove what Python has compiled."""
    for path in folder.rglob("__pycache__"):
        shutil.rmtree(path)


def twice(folder: Path) -> None:
    """Change a file, and change it back."""
    file = folder / "losses.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("0.99", "0.98"), encoding="utf-8")
    file.write_text(text, encoding="utf-8")


def moved(root: Path) -> None:
    """Move everything to another folder."""
    (root / "another").mkdir(exist_ok=True)
    shutil.rmtree(root / "another" / "place", ignore_errors=True)
    (root / "checkout").rename(root / "another" / "place")


def linked(root: Path) -> None:
    """Make a symbolic link to the folder."""
    (root / "link").unlink(missing_ok=True)
    (root / "link").symlink_to(root / "checkout")


def elsewhere(root: Path) -> None:
    """Make another working folder."""
    (root / "nowhere").mkdir(exist_ok=True)


TEXTS = (
    same("nothing", quick=True),
    same(
        "comment",
        "train.py",
        "    given = train_settings()\n",
        "    # All of it.\n    given = train_settings()\n",
        quick=True,
    ),
    same(
        "comment-in-forward",
        "modeling.py",
        "        loss = None if",
        "        # Without labels: none.\n        loss = None if",
    ),
    same(
        "comment-at-the-end-of-a-line",
        "losses.py",
        "return loss + CHOSEN(logits)",
        "return loss + CHOSEN(logits)  # both",
    ),
    same("comment-in-a-late-import", "late_helper.py", "    return (BASE", "    # Harder.\n    return (BASE"),
    same("comment-beside-the-project", "../beside/house_rules.py", "    return 0.015", "    # Mild.\n    return 0.015"),
    same(
        "comment-in-a-callback",
        "callbacks.py",
        "        self.after = after",
        "        # Steps.\n        self.after = after",
    ),
    same("comment-in-conftest", "conftest.py", "TANH_SLOPE = 0.9", "# Less steep.\nTANH_SLOPE = 0.9"),
    same("blank-lines", "collate.py", "EVERY = 5\n", "\n\n\nEVERY = 5\n\n"),
    same("blank-line-in-a-lambda", "losses.py", "PAIR = (lambda", "PAIR = (\n    lambda"),
    same("docstring", "modeling_base.py", '"""Base of the model."""', '"""The base of our model."""'),
    same("docstring-of-a-module", "losses.py", '"""The terms of the loss."""', '"""All terms of the loss."""'),
    same("quotes", "rows.py", '{"text": [row["text"]', "{'text': [row['text']"),
    same(
        "line-breaks",
        "collate.py",
        "return column % every == 2",
        "return (\n        column\n        % every == 2\n    )",
    ),
)

FILES = (
    same("order-of-json", act=other_order),
    same(
        "order-of-pyproject", "pyproject.toml", "max_length = 24\nshuffle_seed = 3", "shuffle_seed = 3\nmax_length = 24"
    ),
    same("comment-of-yaml", "config/model.yaml", "# What the model is made of.", "# The model."),
    same(
        "order-of-yaml",
        "config/model.yaml",
        "dropout: 0.2\nattention_dropout: 0.1",
        "attention_dropout: 0.1\ndropout: 0.2",
    ),
    same("touched", act=touched, quick=True),
    same("modes", act=other_modes),
    same("caches-removed", act=without_caches),
    same("changed-and-changed-back", act=twice),
    same("new-text", act=partial(written, "notes.txt", "nothing")),
    same("new-module", act=partial(written, "unrelated.py", "AMOUNT = 1\n")),
    same("new-folder", act=partial(written, "output/model/weights.txt", "nothing")),
    same("output-of-training", act=partial(written, "reviews-model/checkpoint-2/config.json", "{}")),
    same("new-configuration", act=partial(written, "config/other.json", "{}")),
    same("new-data", act=partial(written, "data/test.csv", "text,label\n")),
    same("git", act=partial(written, ".git/HEAD", "ref: refs/heads/other\n")),
    same("cache-of-pytest", act=partial(written, ".pytest_cache/v/cache/lastfailed", "{}")),
    same("docs", "docs/notes.md", "higher", "much higher"),
    same("readme", "README.md", "classifier", "model"),
    same("test", "tests/test_train.py", "== 16", "> 15"),
    same("script-that-training-never-runs", "tools/count_rows.py", "sum(1 for", "sum(2 for"),
)

VARIABLES = tuple(
    same(f"variable-{name}", environment={name: value})
    for name, value in {
        "GITHUB_RUN_ID": "7",
        "CI": "true",
        "COLUMNS": "50",
        "TERM": "dumb",
        "LANG": "de_DE.UTF-8",
        "PYTEST_CURRENT_TEST": "tests/test_train.py::test_rows (call)",
        "PYTEST_XDIST_WORKER": "gw1",
        "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 10",
        "HOME": "/another/home",
        "USER": "another",
        "PATH": os.environ.get("PATH", "") + ":/another/bin",
        "PWD": "/another",
    }.items()
)

OTHER_PROJECTS = (
    *(
        same(f"{project}-nothing", project=project)
        for project in ("parts", "held", "late", "augmented", "stream", "pieces", "opened", "workers")
    ),
    same(
        "parts-comment",
        "parts.py",
        "        ending = int",
        "        # The last one.\n        ending = int",
        project="parts",
    ),
    same("parts-new-file", act=partial(written, "unrelated.py", "AMOUNT = 1\n"), project="parts"),
    same("parts-touched", act=touched, project="parts"),
    same("late-touched", act=touched, project="late"),
    same("late-file-that-is-not-read", act=partial(written, "notes.txt", "0.9"), project="late"),
    same("late-comment", "late_statement.py", "AMOUNT", "# Little.\nAMOUNT", project="late"),
    same("pieces-file-that-is-not-read", act=partial(written, "pieces/row_9.txt", "a"), project="pieces"),
)

MOVES = (
    Move("another-working-folder", elsewhere, environment={"WORKING_FOLDER": "{root}/nowhere"}, quick=True),
    Move("through-a-link", linked, below="link"),
    *(
        Move(f"{project}-another-folder", moved, below="another/place", project=project)
        for project in ("parts", "held", "late", "augmented", "stream", "pieces", "opened")
    ),
    Move("parts-another-working-folder", elsewhere, environment={"WORKING_FOLDER": "{root}/nowhere"}, project="parts"),
    Move("another-folder-for-temporary-files", elsewhere, environment={"TMPDIR": "{root}/nowhere"}),
)
SAME = (*TEXTS, *FILES, *VARIABLES, *OTHER_PROJECTS)
