"""Proposed limits in a user's file: there, as the card reads them, and everything else as it was."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pytest_ftcheck.errors import SettingsError
from pytest_ftcheck.gates.floors_file import CardLimits, floors_path, floors_toml, write_floors
from pytest_ftcheck.gates.proposals import CalibratedMetric, CalibratedSlice, propose_gates
from pytest_ftcheck.heads.trivial import Trivial
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.tasks.floors import CalibratedSeeds, MetricLimits

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
    document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    table: dict[str, Any] = document.get("tool", {}).get("ftcheck", document)["tasks"]["mrpc"]
    return table


@pytest.mark.parametrize("ends", [["\r\n"], ["\n"], ["\r\n", "\n", "\r\n"]], ids=["CRLF", "LF", "both"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("last", [True, False], ids=["whole line", "no end of line"])
def test_lines_that_were_there_keep_their_ends(
    tmp_path: Path,
    limits: CardLimits,
    ends: list[str],
    mark: bytes,
    last: bool,  # noqa: FBT001 - a parameter
) -> None:
    path = tmp_path / "ftcheck.toml"
    lines = ["# mine", "tier = 'tiny'", "", "[tasks.mrpc]", "description = 'pairs'  # two", "text_columns = ['a', 'b']"]
    text = "".join(line + ends[index % len(ends)] for index, line in enumerate(lines))
    path.write_bytes(mark + (text if last else text.rstrip("\r\n")).encode())
    write_floors(path, [limits])
    written = path.read_bytes()
    assert written.startswith(mark)
    assert written.removeprefix(mark).decode().startswith(text.rstrip("\r\n"))
    added = written.removeprefix(mark).decode()[len(text.rstrip("\r\n")) :].splitlines(keepends=True)
    assert len(added) > 3
    assert {line[len(line.rstrip("\r\n")) :] for line in added[1:]} == {ends[0]}
    assert own_table(path)["floors"]


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


@pytest.fixture
def sliced() -> CardLimits:
    """Limits of two classes, for the mean of five seeds; nothing is proposed for the third slice."""
    parts = [CalibratedSlice(name, [value - 0.1 for value in VALUES], 200) for name in ("class=no", "class=yes")]
    few = CalibratedSlice("is_long=True", VALUES, 4)
    metric = CalibratedMetric(
        "accuracy", VALUES, [False] * 5, 400, greater_is_better=True, trivial=None, slices=[*parts, few]
    )
    asked = {"class": MetricLimits(min=0.6), "is_long=True": MetricLimits(min=0.5)}
    proposals = propose_gates({"mrpc": [metric]}, runs=5)["mrpc"]
    return CardLimits("mrpc", "tiny", "tiny-bert", proposals, {"accuracy": asked})


SLICED: dict[str, str] = {
    "absent": "",
    "inline": (
        "[tasks.mrpc.floors.tiny.tiny-bert]\n"
        'accuracy = { min = 0.8, slices = { class = 0.6, "is_long=True" = 0.5 } }  # why\n'
    ),
    "one each": (
        "[tasks.mrpc.floors.tiny.tiny-bert.accuracy]\nmin = 0.8\n\n"
        "[tasks.mrpc.floors.tiny.tiny-bert.accuracy.slices]\n# of all\nclass = 0.6  # both\n"
        '"class=no" = 0.61  # harder\n"is_long=True" = 0.5  # few\n'
    ),
    "tables": (
        '[tasks.mrpc.floors.tiny.tiny-bert.accuracy.slices."class=no"]\n# harder\nmin = 0.61\n'
        "[tasks.mrpc.floors.tiny.tiny-bert.accuracy.slices.class]\nmin = 0.6\n"
        '[tasks.mrpc.floors.tiny.tiny-bert.accuracy.slices."is_long=True"]\nmin = 0.5\n'
    ),
}


@pytest.mark.parametrize("name", SLICED)
def test_slices_are_written_and_the_others_stay(tmp_path: Path, sliced: CardLimits, name: str) -> None:
    path = tmp_path / "ftcheck.toml"
    path.write_text(SLICED[name], encoding="utf-8")
    write_floors(path, [sliced])
    table = own_table(path)["floors"]["tiny"]["tiny-bert"]["accuracy"]
    proposed = sliced.tables["accuracy"]
    assert table.keys() == {"min", "max_drop", "calibrated", "slices"}
    assert table["calibrated"] == proposed["calibrated"]
    assert table["calibrated"]["runs"] == 5
    assert proposed["slices"].keys() == {"class=no", "class=yes"}
    kept = {key: value if isinstance(value, float) else value["min"] for key, value in table["slices"].items()}
    assert (kept["class"], kept["is_long=True"]) == (0.6, 0.5)
    assert {key: table["slices"][key] for key in proposed["slices"]} == proposed["slices"]
    after = path.read_text(encoding="utf-8")
    for comment in [line.partition("#")[2] for line in SLICED[name].splitlines() if "#" in line]:
        assert f"#{comment}" in after
    card = load_card("mrpc", {"mrpc": {**own_table(path), "slices": ["class", "is_long"]}})
    asked = card.gates("tiny", "tiny-bert")["accuracy"].slices["class=no"]
    assert asked.min == proposed["slices"]["class=no"]["min"]
    assert asked.calibrated is not None
    assert (asked.calibrated.rows, asked.calibrated.seeds, asked.calibrated.runs) == (200, 5, 5)


def test_slices_stay_where_the_limit_on_all_rows_is_refused(tmp_path: Path) -> None:
    metric = CalibratedMetric(
        "accuracy",
        VALUES,
        [False] * 5,
        400,
        greater_is_better=True,
        trivial=Trivial("always yes", "accuracy", 0.86, 0.85, 0.88),
        slices=[CalibratedSlice("class=no", VALUES, 200)],
    )
    asked = {"class=no": MetricLimits(min=0.5)}
    path = tmp_path / "ftcheck.toml"
    path.write_text(
        "[tasks.mrpc.floors.tiny.tiny-bert]\n"
        'accuracy = { max_drop = 0.1, relative = true, slices = { "class=no" = 0.5 } }\n',
        encoding="utf-8",
    )
    proposals = propose_gates({"mrpc": [metric]})["mrpc"]
    write_floors(path, [CardLimits("mrpc", "tiny", "tiny-bert", proposals, {"accuracy": asked})])
    table = own_table(path)["floors"]["tiny"]["tiny-bert"]["accuracy"]
    assert (table["max_drop"], table["relative"], table.keys()) == (0.1, True, {"max_drop", "relative", "slices"})
    assert table["slices"]["class=no"]["calibrated"]["rows"] == 200


def test_an_earlier_calibration_of_a_slice_is_kept_where_nothing_new_is_proposed(limits: CardLimits) -> None:
    asked = {
        "class=no": MetricLimits(min=0.5, calibrated=CalibratedSeeds(0.6, 0.01, 10, 200)),
        "class=yes": MetricLimits(max=0.5),
    }
    (line,) = [
        line
        for line in floors_toml(
            [CardLimits("mrpc", "tiny", "tiny-bert", limits.proposals, {"accuracy": asked})], Path("ftcheck.toml")
        ).splitlines()
        if line.startswith("accuracy")
    ]
    assert tomllib.loads(line)["accuracy"]["slices"] == {
        "class=no": {
            "min": 0.5,
            "calibrated": {"mean": 0.6, "spread": 0.01, "seeds": 10, "rows": 200, "failed": 0, "runs": 1},
        },
        "class=yes": {"max": 0.5},
    }


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
    with pytest.raises(SettingsError, match="cannot be written, and the file stays unchanged"):
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
