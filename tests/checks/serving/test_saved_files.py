"""The checks of the saved files: quiet as `save_pretrained` leaves them, red for each file that would not serve."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.serving.saved_files import is_pickle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.runs.run import Run

    Defect = Callable[[Path], object]
    MakeEvidence = Callable[..., Evidence]


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"serving.{name}"], evidence)


def folder_with(defect: Defect) -> Callable[[Run], object]:
    return lambda run: defect(run.model_folder)


@pytest.mark.parametrize("task", ["mrpc", "stsb"])
def test_files_as_they_were_saved_are_healthy(saved_evidence: MakeEvidence, task: str) -> None:
    for name in ("safetensors", "dtype", "permissions"):
        assert judge(name, saved_evidence(task)) == []


# -- serving.safetensors ----------------------------------------------------------------------------------------------


def rename_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "weights.dat")


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def as_checkpoint(folder: Path) -> None:
    torch.save({"weights": torch.zeros(2)}, folder / "pytorch_model.bin")


def renamed_pickle(folder: Path) -> None:
    (folder / "thresholds.cache").write_bytes(pickle.dumps([0.5]))


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def no_tensor(folder: Path) -> None:
    save_file({}, folder / "model.safetensors")


FILES: dict[str, tuple[Defect, str]] = {
    "no weights": (rename_weights, "config.json, tokenizer.json, tokenizer_config.json, weights.dat"),
    "half a file": (cut_weights, "it cannot be read: "),
    "checkpoint of torch": (as_checkpoint, "pytorch_model.bin: loading it would run the code that it contains"),
    "pickle by another name": (renamed_pickle, "thresholds.cache: loading it would run the code that it contains"),
    "no configuration": (without_config, "none: model.safetensors, tokenizer.json, tokenizer_config.json"),
    "no tensor": (no_tensor, "it holds no tensor"),
}


@pytest.mark.parametrize(("defect", "observed"), FILES.values(), ids=FILES.keys())
def test_folder_that_is_not_safetensors_alone_is_found(
    saved_evidence: MakeEvidence, defect: Defect, observed: str
) -> None:
    (finding,) = judge("safetensors", saved_evidence("mrpc", folder_with(defect)))
    assert finding.observed.startswith(observed)
    assert "save_pretrained" in finding.hint


def test_arguments_that_the_trainer_leaves_there_are_quiet(saved_evidence: MakeEvidence) -> None:
    def leave(folder: Path) -> None:
        torch.save({"learning_rate": 1e-3}, folder / "training_args.bin")

    assert judge("safetensors", saved_evidence("mrpc", folder_with(leave))) == []


def test_pickles_are_told_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content, expected in ((pickle.dumps({}), True), (b"\x80\x09", False), (b"", False), (b"PK\x03\x04", False)):
        path.write_bytes(content)
        assert is_pickle(path) == expected
    assert not is_pickle(tmp_path / "absent")


# -- serving.dtype ----------------------------------------------------------------------------------------------------


def cast(chosen: Callable[[str], bool], dtype: torch.dtype) -> Defect:
    def change(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        cast_to = {name: tensor.to(dtype) if chosen(name) else tensor for name, tensor in weights.items()}
        save_file(cast_to, folder / "model.safetensors", metadata={"format": "pt"})

    return change


@pytest.mark.parametrize(
    ("defect", "observed"),
    [
        (cast(lambda _: True, torch.float16), "41 of 41 in float16 instead of float32: "),
        (cast(lambda name: "classifier.weight" in name, torch.bfloat16), "1 of 41 in bfloat16 instead of float32: "),
    ],
)
def test_weights_of_another_dtype_are_found(saved_evidence: MakeEvidence, defect: Defect, observed: str) -> None:
    (finding,) = judge("dtype", saved_evidence("mrpc", folder_with(defect)))
    assert finding.expected == "weights in float32, as they were trained"
    assert finding.observed.startswith(observed)


def test_weights_by_other_names_have_no_dtype_to_compare(saved_evidence: MakeEvidence) -> None:
    for defect, why in (
        (no_tensor, "no saved weight has the name"),
        (cut_weights, "not judged because of serving.safetensors"),
    ):
        with pytest.raises(NotApplicable, match=why):
            judge("dtype", saved_evidence("mrpc" if defect is no_tensor else "stsb", folder_with(defect)))


# -- serving.permissions ----------------------------------------------------------------------------------------------


posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")


@posix
@pytest.mark.parametrize(
    ("name", "mode", "observed"),
    [
        ("config.json", 0o600, "mode 0600"),
        ("model.safetensors", 0o000, "mode 0000"),
        ("tokenizer.json", 0o244, "mode 0244"),
        (".", 0o700, "mode 0700"),
    ],
)
def test_files_that_others_cannot_read_are_found(
    saved_evidence: MakeEvidence, name: str, mode: int, observed: str
) -> None:
    (finding,) = judge("permissions", saved_evidence("mrpc", folder_with(lambda folder: (folder / name).chmod(mode))))
    assert finding.observed == observed
    assert finding.expected.startswith("the folder readable" if name == "." else f"{name} readable as new files are")


@posix
def test_stricter_umask_is_no_defect(saved_evidence: MakeEvidence) -> None:
    def hide(folder: Path) -> None:
        folder.chmod(0o700)
        for path in folder.iterdir():
            path.chmod(0o600)

    before = os.umask(0o077)
    try:
        assert judge("permissions", saved_evidence("mrpc", folder_with(hide))) == []
    finally:
        os.umask(before)


def test_empty_files_are_found(saved_evidence: MakeEvidence) -> None:
    def empty(folder: Path) -> None:
        (folder / "tokenizer.json").write_bytes(b"")
        (folder / "merges.txt").touch()

    (finding,) = judge("permissions", saved_evidence("mrpc", folder_with(empty)))
    assert finding.observed == "empty: tokenizer.json"


@posix
def test_links_that_lead_nowhere_are_found(saved_evidence: MakeEvidence) -> None:
    def link(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors").symlink_to("../blobs/1234")

    (finding,) = judge("permissions", saved_evidence("mrpc", folder_with(link)))
    assert finding.observed == "model.safetensors leads nowhere"


def test_family_is_complete() -> None:
    family: list[Any] = [entry for entry in catalogue().values() if entry.family == "serving"]
    assert {entry.name for entry in family} == {
        "reload", "pipeline", "safetensors", "label_names", "tokenizer", "dtype", "permissions", "submission",
        "long_text", "entities", "answers", "problem_type", "embeddings", "zero_shot", "fill_mask",
    }  # fmt: skip
    assert {entry.name for entry in family if entry.cost != "run"} == {"long_text"}
    assert all(entry.meaning.endswith(".") and entry.hint for entry in family)
