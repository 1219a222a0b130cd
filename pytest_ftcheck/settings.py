"""The settings of a session: one frozen `Settings`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Tier = Literal["tiny", "full"]
EngineName = Literal["trainer", "manual"]
"""Names of the built-in engines; entry points add others."""
DtypeName = Literal["float32", "bfloat16", "float16"]
UpdateName = Literal["all", "new", "force"]
ShapeName = Literal["bert-tiny", "minilm-l6", "bert-base-uncased", "bert-large-uncased"]

GitHubMode = Literal["auto", "on", "off"]
REPORTS = ("json", "html", "md", "ctrf", "openmetrics")
"""Fields of the files that hold the results of a session."""

TIERS: tuple[str, ...] = get_args(Tier)
ENGINES: tuple[str, ...] = get_args(EngineName)
DTYPES: tuple[str, ...] = get_args(DtypeName)
UPDATES: tuple[str, ...] = get_args(UpdateName)
SHAPES: tuple[str, ...] = get_args(ShapeName)
"""Shapes of models with random weights; `pytest_ftcheck.speed.shapes` has their sizes."""
GITHUB_MODES: tuple[str, ...] = get_args(GitHubMode)
DEVICES = ("cuda", "mps", "cpu")
"""Devices in order of preference."""


@dataclass(frozen=True)
class Settings:
    """Settings from the command line and from ``[tool.ftcheck]``."""

    tasks: tuple[str, ...] = ()
    """Names of the tasks whose suite runs."""
    trainer: str | None = None
    """``package.module:factory`` or ``path/to/train.py:factory`` of a user's Trainer, for one task."""
    no_train: bool = False
    """The model is fine-tuned already, and is judged without training."""
    checks: tuple[str, ...] = ()
    """Families and ids of checks; with a minus sign they are left out. Empty, or only with minus signs: all others."""
    faults: tuple[str, ...] = ()
    """Names of the faults to plant instead of running the suite; ``all`` for every fault."""
    tier: Tier | None = None
    """Requested tier; None: ``tiny`` if checkpoint and data are bundled, else ``full``."""
    engines: tuple[str, ...] = ("trainer",)
    model: str | None = None
    """A bundled checkpoint, a folder or a Hub id; None: the card's."""
    data: str | None = None
    """``bundled``, ``hub``, or a folder or file; None: the card's."""
    seeds: tuple[int, ...] = (0,)
    update_baseline: UpdateName | None = None
    """Accept runs: ``all``, only ``new`` ones without an entry, or with ``force`` all, also in CI."""
    reason: str | None = None
    """Reason of the acceptance, stored in the baseline."""
    require_baseline: bool = False
    """A run without an accepted run fails."""
    calibrate: int | None = None
    """Train this number of seeds and propose limits, instead of running the suite."""
    calibrate_runs: int = 1
    """The proposed limits judge the mean of this number of seeds."""
    write_floors: bool = False
    """Write the proposed limits into the user's file."""
    strict: bool = False
    """Inconclusive gates and warnings of checks fail."""
    bench: bool = False
    """Measure training steps instead of running the suite."""
    bench_batch_sizes: tuple[int, ...] = ()
    """Rows of a micro-batch; empty: the recipe's value."""
    bench_dtypes: tuple[DtypeName, ...] = ()
    """Dtypes of matrix products, by autocast; empty: the recipe's value."""
    bench_seq_len: int | None = None
    """Tokens of every row; None: unchanged rows."""
    bench_compile: bool = False
    """Measure each step compiled as well."""
    bench_shape: ShapeName | None = None
    """Measure a model of this shape with random weights instead of the task's."""
    bench_compare: tuple[str, ...] = ()
    """Pairs of compared variants, such as ``engine=manual,trainer``."""
    bench_tolerance: float = 0.05
    """Fraction by which the second of a pair may be slower."""
    device: str | None = None
    require_device: str | None = None
    dtype: DtypeName = "float32"
    """Dtype of the loaded weights."""
    fast_cpu: bool | None = None
    """Train on a CPU with faster kernels than PyTorch's; None: the recipe's value, and never a user's Trainer."""
    timeout: float | None = None
    """Time limit in seconds of each factory call, training run and answer of the saved model; None: no limit."""
    budget: float | None = None
    """Seconds of a session; checks that do not fit are left out. None: no limit."""
    threads: int | None = None
    """CPU threads of torch; None: one for tier tiny; for full torch's number within the quota, divided by workers."""
    max_train_rows: int | None = None
    max_eval_rows: int | None = None
    online: bool = False
    reuse: bool = False
    store: Path | None = None
    """Folder of reused runs; None: the user's cache folder."""
    json: Path | None = None
    md: Path | None = None
    ctrf: Path | None = None
    openmetrics: Path | None = None
    github: GitHubMode = "auto"
    """Annotations and the summary of the step in GitHub Actions; ``auto``: where the session runs there."""
    html: Path | None = None
    """File of the report page, which also shows texts of rows."""
    rootdir: Path = field(default_factory=Path.cwd)
    """Relative paths of ``[tool.ftcheck]`` start here."""
    task_tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``[tool.ftcheck.tasks]`` by task name, not validated yet."""
    workers: int = 1
    """Number of pytest-xdist processes that share the cores."""

    @property
    def measures(self) -> bool:
        """Whether training steps are measured or compared instead of running the suite."""
        return self.bench or bool(self.bench_compare)
