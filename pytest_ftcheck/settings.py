"""What the user asked for: one frozen `Settings`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Tier = Literal["tiny", "full"]
EngineName = Literal["trainer", "manual"]
"""Of our own engines; an entry point adds others."""
DtypeName = Literal["float32", "bfloat16", "float16"]
UpdateName = Literal["all", "new", "force"]
ShapeName = Literal["bert-tiny", "minilm-l6", "bert-base-uncased", "bert-large-uncased"]

TIERS: tuple[str, ...] = get_args(Tier)
ENGINES: tuple[str, ...] = get_args(EngineName)
DTYPES: tuple[str, ...] = get_args(DtypeName)
UPDATES: tuple[str, ...] = get_args(UpdateName)
SHAPES: tuple[str, ...] = get_args(ShapeName)
"""Of models with random weights; their sizes stand in `pytest_ftcheck.speed.shapes`."""
DEVICES = ("cuda", "mps", "cpu")
"""In the order of preference."""


@dataclass(frozen=True)
class Settings:
    """What the user asked for, from the command line and from ``[tool.ftcheck]``."""

    tasks: tuple[str, ...] = ()
    """Names of the tasks whose suite runs."""
    trainer: str | None = None
    """``package.module:factory`` or ``path/to/train.py:factory`` of a user's Trainer: the parts of the one task."""
    no_train: bool = False
    """The model is fine-tuned already, and judged as it is."""
    checks: tuple[str, ...] = ()
    """Families and ids of checks; with a minus sign they are left out. Without any other, all run."""
    faults: tuple[str, ...] = ()
    """Names of the faults that are planted instead of running the suite; ``all`` takes every one."""
    tier: Tier | None = None
    """Asked for; None lets checkpoint and data decide: bundled ones are ``tiny``, others ``full``."""
    engines: tuple[str, ...] = ("trainer",)
    model: str | None = None
    """A bundled checkpoint, a folder or a Hub id; None takes the card's."""
    data: str | None = None
    """``bundled``, ``hub``, or a folder or file; None takes the card's."""
    seeds: tuple[int, ...] = (0,)
    update_baseline: UpdateName | None = None
    """Accept what ran: ``all`` of it, the ``new`` that has no entry yet, or by ``force`` also where CI is set."""
    reason: str | None = None
    """Why it is accepted; stands in the baseline."""
    require_baseline: bool = False
    """A run without an accepted one fails."""
    calibrate: int | None = None
    """Train so many seeds and propose limits from them, instead of running the suite."""
    calibrate_runs: int = 1
    """The proposed limits are for the mean of so many seeds."""
    write_floors: bool = False
    """Write the proposed limits into the user's file."""
    strict: bool = False
    """A gate that the data does not settle fails."""
    bench: bool = False
    """Measure training steps instead of running the suite."""
    bench_batch_sizes: tuple[int, ...] = ()
    """Rows of a micro-batch; empty: as the recipe has it."""
    bench_dtypes: tuple[DtypeName, ...] = ()
    """Of matrix products, by autocast; empty: as the recipe has it."""
    bench_seq_len: int | None = None
    """Tokens of every row; None: the rows as they are."""
    bench_compile: bool = False
    """Measure each step compiled as well."""
    bench_shape: ShapeName | None = None
    """Measure a model of this shape with random weights in the place of the task's."""
    bench_compare: tuple[str, ...] = ()
    """Pairs of variants that are compared, such as ``engine=manual,trainer``."""
    bench_tolerance: float = 0.05
    """The second of a pair may be slower by this share."""
    device: str | None = None
    require_device: str | None = None
    dtype: DtypeName = "float32"
    """Of the weights as they are loaded."""
    fast_cpu: bool | None = None
    """Train on a CPU with faster kernels than PyTorch's; None: as the recipe says, and never a user's Trainer."""
    timeout: float | None = None
    """Seconds that a factory, a training run and an answer of the saved model may take, each; None: no limit."""
    threads: int | None = None
    """CPU threads of torch; None: one for tier tiny, those of torch, within a quota, divided by workers for full."""
    max_train_rows: int | None = None
    max_eval_rows: int | None = None
    online: bool = False
    reuse: bool = False
    store: Path | None = None
    """Where reused runs are kept; None: the user's cache folder."""
    json: Path | None = None
    rootdir: Path = field(default_factory=Path.cwd)
    """Relative paths of ``[tool.ftcheck]`` start here."""
    task_tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``[tool.ftcheck.tasks]``, by task name, not yet validated."""
    workers: int = 1
    """Processes of pytest-xdist that share the cores."""

    @property
    def measures(self) -> bool:
        """Whether training steps are measured or compared instead of running the suite."""
        return self.bench or bool(self.bench_compare)
