"""Every option of the command line, in one table."""

from __future__ import annotations

from typing import Any

from pytest_ftcheck.settings import DTYPES, ENGINES, TIERS

OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("task", "tasks", {"action": "append", "metavar": "NAME[,NAME]", "help": "run the suite of these tasks"}),
    (
        "trainer",
        "trainer",
        {
            "metavar": "SPEC",
            "help": "judge your own Trainer: package.module:factory or path/to/train.py:factory returns it, untrained",
        },
    ),
    (
        "no-train",
        "no_train",
        {"action": "store_const", "const": True, "help": "the model is fine-tuned already: judge it as it is"},
    ),
    (
        "checks",
        "checks",
        {
            "action": "append",
            "metavar": "NAME[,NAME]",
            "help": "run these families or checks, with a minus all others: data,collator.mask,-training.resume",
        },
    ),
    (
        "tier",
        "tier",
        {
            "metavar": "|".join(TIERS),
            "help": "recipe and floors: tiny where checkpoint and data are bundled, else full",
        },
    ),
    ("model", "model", {"metavar": "MODEL", "help": "tiny-bert, tiny-distilbert, a folder, or a Hub id"}),
    (
        "data",
        "data",
        {"metavar": "DATA", "help": "bundled, hub, or a folder or file (jsonl, json, csv, tsv, parquet, save_to_disk)"},
    ),
    ("engine", "engines", {"metavar": f"{'|'.join(ENGINES)}|both", "help": "how it trains (default: trainer)"}),
    (
        "faults",
        "faults",
        {
            "nargs": "?",
            "const": "all",
            "metavar": "NAME[,NAME]",
            "help": "plant faults, one at a time, instead of running the suite: does a check turn red? (default: all)",
        },
    ),
    ("seeds", "seeds", {"metavar": "SEEDS", "help": "such as 0, 0-4 or 1,3 (default: 0)"}),
    (
        "strict",
        "strict",
        {
            "action": "store_const",
            "const": True,
            "help": "an inconclusive gate and what a check warns of fail, instead of passing with a line",
        },
    ),
    (
        "update-baseline",
        "update_baseline",
        {
            "nargs": "?",
            "const": "all",
            "metavar": "new|force",
            "help": "accept what ran as the baseline; new: only what has none; force: also where CI is set",
        },
    ),
    ("reason", "reason", {"metavar": "TEXT", "help": "why the baseline is updated: stands in it"}),
    (
        "require-baseline",
        "require_baseline",
        {"action": "store_const", "const": True, "help": "fail where no run was accepted"},
    ),
    (
        "calibrate",
        "calibrate",
        {
            "nargs": "?",
            "const": "10",
            "metavar": "SEEDS",
            "help": "train so many seeds instead of running the suite, and propose limits (default: 10)",
        },
    ),
    (
        "calibrate-runs",
        "calibrate_runs",
        {"metavar": "N", "help": "propose limits for the mean of N seeds, as --ftcheck-seeds judges it (default: 1)"},
    ),
    (
        "write-floors",
        "write_floors",
        {"action": "store_const", "const": True, "help": "write what --ftcheck-calibrate proposes into your file"},
    ),
    (
        "bench",
        "bench",
        {"action": "store_const", "const": True, "help": "measure training steps instead of running the suite"},
    ),
    (
        "bench-batch-sizes",
        "bench_batch_sizes",
        {"metavar": "N[,N]", "help": "measure these batch sizes (default: the recipe's)"},
    ),
    (
        "bench-dtypes",
        "bench_dtypes",
        {"metavar": "DTYPE[,DTYPE]", "help": "measure matrix products in these, by autocast (default: the recipe's)"},
    ),
    (
        "bench-seq-len",
        "bench_seq_len",
        {"metavar": "N", "help": "rows of N tokens, nothing padded (default: the rows as they are)"},
    ),
    (
        "bench-compile",
        "bench_compile",
        {"action": "store_const", "const": True, "help": "measure each step with torch.compile as well"},
    ),
    (
        "bench-shape",
        "bench_shape",
        {"metavar": "NAME", "help": "measure random weights of this shape, for example bert-base-uncased"},
    ),
    (
        "bench-compare",
        "bench_compare",
        {
            "action": "append",
            "metavar": "SPEC",
            "help": "compare two steps in this session: engine=manual,trainer, dtype=float32,bfloat16, batch=8,32, "
            "compile=no,yes, or checkout=DIR; fails where the second is slower",
        },
    ),
    (
        "bench-tolerance",
        "bench_tolerance",
        {"metavar": "SHARE", "help": "the second of a comparison may be slower by this share (default: 0.05)"},
    ),
    ("device", "device", {"metavar": "cuda|mps|cpu", "help": "default: the best that is there"}),
    ("require-device", "require_device", {"metavar": "cuda|mps|cpu", "help": "fail where the run would not be on it"}),
    ("dtype", "dtype", {"metavar": "|".join(DTYPES), "help": "of the weights as loaded (default: float32)"}),
    (
        "fast-cpu",
        "fast_cpu",
        {
            "action": "store_const",
            "const": True,
            "help": "train on a CPU with faster kernels than PyTorch's: a seed's numbers are others (default: as the "
            "recipe says, and never for your own Trainer)",
        },
    ),
    (
        "threads",
        "threads",
        {
            "metavar": "N",
            "help": "CPU threads (default: 1 for tier tiny, else torch's within a quota, shared by workers)",
        },
    ),
    (
        "timeout",
        "timeout",
        {"metavar": "SECONDS", "help": "fail a factory, a training run or a saved model that takes longer, each"},
    ),
    ("max-train-rows", "max_train_rows", {"metavar": "N", "help": "train on N rows, chosen by a seeded shuffle"}),
    ("max-eval-rows", "max_eval_rows", {"metavar": "N", "help": "evaluate on N rows, chosen by a seeded shuffle"}),
    ("online", "online", {"action": "store_const", "const": True, "help": "allow downloads from the Hub"}),
    (
        "reuse",
        "reuse",
        {
            "action": "store_const",
            "const": True,
            "help": "take a run of an earlier session where everything that made it is the same",
        },
    ),
    ("store", "store", {"metavar": "DIR", "help": "where reused runs are kept (default: the user's cache folder)"}),
    ("json", "json", {"metavar": "PATH", "help": "write everything into a JSON file"}),
)
"""For each option: its flag without ``--ftcheck-``, its `Settings` field, and what an argument parser takes of it."""
FLAGS: dict[str, str] = {dest: f"--ftcheck-{flag}" for flag, dest, _ in OPTIONS}
"""The option of each `Settings` field, as it is typed."""
SHOWN: dict[str, dict[str, Any]] = {
    "--ftcheck-list": {"action": "store_true", "help": "print the task cards and exit"},
    "--ftcheck-list-checks": {"action": "store_true", "help": "print the checks and exit"},
    "--ftcheck-explain": {
        "metavar": "CHECK",
        "help": "print what a check requires, its likely causes, and how to skip it, and exit",
    },
}
"""Options that print something instead of a session, and what an argument parser takes of each."""


def described_options() -> list[tuple[str, str | None, str]]:
    """Every option as it is typed, the `Settings` field that it sets, and what it does."""
    described: list[tuple[str, str | None, str]] = []
    shown = [(option, None, arguments) for option, arguments in SHOWN.items()]
    for option, dest, arguments in [*((f"--ftcheck-{flag}", dest, given) for flag, dest, given in OPTIONS), *shown]:
        value = f"={arguments['metavar']}" if "metavar" in arguments else ""
        value = f"[{value}]" if arguments.get("nargs") == "?" else value
        described.append((f"{option}{value}", dest, arguments["help"]))
    return described
