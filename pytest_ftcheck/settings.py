"""Command line and ``[tool.ftcheck]`` become one frozen `Settings`."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pytest_ftcheck.errors import SettingsError, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

Tier = Literal["tiny", "full"]
EngineName = Literal["trainer", "manual"]
DtypeName = Literal["float32", "bfloat16", "float16"]

UpdateName = Literal["all", "new", "force"]

TIERS: tuple[str, ...] = get_args(Tier)
ENGINES: tuple[str, ...] = get_args(EngineName)
DTYPES: tuple[str, ...] = get_args(DtypeName)
UPDATES: tuple[str, ...] = get_args(UpdateName)


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
    engines: tuple[EngineName, ...] = ("trainer",)
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
    bench_shape: str | None = None
    """Measure a model of this shape with random weights in the place of the task's."""
    bench_compare: tuple[str, ...] = ()
    """Pairs of variants that are compared, such as ``engine=manual,trainer``."""
    bench_tolerance: float = 0.05
    """The second of a pair may be slower by this share."""
    device: str | None = None
    require_device: str | None = None
    dtype: DtypeName = "float32"
    """Of the weights as they are loaded."""
    threads: int | None = None
    """CPU threads of torch; None: one for tier tiny, cores divided by workers for full."""
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


def read_config(rootdir: Path) -> dict[str, Any]:
    """Read ``ftcheck.toml`` where it is there, else ``[tool.ftcheck]`` of ``pyproject.toml``.

    Raises:
        SettingsError: the file is not TOML, or has something else there than a table.

    """
    for name in ("ftcheck.toml", "pyproject.toml"):
        path = rootdir / name
        if not path.is_file():
            continue
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            msg = f"{path} is not valid TOML: {error}. Correct it and run again."
            raise SettingsError(msg) from error
        # In ftcheck.toml tables need no prefix, but those copied from a pyproject.toml work as well.
        tool, unprefixed = document.get("tool", {}), document if name == "ftcheck.toml" else {}
        table = tool.get("ftcheck", unprefixed) if isinstance(tool, dict) else tool
        if not isinstance(table, dict):
            msg = f"{path}: [tool.ftcheck] must be a table, not {table!r}."
            raise SettingsError(msg)
        return dict(table)
    return {}


def make_settings(options: Mapping[str, Any], rootdir: Path, workers: int = 1) -> Settings:
    """Merge command line and configuration file; the command line wins.

    Args:
        options: values of the command line by name of the `Settings` field, as strings (numbers and
            flags may be given as such); None where an option was not given.
        rootdir: where ``ftcheck.toml`` or ``pyproject.toml`` is looked for.
        workers: processes that share this machine's cores.

    Raises:
        SettingsError: an unknown key, or a value of another kind than expected.

    """
    table = read_config(rootdir)
    task_tables = table.pop("tasks", {})
    if not isinstance(task_tables, dict) or not all(isinstance(entry, dict) for entry in task_tables.values()):
        msg = "[tool.ftcheck.tasks] must hold one table per task, for example [tool.ftcheck.tasks.reviews]. "
        msg += "Which tasks run is said on the command line: --ftcheck-task=reviews."
        raise SettingsError(msg)
    if "trainer" in table:
        msg = (
            f"[tool.ftcheck] trainer = {table['trainer']!r}: a Trainer belongs to a task. Write it into "
            "[tool.ftcheck.tasks.NAME], and run it with --ftcheck-task=NAME."
        )
        raise SettingsError(msg)
    fields_of_file = _PARSERS.keys() - COMMAND_LINE_ALONE
    names = {_OPTION_NAMES.get(name, name).replace("_", "-"): name for name in sorted(fields_of_file)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = names.get(str(key).replace("_", "-"))
        if name is None:
            raise SettingsError(unknown("key in [tool.ftcheck]", str(key), names))
        values[name] = _parse(name, value, f"[tool.ftcheck] {key}")
        if name in _PATHS_IN_FILE:
            values[name] = _beside_file(values[name], rootdir)
    for name, value in options.items():
        if value is not None:
            values[name] = _parse(name, value, f"--ftcheck-{_OPTION_NAMES.get(name, name).replace('_', '-')}")
    _choose_calibrated_seeds(values, options)
    _check_bench(values, options)
    return Settings(**values, rootdir=rootdir, task_tables=task_tables, workers=workers)


COMMAND_LINE_ALONE = frozenset(
    {"tasks", "trainer", "update_baseline", "reason", "calibrate", "write_floors", "bench", "bench_compare"}
)
"""What is done once; a Trainer belongs to a task, and which tasks run is said anew each time."""
_OPTION_NAMES = {"tasks": "task", "engines": "engine"}
_PATHS_IN_FILE = frozenset({"model", "data", "store", "json"})
_NOT_PATHS = frozenset({"bundled", "hub", "tiny-bert", "tiny-distilbert"})
"""They mean the same in the configuration file as on the command line, whatever folders lie beside the file."""


def _choose_calibrated_seeds(values: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Calibrate on seeds of the command line, else on the first ones: those of the file are for its sessions."""
    count, given = values.get("calibrate"), options.get("seeds")
    if count is None:
        if values.get("write_floors"):
            msg = "--ftcheck-write-floors writes what --ftcheck-calibrate proposes: give both."
            raise SettingsError(msg)
        return
    seeds = tuple(range(count)) if given is None else values["seeds"]
    if len(seeds) != count:
        msg = f"--ftcheck-calibrate={count} and --ftcheck-seeds={given}, which are {len(seeds)} seeds: give as many."
        raise SettingsError(msg)
    values["seeds"] = seeds


def _check_bench(values: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse options of a measurement without one, and two things that take the suite's place."""
    measures = values.get("bench") or values.get("bench_compare")
    # The file may hold them for when a measurement is asked for.
    given = [name for name in sorted(_OF_BENCH) if options.get(name) is not None]
    if given and not measures:
        option = f"--ftcheck-{given[0].replace('_', '-')}"
        msg = f"{option} says what --ftcheck-bench or --ftcheck-bench-compare measures: give one of them."
        raise SettingsError(msg)
    for other in ("faults", "calibrate"):
        if measures and values.get(other):
            msg = f"--ftcheck-bench and --ftcheck-{other} each take the place of the suite: give one of them."
            raise SettingsError(msg)


_OF_BENCH = frozenset({"bench_batch_sizes", "bench_dtypes", "bench_seq_len", "bench_compile", "bench_shape"})


def _beside_file(value: str | Path, rootdir: Path) -> str | Path:
    """Read a path of the configuration file from its folder, where such a path exists or must be one."""
    path = rootdir / Path(value).expanduser()
    if isinstance(value, Path):
        return path
    return str(path) if value not in _NOT_PATHS and path.exists() else value


def _parse(name: str, value: object, where: str) -> object:
    try:
        return _PARSERS[name](value)
    except ValueError as error:
        msg = f"{where} = {value!r}: {error}"
        raise SettingsError(msg) from error


def _words(value: object) -> tuple[str, ...]:
    """Split comma lists, flatten repeated options, drop repetitions."""
    parts = value if isinstance(value, (list, tuple)) else [value]
    words = [word.strip() for part in parts for word in str(part).split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


def _tasks(value: object) -> tuple[str, ...]:
    words = _words(value)
    if not words:
        msg = "expected the name of a task, for example mrpc; --ftcheck-list shows them."
        raise ValueError(msg)
    return words


def _checks(value: object) -> tuple[str, ...]:
    words = _words(value)
    if not words:
        msg = "expected families or ids, for example data,collator.mask,-training; --ftcheck-list-checks shows them."
        raise ValueError(msg)
    return words


def _choice(kind: str, known: tuple[str, ...]) -> Any:
    def parse(value: object) -> str:
        if value not in known:
            raise ValueError(unknown(kind, str(value), known))
        return str(value)

    return parse


def _engines(value: object) -> tuple[str, ...]:
    words = _words(value)
    for word in words:
        if word not in (*ENGINES, "both"):
            raise ValueError(unknown("engine", word, [*ENGINES, "both"]))
    if not words:
        msg = f"expected at least one engine: {', '.join(ENGINES)} or both."
        raise ValueError(msg)
    return ENGINES if "both" in words else words


_LAST_SEED = 2**32 - 1
"""NumPy takes none above."""
_FEWEST_SEEDS = 3
"""From two, a limit would lie 39 spreads away."""


def _seeds(value: object) -> tuple[int, ...]:
    seeds: list[int] = []
    for word in _words(value):
        first, dash, last = word.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) <= _LAST_SEED):
            msg = f"expected numbers and ranges such as 0, 0-4 or 1,3, none above {_LAST_SEED}, not {word!r}."
            raise ValueError(msg)
        seeds.extend(range(int(first), int(last) + 1))
    if not seeds:
        msg = "expected at least one seed, for example 0 or 0-4."
        raise ValueError(msg)
    return tuple(dict.fromkeys(seeds))


def _positive(value: object) -> int:
    number = int(str(value)) if str(value).isdecimal() else 0
    if number < 1:
        msg = "expected a whole number of at least 1."
        raise ValueError(msg)
    return number


def _calibrated_seeds(value: object) -> int:
    number = int(str(value)) if str(value).isdecimal() else 0
    if number < _FEWEST_SEEDS:
        msg = f"expected a number of seeds to train, at least {_FEWEST_SEEDS}, better 10."
        raise ValueError(msg)
    return number


def _positives(value: object) -> tuple[int, ...]:
    numbers = tuple(dict.fromkeys(_positive(word) for word in _words(value)))
    if not numbers:
        msg = "expected at least one whole number, for example 8,32,128."
        raise ValueError(msg)
    return numbers


def _dtypes(value: object) -> tuple[str, ...]:
    words = _words(value)
    for word in words:
        if word not in DTYPES:
            raise ValueError(unknown("dtype", word, DTYPES))
    if not words:
        msg = f"expected at least one of {', '.join(DTYPES)}."
        raise ValueError(msg)
    return words


def _pairs(value: object) -> tuple[str, ...]:
    pairs = value if isinstance(value, (list, tuple)) else [value]
    return tuple(dict.fromkeys(_text(pair) for pair in pairs))


def _share(value: object) -> float:
    try:
        share = float(str(value))
    except ValueError:
        share = math.nan
    if not 0 < share < 1:
        msg = "expected a share between 0 and 1, for example 0.05."
        raise ValueError(msg)
    return share


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "expected true or false."
        raise ValueError(msg)  # noqa: TRY004 - every parser raises ValueError; _parse words the message
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        msg = "expected a text that is not empty."
        raise ValueError(msg)
    return value


def _path(value: object) -> Path:
    return value if isinstance(value, Path) else Path(_text(value))


_PARSERS: dict[str, Any] = {
    "tasks": _tasks,
    "trainer": _text,
    "no_train": _flag,
    "checks": _checks,
    "faults": _words,
    "tier": _choice("tier", TIERS),
    "engines": _engines,
    "model": _text,
    "data": _text,
    "seeds": _seeds,
    "update_baseline": _choice("update", UPDATES),
    "reason": _text,
    "require_baseline": _flag,
    "calibrate": _calibrated_seeds,
    "write_floors": _flag,
    "strict": _flag,
    "bench": _flag,
    "bench_batch_sizes": _positives,
    "bench_dtypes": _dtypes,
    "bench_seq_len": _positive,
    "bench_compile": _flag,
    "bench_shape": _text,
    "bench_compare": _pairs,
    "bench_tolerance": _share,
    "device": _text,
    "require_device": _text,
    "dtype": _choice("dtype", DTYPES),
    "threads": _positive,
    "max_train_rows": _positive,
    "max_eval_rows": _positive,
    "online": _flag,
    "reuse": _flag,
    "store": _path,
    "json": _path,
}

OPTION_FIELDS: tuple[str, ...] = tuple(spec.name for spec in fields(Settings) if spec.name in _PARSERS)
"""Fields of `Settings` that an option of the command line or a key of ``[tool.ftcheck]`` sets."""
