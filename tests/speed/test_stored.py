"""Tables of measurements, and comparisons of stored ones."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.speed.__main__ import main
from pytest_ftcheck.speed.machine import describe_machine
from pytest_ftcheck.speed.table import markdown, peak_lines, step_table, with_unit

if TYPE_CHECKING:
    from pathlib import Path


def record(**changed: Any) -> dict[str, Any]:
    made = {
        "case": "manual-8x128-bfloat16",
        "task": "mrpc",
        "model": "shape:bert-base-uncased",
        "step_seconds": 0.0105,
        "step_seconds_quartiles": [0.0101, 0.0111],
        "round_seconds": [0.0100, 0.0101, 0.0105, 0.0111, 0.0112],
        "phases": {"data": 0.0005, "forward": 0.003, "backward": 0.006, "optimizer": 0.001},
        "samples_per_second": 762.0,
        "tokens_per_second": 97_523.0,
        "padding_share": 0.25,
        "peak_memory_bytes": 3 * 2**30,
        "peak_memory_of": "tensors on the GPU",
        "flops": 5.4e11,
        "mfu": 0.4321,
        "matmul_dtype": "bfloat16",
        "peak_flops_per_second": 7.5e14,
        "compile_seconds": None,
        "shapes": [[[8, 128]]],
    }
    return {**made, **changed}


def stored(tmp_path: Path, name: str, *records: dict[str, Any], **machine: Any) -> str:
    path = tmp_path / name
    document = {
        "machine_info": {"ftcheck": {**describe_machine("cpu", 1), **machine}},
        "benchmarks": [{"extra_info": entry} for entry in ({"not": "ours"}, *records)],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_table_has_a_row_for_what_was_not_measured_too() -> None:
    table = step_table([record(), {"case": "manual-256x128", "not_measured": "out of memory | on 1 GPU"}])
    header, rule, measured, missing = table.splitlines()
    assert [cell.strip() for cell in measured.strip("|").split("|")] == [
        "manual-8x128-bfloat16", "10.50", "10.10 to 11.10", "0.50", "3.00", "6.00", "1.00", "762.0", "97523", "25%",
        "3.00 GiB", "540 G", "43.2%", "",
    ]  # fmt: skip
    assert header.count("|") == rule.count("|") == measured.count("|")
    assert "not measured: out of memory \\| on 1 GPU" in missing
    assert peak_lines([record(), {"not_measured": "x"}]) == [
        "MFU: fraction of 750 TFLOP/s, the measured rate of a bfloat16 matrix product",
        "memory: tensors on the GPU",
    ]


@pytest.mark.parametrize(
    ("number", "text"), [(1.885e9, "1.89 G"), (7.5e14, "750 T"), (2e15, "2 P"), (3.25e6, "3.25 M"), (999.0, "999")]
)
def test_large_numbers_are_shortened(number: float, text: str) -> None:
    assert with_unit(number) == text


def test_columns_stand_below_each_other() -> None:
    assert markdown(("a", "long"), [["wide", "b"]]).splitlines() == [
        "| a    | long |",
        "|------|------|",
        "| wide | b    |",
    ]


def test_table_of_several_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = stored(tmp_path, "a.json", record(), device_name="NVIDIA H200", power_limit_w=700.0, driver="560.35")
    other = stored(tmp_path, "b.json", record(case="manual"), device_name="NVIDIA L4")
    assert main(["table", one, other]) == 0
    told = capsys.readouterr().out
    assert "| NVIDIA H200: shape:bert-base-uncased manual-8x128-bfloat16 | 10.50" in told
    assert "| NVIDIA L4: shape:bert-base-uncased manual " in told
    assert "700 W" in told
    assert "driver 560.35, torch " in told
    assert "750 TFLOP/s bfloat16" in told


def test_table_as_csv_has_every_number_as_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = stored(tmp_path, "a.json", record(), record(case="manual-256x128", compile_seconds=3.5))
    assert main(["table", "--csv", one]) == 0
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["file"], first["step_seconds"], first["forward_seconds"]) == ("a.json", "0.0105", "0.003")
    assert (first["compile_seconds"], second["compile_seconds"]) == ("", "3.5")
    assert first["threads"] == "1"
    assert first["version_torch"]


@pytest.mark.parametrize(
    ("factor", "code", "verdict"), [(1.0, 0, "undecided"), (1.3, 1, "slower"), (0.8, 0, "no slower")]
)
def test_stored_steps_are_compared_on_the_same_hardware(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float, code: int, verdict: str
) -> None:
    seconds = [factor * value for value in record()["round_seconds"]]
    before = stored(tmp_path, "before.json", record())
    after = stored(tmp_path, "after.json", record(round_seconds=seconds), versions={"torch": "9.0"})
    assert main(["compare", before, after]) == code
    told = capsys.readouterr().out
    assert f"times as long as in before.json: {verdict}\n" in told
    assert f" {factor:.3f} [" in told


def test_other_hardware_is_not_comparable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = stored(tmp_path, "before.json", record())
    after = stored(tmp_path, "after.json", record(round_seconds=[9.0, 9.0]), threads=4)
    assert main(["compare", before, after]) == 2
    assert capsys.readouterr().out == "not comparable: before.json and after.json differ in threads 1 and 4\n"


def test_step_that_is_new_is_not_comparable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = stored(tmp_path, "before.json", record(case="other")), stored(tmp_path, "after.json", record())
    assert main(["compare", before, after]) == 2
    assert "not comparable: before.json does not have this step" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine_info": {}, "benchmarks": []}'])
def test_file_that_holds_no_step_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    assert main(["table", str(path)]) == 2
    assert "Make " in capsys.readouterr().err


def test_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(tmp_path / "none.json")]) == 2
    assert "none.json is not JSON of pytest-benchmark" in capsys.readouterr().err
