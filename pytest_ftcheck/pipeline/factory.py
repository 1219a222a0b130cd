"""The user's factory: found by ``package.module:factory`` or ``path/to/train.py:factory``, and called."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import FtcheckError, TaskError, closest
from pytest_ftcheck.option_values import split_spec
from pytest_ftcheck.paths import as_path, kind_of
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

KEYWORDS = ("seed", "output_dir", "device", "max_steps")
"""Keywords that a factory is called with if its signature has them."""


def trainer_task_name(spec: str) -> str:
    """Name the task of a Trainer without a card by module and function of its factory: ``train-build``."""
    where, name = split_spec(spec)
    module = Path(where).stem if where.endswith(".py") else where.rpartition(".")[2]
    return f"{module}-{name.replace('.', '-')}"


def check_spec(spec: str, rootdir: Path, named_by: str = "--ftcheck-trainer=") -> tuple[str, str]:
    """Split the name of a factory into module and function, and check that the Python file exists.

    Raises:
        TaskError: the spec has another form, or the file does not exist.

    """
    try:
        where, name = split_spec(spec)
    except ValueError as error:
        msg = f"{named_by}{spec!r}: {error}"
        raise TaskError(msg) from error
    path = rootdir / as_path(where)
    if where.endswith(".py") and kind_of(path) != "file":
        beside = sorted(file.name for file in path.parent.glob("*.py")) if kind_of(path.parent) == "folder" else []
        msg = (
            f"no file {where!r} in {rootdir}.{closest(path.name, beside)} Give a path relative to this folder, or a "
            "module."
        )
        raise TaskError(msg)
    return where, name


def load_factory(spec: str, rootdir: Path, named_by: str = "--ftcheck-trainer=") -> Callable[..., Any]:
    """Import the module and return its factory.

    Args:
        spec: ``package.module:factory`` or ``path/to/train.py:factory``, from the root folder.
        rootdir: the user's project; it is the first entry of the import path.
        named_by: the option or key that names the factory, for messages.

    Raises:
        TaskError: the spec has another form, or the module does not exist, fails on import, or lacks the callable.

    """
    where, name = check_spec(spec, rootdir, named_by)
    module = _import(where, named_by + spec, rootdir)
    factory: Any = module
    for part in name.split("."):
        factory = getattr(factory, part, None)
    if not callable(factory):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        own = [key for key in functions if getattr(vars(module)[key], "__module__", "") == module.__name__]
        msg = f"{where} has no function {name!r}.{closest(name, own)} It has: {', '.join(own) or 'none'}."
        raise TaskError(msg)
    found: Callable[..., Any] = factory
    return found


def _import(where: str, origin: str, rootdir: Path) -> ModuleType:
    is_file = where.endswith(".py")
    path = rootdir / as_path(where)
    # A script can import modules of its own folder, as when it is run.
    for folder in dict.fromkeys([str(rootdir), *([str(path.parent)] if is_file else [])]):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    before = list(sys.path)
    try:
        return _import_file(path) if is_file else import_module(where)
    except (FtcheckError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also pytest.skip and sys.exit
        msg = f"cannot import {where!r} of {origin}: {where_it_failed(error)}"
        raise TaskError(msg) from error
    finally:
        _restore_path(before)


def _restore_path(before: list[str]) -> None:
    """Append the entries that a module removed from the import path: the session still imports from them."""
    left: object = sys.path
    if not isinstance(left, list):
        sys.path = left = []
    left += [entry for entry in before if entry not in left]


def _import_file(path: Path) -> ModuleType:
    """Import a script under its own name, so that its objects can be pickled and its source can be read."""
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and Path(getattr(loaded, "__file__", None) or "") == path:
        return loaded
    name = name if loaded is None else f"ftcheck_user_{name}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        msg = f"cannot read {path} as Python. Give a .py file."
        raise TaskError(msg)
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def call_factory(factory: Callable[..., Any], spec: str, keywords: Mapping[str, Any]) -> Any:
    """Call the factory with those of the keywords that its signature has and that have a value.

    Raises:
        TaskError: the factory needs other arguments, or fails.

    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError) as error:
        msg = (
            f"{spec} has no signature that Python can read ({error}). Name a function of your own that returns a "
            "transformers.Trainer."
        )
        raise TaskError(msg) from error
    # Only by name: the effect of **kwargs in a factory is unknown.
    taken = {parameter.name for parameter in parameters}
    given = {key: value for key, value in keywords.items() if value is not None and key in taken}
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        and parameter.name not in KEYWORDS
    ]
    if needed:
        msg = (
            f"{spec} needs the arguments {', '.join(needed)}, but a factory is called only with those of "
            f"{', '.join(KEYWORDS)} that its signature has. Give the other arguments defaults, or name a function that "
            "calls this factory."
        )
        raise TaskError(msg)
    for parameter in parameters:  # a keyword of ours without a default gets a value even if the caller has none
        if parameter.name in KEYWORDS and parameter.name not in given and parameter.default is parameter.empty:
            given[parameter.name] = _DEFAULTS[parameter.name]
    try:
        return factory(**given)
    except (FtcheckError, KeyboardInterrupt):
        raise
    except BaseException as error:  # also pytest.skip and sys.exit
        msg = f"{spec} failed: {where_it_failed(error)}"
        raise TaskError(msg) from error


_DEFAULTS: Mapping[str, Any] = {"seed": 0, "output_dir": "trainer_output", "device": "cpu", "max_steps": -1}


def where_it_failed(error: BaseException) -> str:
    """Return the message of an error in the user's code with the line that raised it, without a traceback."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "pytest_ftcheck" not in frame.filename and "importlib" not in frame.filename]
    outside = [frame for frame in own if "site-packages" not in frame.filename]
    frame = next(iter(reversed(outside or own)), None)
    place = f" ({frame.filename}, line {frame.lineno}: {frame.line})" if frame else ""
    return f"{type(error).__name__}: {text_of(error) or 'no message'}{place}"
