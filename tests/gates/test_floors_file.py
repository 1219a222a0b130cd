"""Proposed limits in a user's file: there, as the card reads them, and everything else as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.gates.floors_file import CardLimits, floors_path, floors_toml, write_floors
from pytest_ftcheck.gates.proposals import CalibratedMetric, propose_gates
from pytest_ftcheck.gates.trivial import Trivial
from pytest_ftcheck.tasks.card import load_card

VALUES = [0.87, 0.88, 0.89, 0.9, 0.91]


@pytest.fixture
def limits() -> CardLimits:
    metrics = [
        CalibratedMetric("accuracy", VALUES, [False] * 5, 400, greater_is_better=True, trivial=None),
        CalibratedMetric("loss", VALUES, [False] * 4 + [True], 400, greater_is_better=False, trivial=None),
        CalibratedMetric(
            "f1",
            VALUES,
            [False] * 5,
            400,
            greater_is_better=True,
            trivial=Trivial("always yes", "f1", 0.86, 0.85, 0.88),
        ),
    ]
    return CardLimits("mrpc", "tiny", "tiny-bert", propose_gates({"mrpc": metrics})["mrpc"])


def own_table(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    table: dict[str, Any] = document.get("tool", {}).get("ftcheck", document)["tasks"]["mrpc"]
    return table


def test_the_card_reads_what_is_written(tmp_path: Path, limits: CardLimits) -> None:
    path = tmp_path / "ftcheck.toml"
    write_floors(path, [limits])
    card = load_card("mrpc", {"mrpc": own_table(path)})
    asked = card.gates("tiny", "tiny-bert")["accuracy"]
    proposed = limits.proposals[0]
    assert asked.min == proposed.limit.limit
    assert asked.max_drop == proposed.max_drop
    assert asked.calibrated is not None
    assert (asked.calibrated.seeds, asked.calibrated.rows, asked.calibrated.false_alarms) == (5, 400, 0.01)
    assert asked.calibrated.mean == pytest.approx(0.89)
    ceiling = card.gates("tiny", "tiny-bert")["loss"]
    assert ceiling.max == limits.proposals[1].limit.limit
    assert ceiling.calibrated is not None
    assert (ceiling.calibrated.seeds, ceiling.calibrated.failed) == (4, 1)
    assert "f1" not in own_table(path)["floors"]["tiny"]["tiny-bert"]


def test_comments_and_order_stay(tmp_path: Path, limits: CardLimits) -> None:
    path = tmp_path / "pyproject.toml"
    before = """\
# a project
[project]
name = "mine"   # ours

[tool.ftcheck.tasks.mrpc.floors.tiny]
# for both checkpoints
f1 = 0.8

[tool.ftcheck.tasks.mrpc.floors.tiny.tiny-bert]
accuracy = 0.8  # by hand

[tool.other]
last = [
    1,  # one
]
"""
    path.write_text(before, encoding="utf-8")
    write_floors(path, [limits])
    after = path.read_text(encoding="utf-8")
    lines = after.splitlines()
    (changed,) = [line for line in lines if line.startswith("accuracy")]
    assert changed.startswith("accuracy = { min = 0.")
    assert changed.endswith("}  # by hand")
    (added,) = [line for line in lines if line.startswith("loss")]
    assert added.startswith("loss = { max = ")
    assert [line for line in lines if line not in (changed, added)] == [
        line for line in before.splitlines() if not line.startswith("accuracy")
    ]


FILES: dict[str, tuple[str, str]] = {
    "empty": ("ftcheck.toml", ""),
    "only a project": ("pyproject.toml", '[project]\nname = "mine"\n'),
    "another tool": ("pyproject.toml", "[tool.ruff]\nline-length = 100\n"),
    "settings": ("pyproject.toml", '[tool.ftcheck]\nseeds = "0-4"\n'),
    "with a prefix": ("ftcheck.toml", "[tool.ftcheck.tasks.mrpc.recipe.tiny]\nnum_train_epochs = 1\n"),
    "dotted": ("ftcheck.toml", "tasks.mrpc.floors.tiny.tiny-bert.accuracy = 0.8\n"),
    "inline": ("ftcheck.toml", "tasks.mrpc.floors = { tiny = { tiny-bert = { accuracy = 0.8 } } }\n"),
    "inline, empty": ("ftcheck.toml", "[tasks.mrpc]\nfloors = {}\n"),
    "another checkpoint": ("ftcheck.toml", "[tasks.mrpc.floors.tiny.tiny-distilbert]\naccuracy = 0.8\n"),
    "a table of its own": ("ftcheck.toml", "[tasks.mrpc.floors.tiny.tiny-bert.accuracy]\n# why\nmin = 0.7\n"),
    "apart": (
        "pyproject.toml",
        "[tool.ftcheck.tasks.mrpc.recipe]\na = 8\n\n[tool.ruff]\nb = 4\n\n[tool.ftcheck.tasks.sst2.recipe]\nc = 8\n",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_it_fits_into_any_file(tmp_path: Path, limits: CardLimits, name: str) -> None:
    file, before = FILES[name]
    path = tmp_path / file
    path.write_text(before, encoding="utf-8")
    write_floors(path, [limits])
    table = own_table(path)["floors"]["tiny"]["tiny-bert"]
    assert table == limits.tables
    settings = path.read_text(encoding="utf-8")
    write_floors(path, [limits])  # again: nothing more
    assert path.read_text(encoding="utf-8") == settings
    for line in before.splitlines():
        assert "floors" in line or line.startswith("min") or line in settings.splitlines()


def test_slices_stay_and_a_relative_drop_becomes_an_absolute_one(tmp_path: Path, limits: CardLimits) -> None:
    path = tmp_path / "ftcheck.toml"
    path.write_text(
        "[tasks.mrpc.floors.tiny.tiny-bert]\n"
        "accuracy = { min = 0.8, max_drop = 0.1, relative = true, slices = { class = 0.7 } }\n",
        encoding="utf-8",
    )
    write_floors(path, [limits])
    table = own_table(path)["floors"]["tiny"]["tiny-bert"]["accuracy"]
    assert table == limits.tables["accuracy"] | {"slices": {"class": 0.7}}


@pytest.mark.parametrize("text", ["[tasks\n", "tasks = 3\n", "[tasks]\nmrpc = 1\n", "[[tasks.mrpc.floors]]\na = 1\n"])
def test_a_file_that_cannot_hold_them_stays_as_it_was(tmp_path: Path, limits: CardLimits, text: str) -> None:
    path = tmp_path / "ftcheck.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="Copy them from above"):
        write_floors(path, [limits])
    assert path.read_text(encoding="utf-8") == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["ftcheck.toml"]


def test_a_write_that_fails_leaves_the_file(
    tmp_path: Path, limits: CardLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ftcheck.toml"
    path.write_text("# mine\n", encoding="utf-8")

    def refuse(side: Path, target: Path) -> Path:
        raise PermissionError(13, "denied", f"{side} {target}")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SettingsError, match="cannot be written, and the file stays as it was"):
        write_floors(path, [limits])
    assert path.read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([], "ftcheck.toml"),
        (["pyproject.toml"], "pyproject.toml"),
        (["pyproject.toml", "ftcheck.toml"], "ftcheck.toml"),
    ],
    ids=range(3),
)
def test_the_file_that_is_read_is_written(tmp_path: Path, files: list[str], expected: str) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert floors_path(tmp_path).name == expected


@pytest.mark.parametrize(("name", "header"), [("ftcheck.toml", "[tasks."), ("pyproject.toml", "[tool.ftcheck.tasks.")])
def test_what_is_printed_fits_the_file(limits: CardLimits, name: str, header: str) -> None:
    text = floors_toml([limits], Path(name))
    assert text.startswith(f"{header}mrpc.floors.tiny.tiny-bert]\naccuracy = {{ min = 0.")
    assert text.count("\n[") == 0


def test_a_hub_id_is_quoted(limits: CardLimits) -> None:
    of_hub = CardLimits("mrpc", "full", "google-bert/bert-base-v1.5", limits.proposals)
    assert '[tasks.mrpc.floors.full."google-bert/bert-base-v1.5"]\n' in floors_toml([of_hub], Path("ftcheck.toml"))


def test_a_refused_limit_is_not_there(limits: CardLimits) -> None:
    assert set(limits.tables) == {"accuracy", "loss"}
    assert "'always yes' scores 0.8600" in limits.proposals[2].limit.refused


def test_nothing_is_printed_where_everything_is_refused(limits: CardLimits) -> None:
    refused = CardLimits("mrpc", "tiny", "tiny-bert", [limits.proposals[2]])
    assert floors_toml([refused], Path("ftcheck.toml")) == ""
