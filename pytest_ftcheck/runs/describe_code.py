"""Describe functions, classes and modules by their behaviour, independent of their place in a file."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.reads.code_places import is_library_file, is_project_file
from pytest_ftcheck.runs.describer import mix, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.runs.describer import Describer

_OF_THE_INTERPRETER = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__annotate__"}
    | {"__annotate_func__", "__annotations_cache__", "__conditional_annotations__", "__type_params__"}
    | {"__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__", "__firstlineno__"}
    | {"__static_attributes__", "__slotnames__"}
)
"""Attributes of a class that do not affect its behaviour, or that repeat other attributes."""
_DESCRIPTORS = (types.MemberDescriptorType, types.GetSetDescriptorType)
_BUILTINS = (
    types.BuiltinFunctionType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
)


def describe_code(describer: Describer, thing: Any, path: str) -> bytes | None:
    """Describe a function, method, class, module or code object; None for other objects."""
    for known, describe in _KINDS:
        if isinstance(thing, known):
            return describe(describer, thing, path)
    name = _library_name(thing)  # for example a function that was compiled by Cython
    return None if name is None else mix("library", name)


def _function(describer: Describer, function: types.FunctionType, path: str) -> bytes:
    library = _is_library_function(function)
    name = _library_name(function) if library else None
    if name is not None:
        return mix("library", name)
    held = {
        "defaults": function.__defaults__,
        "keyword defaults": function.__kwdefaults__,
        "closure": dict(zip(function.__code__.co_freevars, map(_cell, function.__closure__ or ()), strict=True)),
        "attributes": vars(function),
    }
    parts = [_code(describer, function.__code__, path), describer.mapping(held, path)]
    if not library:  # globals of a library's function are covered by the library's version
        parts.append(_used_globals(describer, function, path))
    return mix("function", function.__qualname__, *parts)


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the cell has no value yet
        return "empty cell"


def _is_library_function(function: types.FunctionType) -> bool:
    """Whether a function belongs to a library; code made at run time belongs to the module that made it."""
    file = function.__code__.co_filename
    if not file.startswith("<"):
        return is_library_file(file)
    module = sys.modules.get(function.__module__ or "")
    return module is not None and is_library_module(module)


def is_library_module(module: types.ModuleType) -> bool:
    """Whether a module comes with the interpreter or with an installed distribution."""
    # No getattr: a module with lazy imports would try to import the name.
    file = vars(module).get("__file__")
    if file is None:  # built in, frozen, a namespace package, or made at run time: decide by its package
        top = module.__name__.partition(".")[0]
        package = sys.modules.get(top)
        if vars(module).get("__path__") or package is module or package is None:
            return top in sys.stdlib_module_names or top in sys.builtin_module_names
        return is_library_module(package)
    return is_library_file(file)


def _library_name(thing: Any) -> str | None:
    """Return the qualified name of exactly this object in a library's module; None where there is none."""
    module_name, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not isinstance(module_name, str) or not isinstance(name, str):
        return None
    module = sys.modules.get(module_name)
    if module is None or not is_library_module(module):
        return None
    found: Any = module
    for part in name.split("."):
        found = inspect.getattr_static(found, part, None)
    found = getattr(found, "__func__", found)
    return f"{module_name}.{name}" if found is thing else None


def _code(describer: Describer, code: types.CodeType, path: str) -> bytes:
    """Describe bytecode without its line numbers, so that comments have no effect."""
    shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    tables = (code.co_code, getattr(code, "co_exceptiontable", b""))
    return mix("code", repr(shape), repr(names), *tables, describer.items(code.co_consts, path))


def _names(code: types.CodeType) -> Iterator[str]:
    """Yield global names and attribute names that code uses, also in its nested functions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _used_globals(describer: Describer, function: types.FunctionType, path: str) -> bytes:
    names = sorted(set(_names(function.__code__)))
    values = function.__globals__
    parts: list[str | bytes] = []
    for name in names:
        if name in values:
            parts += [name, _global(describer, values[name], names, f"{path} → {name}" if path else name, ())]
    return mix("globals", *parts)


def _global(describer: Describer, value: Any, names: list[str], path: str, inside: tuple[Any, ...]) -> bytes:
    """Describe the value of a global name in a function; of a module, only attributes that its code names."""
    if not isinstance(value, types.ModuleType):
        return describer(value, path)
    if value in inside:
        return mix("module", value.__name__)
    library = is_library_module(value)
    parts: list[str | bytes] = [] if type(value) is types.ModuleType else [describer(type(value), path)]
    for name in names:
        found = vars(value).get(name)
        if found is None or (library and not _may_be_patched(found)):
            continue
        parts += [name, _global(describer, found, names, f"{path}.{name}", (*inside, value))]
    return mix("module", value.__name__, *parts)


def _may_be_patched(value: Any) -> bool:
    """Whether an attribute of a library's module is described: a function, class, module or constant, but no state."""
    return isinstance(value, (types.ModuleType, types.FunctionType, type)) or plain_text(value) is not None


def _builtin(describer: Describer, thing: Any, path: str) -> bytes:
    owner = getattr(thing, "__self__", None)
    name = f"{getattr(thing, '__module__', '')}.{thing.__qualname__}"
    if owner is None or isinstance(owner, (types.ModuleType, type)) or _is_shared_generator(owner):
        return mix("builtin", name)
    return mix("builtin", name, describer(owner, f"{path}.__self__"))


def _is_shared_generator(owner: Any) -> bool:
    """Whether this is the generator of `random.random` or `numpy.random.rand`, which every run seeds."""
    import random  # noqa: PLC0415 - only here

    shared: list[Any] = [random._inst]  # noqa: SLF001 - it has no public name
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        shared.append(numpy.random.mtrand._rand)  # noqa: SLF001 - as above
    return any(owner is each for each in shared)


def _class(describer: Describer, kind: type, path: str) -> bytes:
    """Describe a class by bases and attributes; a library's class only by attributes that other code has added."""
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind is object or kind is type:
        return mix("class", name)
    bases = describer.items(kind.__bases__, path)
    if _library_name(kind) is None:
        attributes = {key: value for key, value in vars(kind).items() if _says_what_it_does(key, value)}
        own_kind = describer(type(kind), path)
        return mix("class", name.rpartition(".")[2], bases, own_kind, describer.mapping(attributes, path))
    foreign = {key: value for key, value in vars(kind).items() if _is_foreign(value)}
    if foreign:  # added functions may read numbers that were added, too
        foreign |= {key: value for key, value in vars(kind).items() if type(value) in (int, float)}
    return mix("class", name, bases, describer.mapping(foreign, path))


def _says_what_it_does(name: str, value: Any) -> bool:
    if name in _OF_THE_INTERPRETER or isinstance(value, _DESCRIPTORS):
        return False
    # Libraries keep compiled state in attributes with such names.
    special = name.startswith("__") and name.endswith("__")
    return not special or plain_text(value) is not None or _function_in(value) is not None


def _function_in(value: Any) -> types.FunctionType | None:
    inner = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    return inner if isinstance(inner, types.FunctionType) else None


def _is_foreign(value: Any) -> bool:
    """Whether a function in a library's class was written in the project."""
    function = _function_in(value)
    return function is not None and is_project_file(function.__code__.co_filename)


def _method(describer: Describer, thing: types.MethodType, path: str) -> bytes:
    return mix("method", describer(thing.__func__, path), describer(thing.__self__, f"{path}.__self__"))


def _partial(describer: Describer, thing: functools.partial[Any], path: str) -> bytes:
    return mix("partial", describer.items([thing.func, thing.args, thing.keywords, vars(thing)], path))


def _property(describer: Describer, thing: property, path: str) -> bytes:
    return mix("property", describer.items([thing.fget, thing.fset, thing.fdel], path))


def _cached(describer: Describer, thing: Any, path: str) -> bytes:
    return mix("lru_cache", repr(thing.cache_parameters()), describer(thing.__wrapped__, path))


def _wrapper(describer: Describer, thing: Any, path: str) -> bytes:
    return mix(type(thing).__name__, describer(thing.__func__, path))


_KINDS: tuple[tuple[Any, Callable[..., bytes]], ...] = (
    (types.FunctionType, _function),
    (types.MethodType, _method),
    (functools.partial, _partial),
    ((staticmethod, classmethod), _wrapper),
    (property, _property),
    (functools._lru_cache_wrapper, _cached),  # noqa: SLF001 - it has no other name
    (_BUILTINS, _builtin),
    (type, _class),
    (types.ModuleType, lambda _, thing, __: mix("module", thing.__name__)),
    (types.CodeType, _code),
    (_DESCRIPTORS, lambda _, thing, __: mix("slot", thing.__name__)),
)
