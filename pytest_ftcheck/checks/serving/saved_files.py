"""Checks of the files of the saved folder, without loading the model."""

from __future__ import annotations

import os
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pytest_ftcheck.checks.catalogue import NotApplicable, ReportedBy, check, finding
from pytest_ftcheck.checks.model.logits import require_whole_model
from pytest_ftcheck.files import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from pytest_ftcheck.checks.catalogue import Thresholds
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_TRAINER_STATE = ("training_args.bin",)
"""`Trainer.save_model` always writes this file; a server does not load it."""
_MUST_HAVE_CONTENT = (".safetensors", ".json", ".model", ".txt", ".bin")
_MAY_BE_EMPTY = ("merges.txt",)
_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_PICKLE = b"\x80"
_LAST_PROTOCOL = 5


def _files(evidence: Evidence) -> list[Path]:
    return sorted(path for path in evidence.run.model_folder.rglob("*") if not path.is_dir())


def _relative(evidence: Evidence, path: Path) -> str:
    return str(path.relative_to(evidence.run.model_folder))


@check(
    "serving.safetensors",
    cost="run",
    catches="weights saved as a pickle, which runs code when it is loaded; a missing shard; a damaged file; "
    "weights without their configuration",
    hint="save with save_pretrained, which writes safetensors; remove old pytorch_model.bin, optimizer and checkpoint "
    "files from the folder.",
)
def safetensors(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """The saved folder contains the weights as complete safetensors files with a configuration, and no pickle.

    Assumes: weights are safetensors, and no file is a pickle.

    Unusual but healthy: training_args.bin passes; other pickles, such as an optimizer in the same folder, fail.

    False alarms: none by chance.
    """
    del thresholds
    files = _files(evidence)
    weights = [path for path in files if path.suffix == ".safetensors"]
    findings = []
    names = ", ".join(_relative(evidence, path) for path in files) or "an empty folder"
    if files and not {"config.json", "adapter_config.json"} & {path.name for path in files}:
        hint = "save with save_pretrained, or write the configuration into the folder: config.save_pretrained(folder)."
        findings.append(
            finding("a config.json, without which from_pretrained cannot load", f"none: {names}", hint=hint)
        )
    if not weights:
        findings.append(finding("weights in *.safetensors", names))
    for path in weights:
        try:
            with safe_open(path, framework="pt") as tensors:
                count = len(tensors.keys())
        except (SafetensorError, OSError) as error:
            findings.append(finding(f"{_relative(evidence, path)} as safetensors", f"it cannot be read: {error}"))
        else:
            if not count:
                findings.append(finding(f"weights in {_relative(evidence, path)}", "it holds no tensor"))
    pickles = [path for path in files if path.name not in _TRAINER_STATE and is_pickle(path)]
    if pickles:
        names = ", ".join(_relative(evidence, path) for path in pickles)
        findings.append(finding("no pickle in the folder", f"{names}: loading it would run the code that it contains"))
    return findings


def is_pickle(path: Path) -> bool:
    """Return whether a file is a pickle, by its content: plain, or in the zip file that `torch.save` writes."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
        if len(start) == 2 and start[:1] == _PICKLE and start[1] <= _LAST_PROTOCOL:  # opcode, protocol
            return True
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


@check(
    "serving.dtype",
    cost="run",
    catches="weights that are cast to another dtype when they are saved, all or some of them",
    hint="look for model.half() or .to(dtype) before the model is saved; autocast leaves weights in float32.",
)
def dtype(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Saved weights have the dtype in which they were trained.

    Assumes: weights are saved in the dtype of the training.

    Unusual but healthy: a model that is cast on purpose before it is saved fails: silence the check; weights with other
    names are skipped.

    False alarms: none by chance.
    """
    del thresholds
    require_whole_model(evidence)
    trained = {
        name: tensor.dtype for name, tensor in evidence.fresh_model.state_dict().items() if tensor.is_floating_point()
    }
    different: dict[str, list[str]] = {}
    shared = 0
    for name, saved in _saved_dtypes(evidence):
        if name in trained:
            shared += 1
            if saved != trained[name]:
                change = f"{_short(saved)} instead of {_short(trained[name])}"
                different.setdefault(change, []).append(name)
    if not shared:
        msg = "no saved weight has the name of one that was trained"
        raise NotApplicable(msg)
    expected = ", ".join(sorted({_short(kind) for kind in trained.values()}))
    return [
        finding(f"weights in {expected}, as they were trained", f"{len(names)} of {shared} in {change}: {names[0]}, …")
        for change, names in different.items()
    ]


def _saved_dtypes(evidence: Evidence) -> Iterator[tuple[str, torch.dtype]]:
    """Yield name and dtype of every saved weight, read without the weights."""
    for path in sorted(evidence.run.model_folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as tensors:
                for name in tensors.keys():  # noqa: SIM118 - no mapping
                    # An empty slice has the dtype, and reads no data.
                    part = tensors.get_slice(name)
                    yield name, (part[:0] if part.get_shape() else tensors.get_tensor(name)).dtype
        except SafetensorError as error:
            raise ReportedBy(check="serving.safetensors", reason=f"{path.name} cannot be read ({error})") from error


def _short(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


@check(
    "serving.permissions",
    cost="run",
    catches="files that only their owner can read, empty files, links to missing files",
    hint="a temporary file was moved into place (mode 0600), a disk was full, or a link was copied without its target; "
    "save again, or chmod.",
)
def permissions(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Saved files can be read by everybody who can read other new files, and none is empty.

    Assumes: other users read the saved folder too.

    Unusual but healthy: a private umask passes: only files with narrower modes than other new files fail.

    False alarms: none by chance.
    """
    del thresholds
    folder, files = evidence.run.model_folder, _files(evidence)
    findings = []
    lost = [path for path in files if not path.exists()]
    if lost:
        names = ", ".join(_relative(evidence, path) for path in lost)
        findings.append(finding("links that lead to files", f"{names} leads nowhere"))
    there = [path for path in files if path.exists()]
    empty = [
        path
        for path in there
        if path.stat().st_size == 0 and path.suffix in _MUST_HAVE_CONTENT and path.name not in _MAY_BE_EMPTY
    ]
    if empty:
        findings.append(
            finding("files with content", f"empty: {', '.join(_relative(evidence, path) for path in empty)}")
        )
    if os.name != "posix":
        return findings
    usual, of_weights = _usual_modes()
    for path in [folder, *there]:
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = _READ & (of_weights if path.suffix == ".safetensors" else usual)
        # Who may read a folder must also be able to enter it.
        wanted |= wanted >> 2 if path.is_dir() else 0
        if mode & wanted != wanted:
            what = "the folder" if path == folder else _relative(evidence, path)
            findings.append(finding(f"{what} readable as new files are: at least {wanted:04o}", f"mode {mode:04o}"))
    return findings


def _usual_modes() -> tuple[int, int]:
    """Return the modes of a new file, and of a file that safetensors writes (0600 in recent versions, by a rename).

    The files are really created, because reading the umask would change it for a moment.
    """
    with tempfile.TemporaryDirectory(prefix="umask-", dir=scratch_folder()) as name:
        plain, weights = Path(name) / "new", Path(name) / "new.safetensors"
        plain.touch()
        save_file({"nothing": np.zeros(1, np.float32)}, weights)
        return stat.S_IMODE(plain.stat().st_mode), stat.S_IMODE(weights.stat().st_mode)
