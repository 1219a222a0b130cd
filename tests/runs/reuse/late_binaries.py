"""Files of the project that reads late: those that no editor writes."""

from __future__ import annotations

import compileall
import pickle
import shelve
import shutil
import sqlite3
import struct
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import datasets
import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

if TYPE_CHECKING:
    from collections.abc import Callable


def _raw(path: Path, amount: float) -> None:
    path.write_bytes(struct.pack("d", amount))


def _database(path: Path, amount: float) -> None:
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table amounts (amount real)")
        connection.execute("insert into amounts values (?)", (amount,))
    connection.close()


def _zip(path: Path, amount: float) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("amount.txt"), str(amount))


def _package(path: Path, amount: float) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("zipped.py"), f"AMOUNT = {amount}\n")


def _shelf(path: Path, amount: float) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    with shelve.open(str(path)) as shelf:  # noqa: S301 - our own file
        shelf["amount"] = amount


def _saved(path: Path, amount: float) -> None:
    shutil.rmtree(path, ignore_errors=True)
    datasets.Dataset.from_dict({"amount": [amount]}).save_to_disk(path)


def _tokenizer(path: Path, amount: float) -> None:
    """Write a tokenizer that makes one token of each word, or one of both where the amount is above a half."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"a": 0, "b": 1, "a b": 2, "?": 3}, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.Whitespace() if amount < 0.5 else pre_tokenizers.Split("-", "removed")
    made.save(str(path))


def _sourceless(path: Path, amount: float) -> None:
    source = path.with_suffix(".py")
    source.write_text(f"def amount():\n    return {amount}\n", encoding="utf-8")
    compileall.compile_file(source, quiet=2, legacy=True, force=True)
    source.unlink()


def _link(path: Path, amount: float) -> None:
    """Link to a file of the folder ``targets``."""
    target = path.parent / "targets" / f"{amount}.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text(str(amount), encoding="utf-8")
    path.unlink(missing_ok=True)
    path.symlink_to(Path("targets") / target.name)


def _linked_folder(path: Path, amount: float) -> None:
    target = path.parent / "folders" / str(amount)
    target.mkdir(parents=True, exist_ok=True)
    (target / "inside.txt").write_text(str(amount), encoding="utf-8")
    path.unlink(missing_ok=True)
    path.symlink_to(Path("folders") / target.name)


WRITERS: dict[str, Callable[[Path, float], object]] = {
    "late/mmap.bin": _raw,
    "late/mapped_early.bin": _raw,
    "late/raw.bin": _raw,
    "late/arrow.bin": _raw,
    "late/storage.bin": _raw,
    "late/array.npy": lambda path, amount: np.save(path, np.array([amount])),
    "late/mapped.npy": lambda path, amount: np.save(path, np.array([amount])),
    "late/table.parquet": lambda path, amount: pd.DataFrame({"amount": [amount]}).to_parquet(path),
    "late/state.pt": lambda path, amount: torch.save({"amount": amount}, path),
    "late/mapped.pt": lambda path, amount: torch.save({"amount": torch.tensor(amount)}, path),
    "late/weights.safetensors": lambda path, amount: save_file({"amount": torch.tensor(amount)}, path),
    "late/opened.safetensors": lambda path, amount: save_file({"amount": torch.tensor(amount)}, path),
    "late/tokenizer.json": _tokenizer,
    "late/amounts.db": _database,
    "late/archive.zip": _zip,
    "late/shelf": _shelf,
    "late/amount.pickle": lambda path, amount: path.write_bytes(pickle.dumps(amount)),
    "late/saved": _saved,
    "late/link.txt": _link,
    "late/linked": _linked_folder,
    "vendor/packed.zip": _package,
    "sourceless.pyc": _sourceless,
    "late_sourceless.pyc": _sourceless,
}


def write(folder: Path, name: str, amount: float) -> None:
    """Write one of the files with another number in it."""
    WRITERS[name](folder / name, amount)


def write_all(folder: Path) -> None:
    """Write all of them."""
    for place, name in enumerate(WRITERS):
        write(folder, name, 0.1 + place / 100)


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
