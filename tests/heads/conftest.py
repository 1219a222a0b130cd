"""A project of several labels a row, whose head is one of another package."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.extensions import extensions
from pytest_ftcheck.heads.registry import head_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Install = Callable[..., Path]

ENTRY_POINT = "tags_package.head:HEAD"
HEAD = Path(__file__).with_name("multi_label.py")
TASK = """
[tool.ftcheck.tasks.news]
head = "tags"
text_columns = ["text"]
label_column = "topics"
label_names = ["food", "film", "trade"]
data = "data"
[tool.ftcheck.tasks.news.metric]
path = "micro_f1"
greater_is_better = { micro_f1 = true }
[tool.ftcheck.tasks.news.checkpoint]
full = "tiny-bert"
[tool.ftcheck.tasks.news.recipe]
learning_rate = 2e-3
num_train_epochs = 5
per_device_train_batch_size = 16
[tool.ftcheck.tasks.news.floors]
micro_f1 = { min = 0.8, max_drop = 0.02 }
"""
# Words that the tokenizer of tiny-bert knows as a whole.
WORDS = (["soup"], ["film"], ["market", "price"])
OTHERS = ["the", "a", "hotel", "road", "in", "and", "with", "of"]


def write_package(site: Path, value: str) -> Path:
    """Write a package with a head into a folder, as an installer does, with this entry point; return the folder."""
    package, information = site / "tags_package", site / "tags_package-1.0.dist-info"
    package.mkdir(parents=True)
    information.mkdir()
    package.joinpath("__init__.py").touch()
    package.joinpath("head.py").write_text(HEAD.read_text(encoding="utf-8"), encoding="utf-8")
    information.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: tags-package\nVersion: 1.0\n")
    information.joinpath("entry_points.txt").write_text(f"[pytest_ftcheck.heads]\ntags = {value}\n")
    return site


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what installs the head for processes that start."""

    def install(value: str = ENTRY_POINT) -> Path:
        site = write_package(pytester.path / "site", value)
        monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        return site

    return install


@pytest.fixture
def installed_here(tmp_path: Path) -> Iterator[Install]:
    """Return what installs the head for this process."""

    def forget() -> None:
        extensions.cache_clear()
        head_named.cache_clear()
        for name in [name for name in sys.modules if name.partition(".")[0] == "tags_package"]:
            del sys.modules[name]

    with pytest.MonkeyPatch.context() as patch:

        def install(value: str = ENTRY_POINT) -> Path:
            site = write_package(tmp_path / "site", value)
            patch.syspath_prepend(site)
            forget()
            return site

        yield install
    forget()


@pytest.fixture
def news(pytester: pytest.Pytester) -> Path:
    """Write a project whose texts have any of three topics; return the folder of its data."""
    folder, random = pytester.mkdir("data"), Random(0)  # noqa: S311 - made-up rows
    for split, count in (("train", 200), ("validation", 100)):
        rows: dict[str, list[int]] = {}
        while len(rows) < count:
            topics = [int(random.random() < 0.5) for _ in WORDS]
            words = random.choices(OTHERS, k=random.randint(4, 10))
            for topic, known in zip(topics, WORDS, strict=True):
                if topic:
                    words.insert(random.randrange(len(words)), random.choice(known))
            rows.setdefault(" ".join(words), topics)
        lines = [json.dumps({"text": text, "topics": topics}) for text, topics in rows.items()]
        folder.joinpath(f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pytester.makepyprojecttoml(TASK)
    return folder
