"""Changes that a project makes to libraries: replaced functions and classes, hooks and settings of PyTorch."""

from __future__ import annotations

import functools
import sys
import types
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.compat.of_torch import function_modes
from pytest_ftcheck.pipeline.reads.code_places import is_project_file
from pytest_ftcheck.runs.describe_code import is_library_module

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRAPPERS = (staticmethod, classmethod, types.MethodType)
_OF_ALL_MODULES = "_global_"
"""Prefix of the names under which PyTorch stores hooks of all modules and optimizers."""


def patched_libraries() -> dict[str, Any]:
    """Return the project's objects in modules of libraries and in their classes, by name.

    Modules that the project made at run time are returned with all their attributes.
    """
    found: dict[str, Any] = {}
    for key, module in list(sys.modules.items()):
        if type(module) is not types.ModuleType:
            continue
        if is_library_module(module):
            attributes = _attributes_with_classes(module)
            found |= {f"{key}.{name}": value for name, value in attributes if is_of_project(value)}
        elif module.__spec__ is None and not hasattr(module, "__file__") and key != "__main__":
            found[key] = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    return found


def settings_of_torch() -> dict[str, Any]:
    """Return global hooks, modes and switches of PyTorch in this process."""
    hooks = {
        f"{module.__name__}.{name}": list(value.values())
        for module in (torch.nn.modules.module, sys.modules["torch.optim.optimizer"])
        for name, value in vars(module).items()
        if name.startswith(_OF_ALL_MODULES) and isinstance(value, dict)
    }
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    return {
        **hooks,
        "function modes": function_modes(),
        "dtype": torch.get_default_dtype(),
        "precision": torch.get_float32_matmul_precision(),
        "switches": [
            torch.are_deterministic_algorithms_enabled(),
            cudnn.enabled,
            cudnn.benchmark,
            cudnn.deterministic,
            cudnn.allow_tf32,
            cuda.flash_sdp_enabled(),
            cuda.mem_efficient_sdp_enabled(),
            cuda.math_sdp_enabled(),
            torch.backends.mkldnn.enabled,
        ],
    }


def is_of_project(value: Any) -> bool:
    """Whether a function, a class, or the class of an object is defined in the project."""
    kind = type(value)  # no `isinstance`: a library's object may raise a warning or an error for it
    if kind is types.FunctionType:
        return is_project_file(value.__code__.co_filename)
    if kind in _WRAPPERS:
        return is_of_project(value.__func__)
    if kind is property:
        return is_of_project(value.fget)
    if kind is functools.partial:
        return is_of_project(value.func) or any(is_of_project(each) for each in value.args)
    owner: type = value if issubclass(kind, type) else kind
    return _is_class_of_project(owner)


@functools.lru_cache(maxsize=65_536)
def _is_class_of_project(kind: type) -> bool:
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return isinstance(file, str) and is_project_file(file)


def _attributes_with_classes(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in list(vars(module).items()):
        yield name, value
        if issubclass(type(value), type) and value.__module__ == module.__name__:
            for inner, attribute in list(vars(value).items()):
                yield f"{name}.{inner}", attribute
