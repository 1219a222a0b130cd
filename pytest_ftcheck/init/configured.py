"""Writes the factory of a function that needs a configuration: hydra's, argparse's, or a dataclass."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_ftcheck.init.find import dotted, required
from pytest_ftcheck.init.project import FACTORY_FILE
from pytest_ftcheck.init.templates import filled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_ftcheck.init.find import Function
    from pytest_ftcheck.init.project import Project, Source

_READS_ARGUMENTS = frozenset({"parse_args", "parse_known_args", "parse_args_into_dataclasses", "parse_args_and_config"})


@dataclass(frozen=True)
class FactoryFile:
    """The text of ``ftcheck_factory.py``, and what is left to fill in."""

    text: str
    open_lines: tuple[tuple[int, str], ...]
    """Number and text of each line with ``...``."""

    @classmethod
    def of(cls, text: str) -> FactoryFile:
        """Return the file with this text."""
        lines = enumerate(text.splitlines(), start=1)
        return cls(text, tuple((number, line.strip()) for number, line in lines if "= ...  #" in line))

    @property
    def spec(self) -> str:
        """The factory, as a card names it."""
        return f"{FACTORY_FILE}:build_trainer"


@dataclass(frozen=True)
class _Value:
    """Code that makes one argument."""

    code: str
    imports: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    """Statements of the factory, without indentation."""


def reads_arguments(project: Project, source: Source, function: Function | None) -> bool:
    """Whether a function, or a script, reads the arguments of the command line, also by a function of the project."""
    readers = {
        node.name
        for home in project.sources
        for node in ast.walk(home.tree)
        if isinstance(node, ast.FunctionDef) and _reads(node)
    }
    node = function or source.tree
    calls = {dotted(inner.func).rpartition(".")[2] for inner in ast.walk(node) if isinstance(inner, ast.Call)}
    return _reads(node) or bool(calls & readers)


def _reads(node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in _READS_ARGUMENTS
        for inner in ast.walk(node)
    )


def make_factory(project: Project, source: Source, function: Function | None, name: str) -> FactoryFile:
    """Return the file whose factory fills in the parameters of a function and calls it.

    Args:
        project: where parsers and dataclasses are looked for.
        source: the file of the function.
        function: what builds the Trainer: its parameters and decorators count; None where it needs no parameters.
        name: the function to call, which has the same parameters.

    """
    parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs] if function else []
    values = {
        each.arg: _value(project, source, function, each)
        for each in parameters
        if function and each.arg in required(function)
    }
    by_place = {each.arg for each in function.args.posonlyargs} if function else set()
    module, base = _module(project.root, source.path)
    taken = ", ".join(value.code if key in by_place else f"{key}={value.code}" for key, value in values.items())
    imports = sorted({line for value in values.values() for line in value.imports})
    before = [line for value in values.values() for line in value.before]
    text = filled(
        "factory.txt",
        module=module,
        function=name,
        imports="".join(f"\n{line}" for line in imports) + "\n" if imports else "",
        path=f'sys.path.insert(0, str(ROOT / "{base.as_posix()}"))\n' if base != Path() else "",
        script=repr(source.path.name),
        body="".join(f"        {line}\n" for line in [*before, f"return {name}({taken})"]),
    )
    return FactoryFile.of(text)


def _module(root: Path, path: Path) -> tuple[str, Path]:
    """Return the import name of a file, and the folder below the root that must be on the import path."""
    base = path.parent
    while base != Path() and (root / base / "__init__.py").exists():
        base = base.parent
    inner = path.relative_to(base).with_suffix("")
    return ".".join(inner.parts), base


def _value(project: Project, source: Source, function: Function, argument: ast.arg) -> _Value:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and any(keyword.arg == "config_name" for keyword in decorator.keywords):
            return _of_hydra(source, decorator)
    annotation = dotted(argument.annotation) if argument.annotation else ""
    for home, node in _defined(project, source):
        if isinstance(node, ast.ClassDef) and node.name == annotation.rpartition(".")[2] and _is_dataclass(node):
            return _of_dataclass(project.root, home, node, argument.arg)
    if annotation.rpartition(".")[2] == "Namespace" or argument.arg in {"args", "arguments", "opt", "options"}:
        for home, node in _defined(project, source):
            if isinstance(node, ast.FunctionDef) and not required(node) and (found := _of_parser(project, home, node)):
                return found
    return _Value(argument.arg, before=(f"{argument.arg} = ...  # fill in: {source.path.name} gives no value",))


def _defined(project: Project, source: Source) -> Iterator[tuple[Source, ast.stmt]]:
    """Return what is defined at module level; in the same file first."""
    for home in sorted(project.sources, key=lambda each: each is not source):
        yield from ((home, node) for node in home.tree.body)


def _is_dataclass(node: ast.ClassDef) -> bool:
    names = [dotted(each.func if isinstance(each, ast.Call) else each) for each in node.decorator_list]
    return any(name.rpartition(".")[2] == "dataclass" for name in names)


def _of_dataclass(root: Path, home: Source, node: ast.ClassDef, name: str) -> _Value:
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)]
    unknown = [each.target.id for each in fields if each.value is None and isinstance(each.target, ast.Name)]
    before = [f"from {_module(root, home.path)[0]} import {node.name}"]
    before += [f"{field} = ...  # fill in: the field {node.name}.{field} has no default" for field in unknown]
    given = ", ".join(f"{field}={field}" for field in unknown)
    return _Value(name, before=(*before, f"{name} = {node.name}({given})"))


def _of_parser(project: Project, home: Source, node: ast.FunctionDef) -> _Value | None:
    """Return the defaults of a parser, if a function makes it or reads arguments with it."""
    if "ArgumentParser" not in {dotted(n.func).rpartition(".")[2] for n in ast.walk(node) if isinstance(n, ast.Call)}:
        return None
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    reads = any(isinstance(n.func, ast.Attribute) and n.func.attr in _READS_ARGUMENTS for n in calls)
    options = [option for n in calls if dotted(n.func).endswith(".add_argument") for option in _demanded(n)]
    before = [f"from {_module(project.root, home.path)[0]} import {node.name}"]
    for option in options:
        variable = option.lstrip("-").replace("-", "_")
        before.append(f"{variable} = ...  # fill in: the argument {option} has no default")
        before.append(f"sys.argv += [{f'{option!r}, ' if option.startswith('-') else ''}str({variable})]")
    return _Value(f"{node.name}()" if reads else f"{node.name}().parse_args()", before=tuple(before))


def _demanded(call: ast.Call) -> list[str]:
    names = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if not names:
        return []
    needed = keywords.get("required")
    is_needed = isinstance(needed, ast.Constant) and needed.value is True
    optional = "default" in keywords or (isinstance(n := keywords.get("nargs"), ast.Constant) and n.value in {"?", "*"})
    return [names[-1]] if is_needed or (not names[0].startswith("-") and not optional) else []


def _of_hydra(source: Source, decorator: ast.Call) -> _Value:
    """Return hydra's configuration with the values of the decorator; without hydra, its YAML file alone."""
    given = {k.arg: k.value.value for k in decorator.keywords if k.arg and isinstance(k.value, ast.Constant)}
    name = str(given.get("config_name") or "config")
    path = given.get("config_path")
    folder = (source.path.parent / str(path)) if path else source.path.parent
    where = f'ROOT / "{folder.as_posix()}"' if folder != Path() else "ROOT"
    if find_spec("hydra"):
        imports = ("from hydra import compose, initialize_config_dir",)
        version = repr(given.get("version_base"))
        opened = f"with initialize_config_dir(config_dir=str(({where}).resolve()), version_base={version}):"
        return _Value("cfg", imports, (opened, f"    cfg = compose(config_name={name!r})"))
    file = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    return _Value(
        "cfg",
        ("import json", "from types import SimpleNamespace", "import yaml"),
        (
            f'values = yaml.safe_load(({where} / {file!r}).read_text(encoding="utf-8"))',
            "cfg = json.loads(json.dumps(values), object_hook=lambda keys: SimpleNamespace(**keys))",
        ),
    )
