"""Every option of the command line, in one table."""

from __future__ import annotations

from typing import Any

from pytest_ftcheck.settings import DTYPES, ENGINES, GITHUB_MODES, TIERS

OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("task", "tasks", {"action": "append", "metavar": "NAME[,NAME]", "help": "run the suite of these tasks"}),
    (
        "trainer",
        "trainer",
        {
            "metavar": "SPEC",
            "help": "judge your own Trainer: package.module:factory or path/to/train.py:factory returns it untrained",
        },
    ),
    (
        "no-train",
        "no_train",
        {"action": "store_const", "const": True, "help": "judge the model without training: it is fine-tuned already"},
    ),
    (
        "checks",
        "checks",
        {
            "action": "append",
            "metavar": "NAME[,NAME]",
            "help": "run only these families or checks; with a minus, all others: data,collator.mask,-training.resume",
        },
    ),
    (
        "tier",
        "tier",
        {
            "metavar": "|".join(TIERS),
            "help": "tier of recipe and floors (default: tiny if checkpoint and data are bundled, else full)",
        },
    ),
    ("model", "model", {"metavar": "MODEL", "help": "tiny-bert, tiny-distilbert, a folder, or a Hub id"}),
    (
        "data",
        "data",
        {"metavar": "DATA", "help": "bundled, hub, or a folder or file (jsonl, json, csv, tsv, parquet, save_to_disk)"},
    ),
    (
        "engine",
        "engines",
        {"metavar": f"{'|'.join(ENGINES)}|both", "help": "engine of the training (default: trainer)"},
    ),
    (
        "faults",
        "faults",
        {
            "nargs": "?",
            "const": "all",
            "metavar": "NAME[,NAME]",
            "help": "instead of the suite, plant faults one at a time and test whether a check fails (default: all)",
        },
    ),
    ("seeds", "seeds", {"metavar": "SEEDS", "help": "seeds, such as 0, 0-4 or 1,3 (default: 0)"}),
    (
        "strict",
        "strict",
        {
            "action": "store_const",
            "const": True,
            "help": "let inconclusive gates and warnings of checks fail instead of pass",
        },
    ),
    (
        "update-baseline",
        "update_baseline",
        {
            "nargs": "?",
            "const": "all",
            "metavar": "new|force",
            "help": "accept the runs as the baseline; new: only runs without an entry; force: also in CI",
        },
    ),
    ("reason", "reason", {"metavar": "TEXT", "help": "why the baseline is updated; stored in the baseline"}),
    (
        "require-baseline",
        "require_baseline",
        {"action": "store_const", "const": True, "help": "fail if there is no accepted run to compare with"},
    ),
    (
        "calibrate",
        "calibrate",
        {
            "nargs": "?",
            "const": "10",
            "metavar": "SEEDS",
            "help": "instead of the suite, train this number of seeds and propose limits (default: 10)",
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
        {
            "action": "store_const",
            "const": True,
            "help": "write the limits that --ftcheck-calibrate proposes into your configuration file",
        },
    ),
    (
        "bench",
        "bench",
        {"action": "store_const", "const": True, "help": "instead of the suite, measure training steps"},
    ),
    (
        "bench-batch-sizes",
        "bench_batch_sizes",
        {"metavar": "N[,N]", "help": "measure these batch sizes (default: the recipe's)"},
    ),
    (
        "bench-dtypes",
        "bench_dtypes",
        {
            "metavar": "DTYPE[,DTYPE]",
            "help": "measure these dtypes of matrix products, by autocast (default: the recipe's)",
        },
    ),
    (
        "bench-seq-len",
        "bench_seq_len",
        {"metavar": "N", "help": "measure rows of N tokens without padding (default: unchanged rows)"},
    ),
    (
        "bench-compile",
        "bench_compile",
        {"action": "store_const", "const": True, "help": "measure each step with torch.compile as well"},
    ),
    (
        "bench-shape",
        "bench_shape",
        {"metavar": "NAME", "help": "measure a model of this shape with random weights, for example bert-base-uncased"},
    ),
    (
        "bench-compare",
        "bench_compare",
        {
            "action": "append",
            "metavar": "SPEC",
            "help": "compare two steps in this session: engine=manual,trainer, dtype=float32,bfloat16, batch=8,32, "
            "compile=no,yes, or checkout=DIR; fails if the second is slower",
        },
    ),
    (
        "bench-tolerance",
        "bench_tolerance",
        {"metavar": "FRACTION", "help": "fraction by which the second step may be slower (default: 0.05)"},
    ),
    ("device", "device", {"metavar": "cuda|mps|cpu", "help": "device of the training (default: the best available)"}),
    (
        "require-device",
        "require_device",
        {"metavar": "cuda|mps|cpu", "help": "fail if the run would use another device"},
    ),
    ("dtype", "dtype", {"metavar": "|".join(DTYPES), "help": "dtype of the loaded weights (default: float32)"}),
    (
        "fast-cpu",
        "fast_cpu",
        {
            "action": "store_const",
            "const": True,
            "help": "train on a CPU with faster kernels than PyTorch's, with other random numbers (default: the "
            "recipe's value; never for your own Trainer)",
        },
    ),
    (
        "threads",
        "threads",
        {
            "metavar": "N",
            "help": "CPU threads (default: 1 for tier tiny, else torch's number within the quota, divided by workers)",
        },
    ),
    (
        "timeout",
        "timeout",
        {
            "metavar": "SECONDS",
            "help": "time limit of each factory call, training run and saved model; exceeding it fails",
        },
    ),
    (
        "budget",
        "budget",
        {
            "metavar": "TIME",
            "help": "time of the session, such as 60s or 5m: cheap checks first, those that do not fit are left out",
        },
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
            "help": "reuse a run of an earlier session if everything that affects it is unchanged",
        },
    ),
    ("store", "store", {"metavar": "DIR", "help": "folder of reused runs (default: the user's cache folder)"}),
    ("json", "json", {"metavar": "PATH", "help": "write all results into a JSON file"}),
    (
        "html",
        "html",
        {"metavar": "PATH", "help": "write a report page into an HTML file; it shows texts of the evaluated rows"},
    ),
    ("md", "md", {"metavar": "PATH", "help": "write a summary in Markdown, for a comment on a pull request"}),
    ("ctrf", "ctrf", {"metavar": "PATH", "help": "write the tests in the Common Test Report Format (JSON)"}),
    (
        "openmetrics",
        "openmetrics",
        {"metavar": "PATH", "help": "write the metrics as OpenMetrics text, for GitLab's metrics reports"},
    ),
    (
        "github",
        "github",
        {
            "metavar": "|".join(GITHUB_MODES),
            "help": "annotate causes, and write the summary of the step, in GitHub Actions (default: auto)",
        },
    ),
)
"""For each option: flag without ``--ftcheck-``, `Settings` field, arguments of pytest's parser."""
FLAGS: dict[str, str] = {dest: f"--ftcheck-{flag}" for flag, dest, _ in OPTIONS}
"""The option of each `Settings` field, with its prefix."""
SHOWN: dict[str, dict[str, Any]] = {
    "--ftcheck-list": {"action": "store_true", "help": "print the task cards and exit"},
    "--ftcheck-list-checks": {"action": "store_true", "help": "print the checks and exit"},
    "--ftcheck-dry-run": {
        "action": "store_true",
        "help": "print what the other options would train and judge, and exit without training",
    },
    "--ftcheck-explain": {
        "metavar": "CHECK",
        "help": "print what a check requires, its likely causes, and how to skip it, and exit",
    },
}
"""Options that print something instead of running a session, and the arguments of pytest's parser."""
