"""Makes a frozen `Settings` from command line and ``[tool.ftcheck]``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError, unknown
from pytest_ftcheck.option_values import PARSERS
from pytest_ftcheck.paths import as_path, kind_of
from pytest_ftcheck.printable import printable
from pytest_ftcheck.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND_LINE_ALONE = frozenset(
    {
        "tasks",
        "trainer",
        "update_baseline",
        "reason",
        "calibrate",
        "calibrate_runs",
        "write_floors",
        "bench",
        "bench_compare",
    }
)
"""Fields without a key in the configuration file: actions of a single session, the choice of tasks, and a Trainer,
which belongs to a task."""
_NO_NAMES = frozenset(":,/\\\n\t")
"""Separators in node ids, options and paths, which a task name cannot contain."""
_OPTION_NAMES = {"tasks": "task", "engines": "engine"}
_PATHS_IN_FILE = frozenset({"model", "data", "store", "json", "html"})
_NOT_PATHS = frozenset({"bundled", "hub", "tiny-bert", "tiny-distilbert"})
"""Values that are never paths, also if a folder with this name exists."""
_OF_BENCH = frozenset({"bench_batch_sizes", "bench_dtypes", "bench_seq_len", "bench_compile", "bench_shape"})


def read_config(rootdir: Path) -> dict[str, Any]:
    """Read ``ftcheck.toml`` if it exists, else ``[tool.ftcheck]`` of ``pyproject.toml``.

    Raises:
        SettingsError: the file is not TOML, or the entry is not a table.

    """
    for name in ("ftcheck.toml", "pyproject.toml"):
        path = rootdir / name
        if not path.is_file():
            continue
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors write a byte order mark
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            msg = f"{path} is not valid TOML: {error}. Correct it and run again."
            raise SettingsError(msg) from error
        except RecursionError as error:
            msg = f"{path}: its values are nested too deep. Correct it and run again."
            raise SettingsError(msg) from error
        except OSError as error:
            msg = f"{path} cannot be read: {error.strerror}. Correct it and run again."
            raise SettingsError(msg) from error
        # In ftcheck.toml, tables need no prefix; tables with the prefix of pyproject.toml work, too.
        tool, unprefixed = document.get("tool", {}), document if name == "ftcheck.toml" else {}
        table = tool.get("ftcheck", unprefixed) if isinstance(tool, dict) else tool
        if not isinstance(table, dict):
            msg = f"{path}: [tool.ftcheck] must be a table, not {table!r}."
            raise SettingsError(msg)
        return dict(table)
    return {}


def make_settings(options: Mapping[str, Any], rootdir: Path, workers: int = 1) -> Settings:
    """Merge command line and configuration file; the command line has precedence.

    Args:
        options: values of the command line by `Settings` field, as strings (or as numbers and booleans); None where
            an option was not given.
        rootdir: folder of ``ftcheck.toml`` or ``pyproject.toml``.
        workers: number of processes that share this machine's cores.

    Raises:
        SettingsError: unknown key, or invalid value.

    """
    table = read_config(rootdir)
    task_tables = table.pop("tasks", {})
    if not isinstance(task_tables, dict) or not all(isinstance(entry, dict) for entry in task_tables.values()):
        msg = "[tool.ftcheck.tasks] must hold one table per task, for example [tool.ftcheck.tasks.reviews]. "
        msg += "Choose the tasks on the command line: --ftcheck-task=reviews."
        raise SettingsError(msg)
    for name in task_tables:
        if not name.strip() or printable(name) != name or _NO_NAMES & set(name):
            msg = (
                f"[tool.ftcheck.tasks.{name!r}]: a task name needs letters, digits, - and _: it is used in node "
                "ids, file names and on the command line."
            )
            raise SettingsError(msg)
    if "trainer" in table:
        msg = (
            f"[tool.ftcheck] trainer = {table['trainer']!r}: a Trainer belongs to a task. Write it into "
            "[tool.ftcheck.tasks.NAME] and run it with --ftcheck-task=NAME."
        )
        raise SettingsError(msg)
    fields_of_file = PARSERS.keys() - COMMAND_LINE_ALONE
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


def _choose_calibrated_seeds(values: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Set the seeds of a calibration: from the command line, else the first ones; seeds in the file do not count."""
    count, given = values.get("calibrate"), options.get("seeds")
    if count is None:
        if values.get("write_floors"):
            msg = "--ftcheck-write-floors writes the limits that --ftcheck-calibrate proposes: give both."
            raise SettingsError(msg)
        if "calibrate_runs" in values:
            msg = "--ftcheck-calibrate-runs changes the limits that --ftcheck-calibrate proposes: give both."
            raise SettingsError(msg)
        return
    seeds = tuple(range(count)) if given is None else values["seeds"]
    if len(seeds) != count:
        msg = f"--ftcheck-calibrate={count}, but --ftcheck-seeds={given} has {len(seeds)} seeds: give the same number."
        raise SettingsError(msg)
    values["seeds"] = seeds


def _check_bench(values: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse options of a measurement without a measurement, and two options that both replace the suite."""
    measures = values.get("bench") or values.get("bench_compare")
    # The file may hold them for sessions with a measurement.
    given = [name for name in sorted(_OF_BENCH) if options.get(name) is not None]
    if given and not measures:
        option = f"--ftcheck-{given[0].replace('_', '-')}"
        msg = f"{option} needs --ftcheck-bench or --ftcheck-bench-compare: give one of them."
        raise SettingsError(msg)
    for other in ("faults", "calibrate"):
        if measures and values.get(other):
            msg = f"--ftcheck-bench and --ftcheck-{other} both replace the suite: give one of them."
            raise SettingsError(msg)


def _beside_file(value: str | Path, rootdir: Path) -> str | Path:
    """Resolve a value of the configuration file from the file's folder, if it is a path."""
    path = rootdir / as_path(value)
    if isinstance(value, Path):
        return path
    return str(path) if value not in _NOT_PATHS and kind_of(path) else value


def _parse(name: str, value: object, where: str) -> object:
    try:
        return PARSERS[name](value)
    except ValueError as error:
        msg = f"{where} = {value!r}: {error}"
        raise SettingsError(msg) from error
