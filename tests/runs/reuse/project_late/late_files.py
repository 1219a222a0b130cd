"""Files that are read only while the model trains, with everything that reads files."""

import configparser
import glob
import importlib.resources
import io
import json
import linecache
import mmap
import os
import pickle
import pkgutil
import shelve
import sqlite3
import struct
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from pyarrow import csv, parquet
from safetensors import safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer

HERE = Path(__file__).parent
LATE = HERE / "late"

mapped_early = np.memmap(LATE / "mapped_early.bin", dtype=np.float64, mode="r")


def by_mmap():
    with open(LATE / "mmap.bin", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return struct.unpack("d", mapped[:8])[0]


def by_descriptor():
    descriptor = os.open(LATE / "descriptor.txt", os.O_RDONLY)
    try:
        return float(os.read(descriptor, 99))
    finally:
        os.close(descriptor)


def by_database():
    connection = sqlite3.connect(LATE / "amounts.db")
    try:
        return connection.execute("select amount from amounts").fetchone()[0]
    finally:
        connection.close()


def by_safetensors():
    with safe_open(LATE / "opened.safetensors", "pt") as file:
        return float(file.get_tensor("amount"))


def in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(float((LATE / "thread.txt").read_text())))
    thread.start()
    thread.join()
    return found[0]


def in_pool():
    with ThreadPoolExecutor(1) as pool:
        return float(pool.submit((LATE / "pool.txt").read_text).result())


def settings():
    parser = configparser.ConfigParser()
    parser.read(LATE / "settings.ini")
    return parser.getfloat("late", "amount")


def newest():
    """The last of the checkpoints that are there."""
    return float(sorted(LATE.glob("checkpoint-*.txt"))[-1].read_text())


def overridden():
    override = LATE / "override.txt"
    return float(override.read_text()) if override.exists() else 0.12


def tried():
    try:
        return float((LATE / "tried.txt").read_text())
    except FileNotFoundError:
        return 0.13


READ = {
    "read_text": lambda: float((LATE / "text.txt").read_text()),
    "json": lambda: json.loads((LATE / "late.json").read_bytes())["amount"],
    "open": lambda: float(open(LATE / "open.txt").readline()),
    "opener": lambda: float(open(LATE / "opener.txt", opener=os.open).read()),
    "file_io": lambda: float(io.FileIO(str(LATE / "file_io.txt")).read()),
    "descriptor": by_descriptor,
    "mapped_early": lambda: float(mapped_early[0]),
    "mmap": by_mmap,
    "npy": lambda: float(np.load(LATE / "array.npy")[0]),
    "npy_mapped": lambda: float(np.load(LATE / "mapped.npy", mmap_mode="r")[0]),
    "fromfile": lambda: float(np.fromfile(LATE / "raw.bin")[0]),
    "genfromtxt": lambda: float(np.genfromtxt(LATE / "matrix.txt")),
    "pandas": lambda: float(pd.read_csv(LATE / "frame.csv")["amount"].sum()),
    "arrow_csv": lambda: csv.read_csv(LATE / "arrow.csv")["amount"][0].as_py(),
    "parquet": lambda: parquet.read_table(LATE / "table.parquet")["amount"][0].as_py(),
    "arrow_mapped": lambda: struct.unpack("d", pa.memory_map(str(LATE / "arrow.bin")).read(8))[0],
    "torch_load": lambda: torch.load(LATE / "state.pt")["amount"],
    "torch_mapped": lambda: float(torch.load(LATE / "mapped.pt", mmap=True)["amount"]),
    "torch_from_file": lambda: float(
        torch.from_file(str(LATE / "storage.bin"), size=1, dtype=torch.float64, shared=False)
    ),
    "safetensors": lambda: float(load_file(LATE / "weights.safetensors")["amount"]),
    "safe_open": by_safetensors,
    "tokenizer": lambda: len(Tokenizer.from_file(str(LATE / "tokenizer.json")).encode("a b").ids) / 10,
    "sqlite": by_database,
    "zip": lambda: float(zipfile.ZipFile(LATE / "archive.zip").read("amount.txt")),
    "shelve": lambda: shelve.open(str(LATE / "shelf"), flag="r")["amount"],
    "pickle": lambda: pickle.loads((LATE / "amount.pickle").read_bytes()),
    "dataset": lambda: datasets.load_from_disk(LATE / "saved")["amount"][0],
    "linecache": lambda: float(linecache.getline(str(LATE / "lines.txt"), 2)),
    "resources": lambda: float(importlib.resources.files("box").joinpath("resource.txt").read_text()),
    "pkgutil": lambda: float(pkgutil.get_data("box", "data.txt")),
    "thread": in_thread,
    "pool": in_pool,
    "configparser": settings,
    "link": lambda: float((LATE / "link.txt").read_text()),
    "linked_folder": lambda: float((LATE / "linked" / "inside.txt").read_text()),
    "listdir": lambda: len(os.listdir(LATE / "many")) / 100,
    "glob": lambda: len(glob.glob(str(LATE / "many" / "*.txt"))) / 100,
    "walk": lambda: sum(len(files) for _, _, files in os.walk(LATE / "tree")) / 100,
    "newest": newest,
    "exists": lambda: 0.1 if (LATE / "exists.txt").exists() else 0.2,
    "isfile": lambda: 0.1 if os.path.isfile(LATE / "isfile.txt") else 0.2,
    "size": lambda: os.path.getsize(LATE / "size.txt") / 100,
    "overridden": overridden,
    "tried": tried,
    "relative": lambda: float(Path("late/relative.txt").read_text()),
}
