"""Hostile data: files, folders and paths that a card names, and the card itself."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from hostile_session import ANY, MISUSE, RED, Case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FINE = frozenset({0, 1})
NOT_GREEN = RED | MISUSE
CARD = {
    "head": '"sequence-classification"',
    "text_columns": '["text"]',
    "label_column": '"label"',
    "label_names": '["bad", "good"]',
    "data": '"data"',
    "metric": '{ path = "accuracy", greater_is_better = { accuracy = true } }',
    "checkpoint": '{ tiny = "tiny-bert" }',
    "recipe": "{ num_train_epochs = 1 }",
}
OTHER = b"text,label\nnice soup,1\nsour milk,0\ngreat cake,1\nold bread,0\n"
GOOD = b"text,label\ngood food,1\nbad food,0\nfine food,1\npoor food,0\n"
TEXTS = ("good food", "bad food", "fine food", "poor food")
LABELS = (1, 0, 1, 0)
TRUTHS = (True, False, True, False)
MEGABYTE = "good " * 200_000
DEEP = "[" * 100_000 + "]" * 100_000
NAN = float("nan")


def project(
    folder: Path,
    *,
    train: bytes = GOOD,
    validation: bytes | None = None,
    ending: str = "csv",
    card: dict[str, str] | None = None,
    damage: Callable[[Path], object] = lambda _: None,
) -> None:
    """Write the card and both files, which are the same unless told; then damage the data."""
    keys = "\n".join(f"{key} = {value}" for key, value in (CARD | (card or {})).items() if value)
    (folder / "ftcheck.toml").write_text(f"tier = 'tiny'\n[tasks.reviews]\n{keys}\n", encoding="utf-8")
    (folder / "data").mkdir()
    (folder / "data" / f"train.{ending}").write_bytes(train)
    (folder / "data" / f"validation.{ending}").write_bytes(train if validation is None else validation)
    damage(folder / "data")


def case(name: str, codes: frozenset[int] = MISUSE, *more: str, **files: object) -> Case:
    options = ("--ftcheck-task=reviews", "--ftcheck-checks=data.duplicates,model.logits_shape", *more)
    return Case(f"data-{name}", options, codes, partial(project, **files))


def csv(name: str, train: bytes, codes: frozenset[int] = MISUSE, ending: str = "csv") -> Case:
    return case(name, codes, train=train, ending=ending)


def jsonl(name: str, text: str, codes: frozenset[int] = MISUSE, ending: str = "jsonl") -> Case:
    return case(name, codes, train=text.encode(), ending=ending)


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def labels(name: str, *values: object, codes: frozenset[int] = MISUSE) -> Case:
    rows = [{"text": text, "label": values[place % len(values)]} for place, text in enumerate(TEXTS)]
    return jsonl(f"label-{name}", lines(*rows), codes)


def texts(name: str, *values: object, codes: frozenset[int] = FINE) -> Case:
    """Make a case of texts; the rest of four rows is good."""
    rows = zip((*values, *TEXTS[len(values) :]), LABELS, strict=True)
    return jsonl(f"text-{name}", lines(*({"text": text, "label": label} for text, label in rows)), codes)


def written(table: pa.Table) -> bytes:
    pq.write_table(table, memory := io.BytesIO())
    return memory.getvalue()


def parquet(name: str, text: object = TEXTS, label: object = LABELS, codes: frozenset[int] = MISUSE) -> Case:
    """Make a case of two columns: values, or an array of a type."""
    columns = [column if isinstance(column, pa.Array) else pa.array(column) for column in (text, label)]
    return case(f"parquet-{name}", codes, train=written(pa.table(columns, ["text", "label"])), ending="parquet")


def folder(name: str, damage: Callable[[Path], object], codes: frozenset[int] = MISUSE, *more: str) -> Case:
    return case(f"folder-{name}", codes, *more, damage=damage)


def instead(data: Path, kind: str) -> None:
    """Put what is not a regular file in the place of the training file."""
    place = data / "train.csv"
    place.unlink()
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(kind)


def saved(data: Path, file: str = "", content: bytes | None = None, size: int | None = None) -> None:
    """Put what save_to_disk writes in the place of the files, and change one file of it."""
    import datasets

    shutil.rmtree(data)
    rows = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    datasets.disable_progress_bars()
    datasets.DatasetDict({"train": rows, "validation": rows}).save_to_disk(data)
    if file and content is None and size is None:
        (data / file).unlink()
    elif file:
        (data / file).write_bytes((data / file).read_bytes()[:size] if content is None else content)


def disk(name: str, *change: object, codes: frozenset[int] = MISUSE) -> Case:
    return case(f"saved-{name}", codes, damage=lambda data: saved(data, *change))


def shards(data: Path, *names: str) -> None:
    for file in data.iterdir():
        file.unlink()
    for name in names:
        (data / name).write_bytes(written(pa.table({"text": TEXTS, "label": LABELS})))


def path(name: str, value: str, codes: frozenset[int] = MISUSE) -> Case:
    return case(f"path-{name}", codes, f"--ftcheck-data={value}")


def card(name: str, key: str, value: str, codes: frozenset[int] = MISUSE) -> Case:
    return case(f"card-{name}", codes, card={key: value}, validation=OTHER)


def recipe(name: str, value: str, codes: frozenset[int] = MISUSE) -> Case:
    return card(f"recipe-{name}", "recipe", f"{{ {value} }}", codes)


WIDE = ",".join(f"c{number}" for number in range(10_000))
FILES = [
    case("healthy", FINE),
    case("latin-1", train='{"text": "caf\u00e9", "label": 1}\n'.encode("latin-1"), ending="jsonl"),
    csv("csv-latin-1", GOOD + "caf\u00e9,1\n".encode("latin-1")),
    csv("csv-bom", b"\xef\xbb\xbf" + GOOD, FINE),
    csv("csv-bom-label-first", b"\xef\xbb\xbflabel,text\n1,good food\n0,bad food\n", FINE),
    csv("csv-utf-16", GOOD.decode().encode("utf-16")),
    csv("csv-nul-bytes", GOOD + b"so\0so,1\n", ANY),
    csv("csv-only-nul-bytes", b"\0" * 1000),
    csv("csv-empty", b""),
    csv("csv-header-only", b"text,label\n"),
    csv("csv-one-row", b"text,label\ngood food,1\n", ANY),
    csv("csv-no-header", GOOD.split(b"\n", 1)[1]),
    csv("csv-row-too-long", GOOD + b"a,b,c,d,1\n"),
    csv("csv-row-too-short", GOOD + b"lonely\n"),
    csv("csv-no-label", b"text\ngood food\nbad food\n"),
    csv("csv-label-other-case", GOOD.replace(b"label", b"Label")),
    csv("csv-columns-twice", b"text,text,label\ngood food,nice food,1\nbad food,poor food,0\n"),
    csv("csv-labels-twice", b"text,label,label\ngood food,1,0\nbad food,0,1\n"),
    csv("csv-semicolons", GOOD.replace(b",", b";")),
    csv("csv-open-quote", GOOD + b'"no end,1\n'),
    csv("csv-carriage-returns", GOOD.replace(b"\n", b"\r"), ANY),
    csv("csv-text-missing", GOOD + b",1\n", ANY),
    csv("csv-label-missing", GOOD + b"so so,\n"),
    csv("csv-text-na", GOOD + b"NA,1\nnull,0\nNone,1\n", FINE),
    csv("csv-text-numbers", b"text,label\n1,1\n2,0\n3,1\n", FINE),
    csv("csv-label-hex", b"text,label\ngood food,0x1\nbad food,0x0\n", FINE),
    csv("csv-megabyte", GOOD + MEGABYTE.encode() + b",1\n", FINE),
    csv("csv-wide", f"text,label,{WIDE}\ngood food,1,{WIDE}\nbad food,0,{WIDE}\n".encode(), FINE),
    csv("csv-is-gzip", gzip.compress(GOOD, mtime=0)),
    csv("csv-column-latin-1", "text,label,größe\ngood food,1,1\nbad food,0,2\n".encode("latin-1")),
    csv("csv-is-parquet", written(pa.table({"text": TEXTS, "label": LABELS}))),
    csv("csv-is-html", b"<!DOCTYPE html><html><body>404, not found</body></html>\n"),
    csv("gzip-ending", gzip.compress(GOOD, mtime=0), MISUSE, "csv.gz"),
    csv("unknown-ending", GOOD, MISUSE, "xlsx"),
    csv("upper-ending", GOOD, ANY, "CSV"),
    csv("tsv-is-csv", GOOD, MISUSE, "tsv"),
    csv("tsv-quote", b'text\tlabel\n"good food\t1\nbad" food\t0\n', FINE, "tsv"),
    csv("parquet-is-csv", GOOD, MISUSE, "parquet"),
    csv("parquet-empty", b"", MISUSE, "parquet"),
    csv("parquet-truncated", written(pa.table({"text": TEXTS, "label": LABELS}))[:-20], MISUSE, "parquet"),
    csv(
        "parquet-columns-twice", written(pa.table([TEXTS, TEXTS, LABELS], ["text", "text", "label"])), ending="parquet"
    ),
    parquet("no-rows", pa.array([], "string"), pa.array([], "int64")),
    parquet("text-nested", [{"en": text} for text in TEXTS]),
    parquet("text-dictionary", pa.array(TEXTS).dictionary_encode(), codes=FINE),
    parquet("text-view", pa.array(TEXTS, "string_view"), codes=ANY),
    parquet("text-binary", pa.array([b"\xff\xfe", b"a", b"b", b"c"])),
    parquet("text-all-null", pa.nulls(4)),
    parquet("label-dictionary", label=pa.array(["good", "bad"] * 2).dictionary_encode(), codes=FINE),
    parquet("label-bool", label=TRUTHS, codes=ANY),
    parquet("label-float", label=[1.0, 0.0, 1.0, 0.0], codes=ANY),
    parquet("label-nan", label=[1.0, 0.0, NAN, 0.0]),
    parquet("label-huge", label=pa.array([2**64 - 1, 0, 1, 0], "uint64")),
    parquet("label-lists", label=[[1], [0], [1], [0]]),
    parquet("label-all-null", label=pa.nulls(4)),
]
ROW = '{"text": "good food", "label": 1}'
JSON = [
    jsonl("jsonl-empty", ""),
    jsonl("jsonl-deep", f'{{"text": {DEEP}, "label": 1}}\n'),
    jsonl("jsonl-deep-extra", f'{{"text": "good", "label": 1, "more": {DEEP}}}\n', ANY),
    jsonl("jsonl-array", json.dumps([{"text": text, "label": 1} for text in TEXTS]), ANY),
    jsonl("jsonl-lists", '["good food", 1]\n["bad food", 0]\n'),
    jsonl("jsonl-null", "null\n"),
    jsonl("jsonl-empty-objects", "{}\n{}\n"),
    jsonl("jsonl-truncated", f'{ROW}\n{{"text": "bad fo'),
    jsonl("jsonl-one-line", ROW * 4, ANY),
    jsonl("jsonl-blank-lines", f"\n{ROW}\n\n\n{ROW}\n\n", ANY),
    jsonl("jsonl-keys-twice", '{"text": "a", "text": "b", "label": 1}\n', ANY),
    jsonl("jsonl-key-missing", f'{ROW}\n{{"text": "bad food"}}\n'),
    jsonl("jsonl-bom", f"\ufeff{ROW}\n", ANY),
    jsonl("jsonl-kinds-mixed", f'{ROW}\n{{"text": {{"a": 1}}, "label": 0}}\n'),
    jsonl("json-array", json.dumps([{"text": text, "label": 1} for text in TEXTS]), FINE, "json"),
    jsonl("json-columns", '{"text": ["good", "bad"], "label": [1, 0]}', ANY, "json"),
    jsonl("json-deep", DEEP, MISUSE, "json"),
    jsonl("json-empty-array", "[]", MISUSE, "json"),
    labels("out-of-range", 1, 7),
    labels("negative", 1, -1),
    labels("huge", 1, 10**30),
    labels("half", 0.5, 0),
    labels("nan", NAN, 0),
    labels("infinite", float("inf"), 0),
    labels("null", 1, None),
    labels("all-null", None),
    labels("bool", *TRUTHS, codes=ANY),
    labels("names", "good", "bad", codes=FINE),
    labels("names-unknown", "good", "great"),
    labels("digits", "1", "0", codes=ANY),
    labels("mixed", 1, "bad", codes=ANY),
    labels("lists", [1], [0]),
    labels("empty-text", "", "good"),
    labels("all-same", 1, codes=FINE),
    texts("null", None, codes=NOT_GREEN),
    texts("all-null", None, None, None, None, codes=MISUSE),
    texts("number", 5, 6, 7, 8, codes=ANY),
    texts("mixed", 5, codes=ANY),
    texts("list", ["good", "food"], codes=MISUSE),
    texts("object", {"en": "good"}, codes=MISUSE),
    texts("megabyte", MEGABYTE),
    texts("one-word-megabyte", "x" * 1_000_000),
    texts("empty", ""),
    texts("all-empty", "", "", "", ""),
    texts("whitespace", "  \t\n ", "\u00a0\u2003", "\u200b"),
    texts("emoji", "\U0001f600\U0001f468\u200d\U0001f469"),
    texts("control", "\x00\x01\x1b[2J\x7f"),
    texts("bidi", "\u202egood\u2066 food"),
    texts("surrogate", "\ud800", codes=ANY),
    texts("special-tokens", "[CLS] [SEP] [PAD] [MASK] [UNK]"),
]
TRAIN, STATE = "train/data-00000-of-00001.arrow", "train/state.json"
FOLDERS = [
    folder("train-folder", partial(instead, kind="folder")),
    folder("train-fifo", partial(instead, kind="fifo")),
    folder("train-loop", partial(instead, kind="train.csv")),
    folder("train-nowhere", partial(instead, kind="nowhere")),
    folder("train-dev-null", partial(instead, kind="/dev/null")),
    folder("train-dev-zero", partial(instead, kind="/dev/zero")),
    folder("missing", shutil.rmtree),
    folder("empty", lambda data: [file.unlink() for file in data.iterdir()]),
    folder("loop", lambda data: [shutil.rmtree(data), data.symlink_to("data")]),
    folder("fifo", lambda data: [shutil.rmtree(data), os.mkfifo(data)]),
    folder("file", lambda data: [shutil.rmtree(data), data.write_bytes(GOOD)]),
    folder("no-train", lambda data: (data / "train.csv").unlink()),
    folder("no-validation", lambda data: (data / "validation.csv").unlink()),
    folder("train-twice", lambda data: (data / "train.jsonl").write_text(ROW)),
    folder("two-evaluations", lambda data: (data / "dev.csv").write_bytes(GOOD), ANY),
    folder("other-columns", lambda data: (data / "validation.csv").write_bytes(b"sentence,label\na,1\n")),
    folder("long-name", lambda data: (data / ("x" * 250)).write_bytes(GOOD), FINE),
    folder("odd-names", lambda data: (data / "a\n\x1b[31m.csv").write_bytes(b"\0"), ANY),
    folder("loop-beside", lambda data: (data / "again").symlink_to(data), FINE),
    folder("fifo-beside", lambda data: os.mkfifo(data / "pipe.csv"), FINE),
    folder("many-files", lambda data: [(data / f"note{number}.txt").touch() for number in range(3000)], FINE),
    folder("unreadable", lambda data: (data / "train.csv").chmod(0), FINE if os.geteuid() == 0 else MISUSE),
    folder(
        "shards", lambda data: shards(data, "train-00000-of-00001.parquet", "validation-00000-of-00001.parquet"), FINE
    ),
    folder("shard-missing", lambda data: shards(data, "train-00000-of-00002.parquet", "validation.parquet")),
    folder("shard-number", lambda data: shards(data, "train-00009-of-00002.parquet", "validation.parquet")),
    disk("healthy", codes=FINE),
    disk("state-missing", STATE),
    disk("state-list", STATE, b"[]"),
    disk("state-deep", STATE, DEEP.encode()),
    disk("state-no-files", STATE, b'{"_data_files": []}'),
    disk("state-outside", STATE, b'{"_data_files": [{"filename": "../../../etc/passwd"}], "_split": "train"}'),
    disk("state-file-number", STATE, b'{"_data_files": [{"filename": 5}]}'),
    disk("arrow-missing", TRAIN),
    disk("arrow-truncated", TRAIN, None, 200),
    disk("info-features", "train/dataset_info.json", b'{"features": {"text": {"_type": "Nope"}}}'),
    disk("splits-missing", "dataset_dict.json", b'{"splits": ["train", "gone"]}'),
    disk("splits-outside", "dataset_dict.json", b'{"splits": ["train", "../../x"]}'),
]
PATHS = [
    path("file", "data/train.csv", ANY),
    path("dots", "./data/../data", FINE),
    path("empty", ""),
    path("space", " "),
    path("root", "/"),
    path("no-user", "~nouser/x"),
    path("user", "~"),
    path("hub-address", "hf://datasets/glue"),
    path("nul", "da\0ta"),
    path("very-long", "x/" * 5000),
    path("dev-zero", "/dev/zero"),
    path("glob", "data/*.csv"),
    path("bundled", "bundled"),
    path("card", "ftcheck.toml"),
]
CARDS = [
    card("head-unknown", "head", '"token-classification"'),
    card("texts-text", "text_columns", '"text"', ANY),
    card("texts-none", "text_columns", "[]"),
    card("texts-three", "text_columns", '["text", "text", "text"]'),
    card("texts-same-twice", "text_columns", '["text", "text"]', ANY),
    card("texts-numbers", "text_columns", "[1]"),
    card("texts-label", "text_columns", '["label"]', ANY),
    card("label-empty", "label_column", '""'),
    card("names-one", "label_names", '["good"]'),
    card("names-none", "label_names", "[]"),
    card("names-same", "label_names", '["bad", "bad"]'),
    card("names-numbers", "label_names", "[0, 1]", ANY),
    card("names-many", "label_names", json.dumps([f"n{number}" for number in range(5000)]), ANY),
    card("names-control", "label_names", '["\\u001b[31m", "\\u0000"]', ANY),
    card("data-number", "data", "5"),
    card("data-nul", "data", '"da\\u0000ta"'),
    card("metric-text", "metric", '"accuracy"', ANY),
    card("metric-unknown", "metric", '{ path = "nope", greater_is_better = { nope = true } }'),
    card("metric-direction", "metric", '{ path = "accuracy", greater_is_better = { accuracy = "yes" } }'),
    card("metric-no-direction", "metric", '{ path = "accuracy", greater_is_better = {} }'),
    card("metric-script", "metric", '{ path = "data/train.csv", greater_is_better = { accuracy = true } }'),
    card("checkpoint-tier", "checkpoint", '{ tinny = "tiny-bert" }'),
    card("checkpoint-text", "checkpoint", '"tiny-bert"', ANY),
    card("slices-unknown", "slices", '["nope"]'),
    card("floors-text", "floors", '{ accuracy = "high" }'),
    card("floors-nan", "floors", "{ accuracy = nan }"),
    card("checks-number", "checks", "5"),
    card("key-unknown", "nope", "1"),
    recipe("rate-text", 'learning_rate = "x"'),
    recipe("rate-nan", "learning_rate = nan"),
    recipe("rate-negative", "learning_rate = -1.0"),
    recipe("rate-infinite", "learning_rate = inf", NOT_GREEN),
    recipe("epochs-nan", "num_train_epochs = nan"),
    recipe("epochs-zero", "num_train_epochs = 0", NOT_GREEN),
    recipe("epochs-infinite", "num_train_epochs = inf"),
    recipe("batch-zero", "per_device_train_batch_size = 0"),
    recipe("batch-negative", "per_device_train_batch_size = -8"),
    recipe("batch-huge", "per_device_train_batch_size = 9999999999999, num_train_epochs = 1", ANY),
    recipe("batch-fraction", "per_device_train_batch_size = 1.5"),
    recipe("batch-bool", "per_device_train_batch_size = true"),
    recipe("accumulation-zero", "gradient_accumulation_steps = 0"),
    recipe("deepspeed", "deepspeed = { zero_optimization = { stage = 3 } }"),
    recipe("fsdp", 'fsdp = "full_shard"'),
    recipe("length-zero", "max_length = 0"),
    recipe("length-one", "max_length = 1", ANY),
    recipe("length-huge", "max_length = 9999999999", ANY),
    recipe("length-text", 'max_length = "long"'),
    recipe("key-unknown", "learning_rat = 0.1"),
    recipe("schedule-unknown", 'lr_scheduler_type = "nope"'),
    recipe("clipping-text", 'max_grad_norm = "x"'),
    recipe("workers-negative", "dataloader_num_workers = -1"),
    recipe("output-nul", 'output_dir = "a\\u0000b"'),
    recipe("seed-huge", "seed = 99999999999999999999", ANY),
    recipe("warmup-negative", "warmup_steps = -5"),
    recipe("steps-half", "max_steps = 0.5", NOT_GREEN),
]
CASES = [*FILES, *JSON, *FOLDERS, *PATHS, *CARDS]
