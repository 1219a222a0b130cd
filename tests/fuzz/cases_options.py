"""Garbage on the command line: every option with every kind of nonsense, near misses, and options that contradict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cases_factories import HEALTHY
from hostile_session import ANY, MISUSE, RED, Case

if TYPE_CHECKING:
    from pathlib import Path

FINE = frozenset({0, 1})
TOLD = RED | MISUSE
TASK = ("--ftcheck-task=sst2",)
FEW = ("--ftcheck-max-train-rows=16", "--ftcheck-max-eval-rows=16")
QUICK = (*TASK, "--ftcheck-checks=data.labels_in_range", *FEW)
TRAINS = (*TASK, "--ftcheck-checks=model.logits_shape", *FEW)
BENCH = (*TASK, "--ftcheck-bench")

GARBAGE = {
    "empty": "",
    "space": " ",
    "comma": ",",
    "control": "\x01\x1b[2J\n",
    "bidi": "\u202e",
    "no-unicode": "\udcff",
    "negative": "-1",
    "huge": "9" * 5000,
    "float": "1.5",
    "nan": "nan",
    "arabic": "\u0661",
    "superscript": "\u00b2",
    "quotes": "'{0}%s[/red]\"",
    "user": "~nouser/x",
    "long": "n" * 300,
    "null": "/dev/null",
    "nowhere": "/proc/no/where",
}
"""By name."""
NAMES = ("negative", "float", "nan", "superscript")
ODD_NAMES = ("control", "bidi", "no-unicode", "arabic", "quotes")
BLANK = ("space", "comma")
PLAIN = ("nowhere", "long", "user", "null")

# An option; what stands before it; garbage that may be taken or refused; garbage that must be taken; left out, for it
# is slow, or is a valid text or path.
SWEPT: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("task", (), (), (), ()),
    ("trainer", (), (), (), ()),
    ("checks", TASK, (), (), ()),
    ("tier", QUICK, (), (), ()),
    ("model", QUICK, (), (), ()),
    ("data", QUICK, (), (), ()),
    ("engine", TRAINS, (), (), ()),
    ("faults", (*TASK, *FEW), (), (), ()),
    ("seeds", TRAINS, ("arabic",), (), ()),
    ("update-baseline", (*TRAINS, "--ftcheck-reason=why"), (), (), ()),
    ("reason", (*TRAINS, "--ftcheck-update-baseline=new"), ("comma", "huge", *ODD_NAMES), PLAIN, NAMES),
    ("calibrate", TASK, (), (), ("arabic",)),
    ("calibrate-runs", (*TASK, "--ftcheck-calibrate=2", *FEW), ("arabic",), (), ()),
    ("bench-batch-sizes", BENCH, ("huge",), (), ("arabic",)),
    ("bench-dtypes", BENCH, (), (), ()),
    ("bench-seq-len", BENCH, (), (), ("arabic",)),
    ("bench-shape", BENCH, (), (), ()),
    ("bench-compare", TASK, (), (), ()),
    ("bench-tolerance", (*TASK, "--ftcheck-bench-compare=batch=8,16"), (), (), ("arabic", "float")),
    ("device", QUICK, (), (), ()),
    ("require-device", QUICK, (), (), ()),
    ("dtype", QUICK, (), (), ()),
    ("threads", TRAINS, ("arabic",), (), ()),
    ("max-train-rows", QUICK[:2], ("arabic", "huge"), (), ()),
    ("max-eval-rows", QUICK[:2], ("arabic", "huge"), (), ()),
    ("store", (*TRAINS, "--ftcheck-reuse"), (*BLANK, *ODD_NAMES), (), NAMES),
    ("json", QUICK, (*BLANK, *ODD_NAMES, "null"), NAMES, ()),
)
"""The three of paths and text take most of it."""

# What is nearly right.
NEAR = (
    ("task", (), MISUSE, ("sst", "SST2", "sst2,nothing", "sst2 mrpc", "sst2;mrpc", "glue/sst2", "*", "-sst2",
     "sst2=1")),
    ("task", QUICK[1:], ANY, ("sst2,sst2", "sst2,", " sst2 ", "sst2\n")),
    ("tier", QUICK, MISUSE, ("Tiny", "FULL", "tiny,full", "tin", "tiny|full", "small")),
    ("tier", QUICK, ANY, (" tiny",)),
    ("engine", TRAINS, MISUSE, ("Trainer", "trainers", "trainer|manual", "none", "trainer\u200b")),
    ("seeds", TRAINS, MISUSE, ("0-", "-0", "4-0", "0--1", "1,,2", "0;1", "0..3", "0-1-2", "4294967296",
     "0-99999999999")),
    ("seeds", TRAINS, MISUSE, ("zero", "0,x", "1 2", "0-1,", "0\u20131")),
    ("seeds", TRAINS, ANY, ("0,0", "0-1,1", " 0", "00")),
    ("seeds", TRAINS, FINE, ("4294967295", "1,0")),
    ("device", QUICK, MISUSE, ("cuda", "mps", "cuda:0", "gpu", "CPU", "cpu:0", "xpu", "meta", "cpu,cuda", "auto")),
    ("device", QUICK, FINE, ("cpu",)),
    ("require-device", QUICK, TOLD, ("cuda", "mps", "gpu", "cuda:99", "CPU", "cuda|cpu")),
    ("dtype", QUICK, MISUSE, ("fp16", "float64", "int8", "bf16", "torch.float32", "Float32", "float32,bfloat16",
     "auto")),
    ("threads", TRAINS, MISUSE, ("0", "2.0", "1,2", "auto", "-0", "4294967297", "1 thread")),
    ("max-train-rows", QUICK[:2], MISUSE, ("0", "16.0", "16 rows", "1,2", "16k", "10%", "all")),
    ("max-eval-rows", QUICK[:2], MISUSE, ("0", "16.0", "16 rows", "1,2", "16k", "10%", "all")),
    ("max-eval-rows", QUICK[:2], FINE, ("1", "2")),
    ("model", QUICK, MISUSE, ("tiny-brt", ".", "..", "a/b/c", "bert-base-uncased", "https://localhost/x", "a/b@",
     "@", "a//b")),
    ("model", QUICK, MISUSE, ("tiny-bert@main", "-a/b", "a/b@../x", "Tiny-Bert", "tiny-bert,tiny-distilbert",
     "a/b@\u202e")),
    ("data", QUICK, MISUSE, ("bundle", "hub", ".", "..", "data.csv", "ftcheck.toml", "Bundled", "bundled,hub",
     "glob*", "a\\b")),
    ("faults", (*TASK, *FEW), MISUSE, ("zero_grad_mising", "Serving", "-serving", "none", "1", "serving;data",
     "serving.x")),
    ("checks", TASK, MISUSE, ("data.label_in_range", "dta", "-", "--", "data.", ".data", "data.*", "data,-data",
     "DATA")),
    ("checks", TASK, MISUSE, ("data/labels_in_range", "+data.labels_in_range", "data.labels_in_range,nothing",
     "!data")),
    ("checks", TASK, MISUSE, ("-data,-collator,-model,-training,-metrics,-serving", "data.labels_in_range;model",
     "--data")),
    ("checks", (*TASK, *FEW), ANY, ("data.labels_in_range,", "data.labels_in_range, data.token_ids",
     "data.labels_in_range\n")),
    ("checks", (*TASK, *FEW), FINE, ("data.labels_in_range,data.labels_in_range",)),
    ("update-baseline", (*TRAINS, "--ftcheck-reason=why"), MISUSE, ("New", "forced", "new,force", "yes", "old",
     "true")),
    ("calibrate", (*TASK, *FEW), MISUSE, ("0", "1", "ten", "10,20", "0-9", "2.5", "10 seeds", "1e1")),
    ("calibrate-runs", (*TASK, "--ftcheck-calibrate=2", *FEW), MISUSE, ("0", "two", "1,2", "1.0")),
    ("bench-batch-sizes", BENCH, MISUSE, ("0", "8,0", "8;16", "8,,16", "8-16", "8,x", "8.0", "8,-8")),
    ("bench-dtypes", BENCH, MISUSE, ("float32,float64", "bf16", "float32;bfloat16", "Float32", "int8", "float32,,")),
    ("bench-seq-len", BENCH, MISUSE, ("0", "1,2", "128.0", "10000000", "long")),
    ("bench-shape", BENCH, MISUSE, ("bert-base", "BERT-BASE-UNCASED", "bert-base-uncased,bert-tiny", "tiny-bert",
     "minilm")),
    ("bench-compare", TASK, MISUSE, ("engine", "engine=", "engine=manual", "engine=manual,trainer,both",
     "engine:manual,trainer")),
    ("bench-compare", TASK, MISUSE, ("=", "=,", "speed=1,2", "batch=8", "batch=0,8", "batch=8,-8", "batch=8,8,8",
     "batch=8,x")),
    ("bench-compare", TASK, MISUSE, ("dtype=", "dtype=float32,float64", "compile=yes,maybe", "compile=1,0",
     "checkout=")),
    ("bench-compare", TASK, MISUSE, ("checkout=nowhere", "checkout=~nouser/x", "checkout=/dev/null",
     "engine=both,manual")),
    ("bench-tolerance", (*TASK, "--ftcheck-bench-compare=batch=8,16"), MISUSE, ("-0.05", "5%", "0,05", "0.05x",
     "-inf")),
    ("store", (*TRAINS, "--ftcheck-reuse"), MISUSE, ("ftcheck.toml", "ftcheck.toml/x", "/dev/full")),
    ("json", QUICK, MISUSE, (".", "..", "ftcheck.toml/x", "/proc", "nowhere/" + "n" * 300)),
)  # fmt: skip

# A value that is right, of every option that does not say what is judged.
RIGHT = (
    "no-train", "checks=data", "tier=tiny", "model=tiny-bert", "data=bundled", "engine=manual", "faults", "faults=data",
    "seeds=0-1", "strict", "update-baseline", "update-baseline=new", "reason=why", "require-baseline", "calibrate",
    "calibrate=3", "calibrate-runs=2", "write-floors", "bench", "bench-batch-sizes=8", "bench-dtypes=float32",
    "bench-seq-len=16", "bench-compile", "bench-shape=bert-tiny", "bench-compare=engine=manual,trainer",
    "bench-tolerance=0.1", "device=cpu", "require-device=cpu", "dtype=float32", "fast-cpu", "threads=1",
    "max-train-rows=16", "max-eval-rows=16", "online", "reuse", "store=store",
)  # fmt: skip
FLAGS = (
    "no-train", "strict", "require-baseline", "write-floors", "bench", "bench-compile", "fast-cpu", "online", "reuse",
    "list", "list-checks",
)  # fmt: skip
VALUED = ("task", "trainer", "seeds", "json", "bench-compare")

# Options that have no effect together, over a task.
SOME = ("max-train-rows=16", "max-eval-rows=16")
CONTRADICTING = (
    ("reason=why",), ("store=store",), ("write-floors",), ("calibrate-runs=2",), ("bench-batch-sizes=8",),
    ("bench-dtypes=float32",), ("bench-seq-len=16",), ("bench-compile",), ("bench-shape=bert-tiny",),
    ("bench-tolerance=0.1",), ("bench", "bench-tolerance=0.1"), ("bench", "faults"), ("bench", "calibrate=3"),
    ("bench", "update-baseline=new", "reason=why"), ("bench", "strict"), ("bench", "require-baseline"),
    ("bench", "no-train"), ("bench", "checks=data"), ("bench", "seeds=0-2"), ("bench", "reuse"),
    ("faults", "calibrate=3"), ("faults", "no-train"), ("faults", "update-baseline=new", "reason=why"),
    ("faults", "strict"), ("faults", "require-baseline"), ("faults", "seeds=0-2"), ("faults",
     "bench-compare=batch=8,16"),
    ("calibrate=3", "no-train"), ("calibrate=3", "seeds=0-1", *SOME), ("calibrate=3", "strict"), ("calibrate=3",
     "checks=data"),
    ("calibrate=3", "update-baseline=new", "reason=why"), ("calibrate=3", "require-baseline"),
    ("calibrate=3", "calibrate-runs=2", "no-train"), ("calibrate=3", "bench-compare=batch=8,16"),
    ("no-train", "engine=both"), ("no-train", "engine=manual"), ("no-train", "seeds=0-2"), ("no-train", "fast-cpu"),
    ("no-train", "reuse"), ("no-train", "max-train-rows=16", "checks=model.logits_shape"),
    ("device=cpu", "require-device=cuda"), ("tier=full", "data=bundled"), ("tier=full",), ("data=hub",),
    ("reuse", "checks=data.labels_in_range"),
    ("require-baseline", "checks=data.labels_in_range"),
    ("fast-cpu", "checks=data.labels_in_range"), ("engine=manual", "checks=data.labels_in_range"),
    ("seeds=0-1", "checks=data.labels_in_range"), ("list", "list-checks"), ("list", "strict"), ("list-checks",
     "bench"),
    ("list", "json=out.json"),
)  # fmt: skip
# The same over a Trainer.
OVER_TRAINER = ("model=tiny-bert", "data=bundled", "data=nowhere", "dtype=bf16", "task=sst2,mrpc")
# Given twice: the last may win, as in pytest, but none is lost without a word.
TWICE = (
    ("tier=tiny", "tier=tiney", MISUSE), ("tier=tiny", "tier=tiny", FINE), ("seeds=0", "seeds=x", MISUSE),
    ("max-eval-rows=16", "max-eval-rows=0", MISUSE), ("checks=data.labels_in_range", "checks=nothing", MISUSE),
    ("device=cpu", "device=gpu", MISUSE), ("json=a.json", "json=", MISUSE), ("dtype=float32", "dtype=", MISUSE),
)  # fmt: skip


def _of(name: str, before: tuple[str, ...], *options: str, codes: frozenset[int] = MISUSE) -> Case:
    return Case(f"option-{name}", (*before, *(f"--ftcheck-{option}" for option in options)), codes)


def _swept() -> list[Case]:
    """Every option with every garbage."""
    found = []
    for option, before, either, taken, left_out in SWEPT:
        for name, value in GARBAGE.items():
            codes = FINE if name in taken else ANY if name in either else MISUSE
            if name not in left_out:
                found.append(_of(f"{option}-{name}", before, f"{option}={value}", codes=codes))
    return found


def _near() -> list[Case]:
    """Every option with what is nearly right, numbered."""
    found: list[Case] = []
    for option, before, codes, values in NEAR:
        for value in values:
            found.append(_of(f"{option}-near-{len(found)}", before, f"{option}={value}", codes=codes))
    return found


def _write(folder: Path) -> None:
    (folder / "train.py").write_text(HEALTHY, encoding="utf-8")


CASES_OF_ALL = [
    Case("tier-tiney", ("--ftcheck-task=sst2", "--ftcheck-tier=tiney"), words=("Did you mean 'tiny'?",)),
    Case("seeds-all", ("--ftcheck-task=sst2", "--ftcheck-seeds=0-4294967295")),
    *_swept(),
    *_near(),
    *(_of(f"alone-{option.replace('=', '-')}", (), option) for option in RIGHT),
    *(_of(f"flag-with-value-{flag}", QUICK, f"{flag}=yes") for flag in FLAGS),
    *(_of(f"without-value-{option}", QUICK, option) for option in VALUED),
    *(_of(f"shortened-{option}", QUICK, f"{option[:-1]}=1") for option in VALUED),
    *(_of(f"contradicts-{'-'.join(options).replace('=', '-')}", TASK, *options) for options in CONTRADICTING),
    *(_of(f"twice-{at}", QUICK, first, last, codes=codes) for at, (first, last, codes) in enumerate(TWICE)),
    Case("option-twice-of-two", (*QUICK[1:], "--ftcheck-task=sst2", "--ftcheck-task=mrpc"), ANY, words=("sst2",)),
    *(
        Case(
            f"option-over-trainer-{option.replace('=', '-')}",
            ("--ftcheck-trainer=train.py:build", "--ftcheck-checks=data.labels_in_range", f"--ftcheck-{option}"),
            prepare=_write,
        )
        for option in OVER_TRAINER
    ),
]
CASES = CASES_OF_ALL[::2]
"""Every second one, which takes minutes less and meets every option with half of the values."""
