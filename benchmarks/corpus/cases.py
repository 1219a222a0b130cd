"""Finds the cases, splits them into halves, and checks that each of them is well formed."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset
from transformers import PreTrainedTokenizerBase, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

HERE = Path(__file__).resolve().parent
HELPERS = ("parts.py", "worlds.py")
SPLIT = "corpus-1"  # the seed of the split; a new one deals all cases anew
FAMILIES = (
    *("data", "tokens", "batches", "model", "loss", "optimizer", "schedule", "precision", "samplers", "callbacks"),
    *("evaluation", "metrics", "saving", "serving", "versions"),
)
_REPORT = re.compile(r"[\w.-]+/[\w.-]+#\d+")


@dataclass(frozen=True)
class Case:
    """One file of the corpus."""

    kind: str
    name: str

    @property
    def path(self) -> Path:
        """The file."""
        return HERE / self.kind / f"{self.name}.py"

    @property
    def factories(self) -> tuple[str, ...]:
        """The functions that return a Trainer."""
        return ("defect", "fixed") if self.kind == "defects" else ("build",)

    @property
    def half(self) -> str:
        """`seen` or `unseen`, by a hash of the name."""
        return ("seen", "unseen")[hashlib.sha256(f"{SPLIT}:{self.kind}:{self.name}".encode()).digest()[0] % 2]

    @property
    def digest(self) -> str:
        """Changes with the file, and with the two that it imports from."""
        hashed = hashlib.sha256()
        for file in (self.path, *(HERE / helper for helper in HELPERS)):
            hashed.update(file.read_bytes())
        return hashed.hexdigest()[:16]

    def load(self) -> ModuleType:
        """Import the file, with its helpers on the path."""
        if str(HERE) not in sys.path:
            sys.path.insert(0, str(HERE))
        spec = importlib.util.spec_from_file_location(f"corpus_{self.kind}_{self.name}", self.path)
        if spec is None or spec.loader is None:
            raise ImportError(str(self.path))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module


def all_cases(half: str = "all", name: str = "") -> list[Case]:
    """Cases of a half, or the one of this name, defects first."""
    found = [Case(kind, file.stem) for kind in ("defects", "healthy") for file in sorted((HERE / kind).glob("*.py"))]
    return [case for case in found if half in {"all", case.half} and name in {"", case.name}]


def self_test(cases: list[Case]) -> list[str]:
    """Build every Trainer once, and return what is wrong."""
    wrong = []
    names = [case.name for case in all_cases()]
    wrong += [f"{name}: two cases have this name" for name in {name for name in names if names.count(name) > 1}]
    for case in cases:
        try:
            wrong += [f"{case.name}: {complaint}" for complaint in _complaints(case)]
        except Exception as error:  # noqa: BLE001 - whatever a case does, the others are looked at
            wrong.append(f"{case.name}: {type(error).__name__}: {error}")
    return wrong


def _complaints(case: Case) -> Iterator[str]:
    module = case.load()
    if not (module.__doc__ or "").strip():
        yield "has no docstring"
    if case.kind == "defects":
        yield from _constants(module)
    built = {}
    for name in case.factories:
        factory: Callable[[], Any] = getattr(module, name)
        trainer = factory()
        if not isinstance(trainer, Trainer):
            yield f"{name}() returns no Trainer"
            return
        if trainer.state.global_step:
            yield f"{name}() returns a trained Trainer"
        built[name] = fingerprint(trainer)
    if case.kind == "defects" and built["defect"] == built["fixed"]:
        yield "defect() and fixed() return the same"


def _constants(module: ModuleType) -> Iterator[str]:
    report, family, cause = (getattr(module, name, None) for name in ("REPORT", "FAMILY", "CAUSE"))
    if not isinstance(report, str) or (report and not _REPORT.fullmatch(report)):
        yield f"REPORT is neither empty nor owner/repository#number: {report!r}"
    if family not in FAMILIES:
        yield f"FAMILY is none of {', '.join(FAMILIES)}: {family!r}"
    if not isinstance(cause, tuple) or not cause:
        yield "CAUSE is no tuple of alternatives"
        return
    for alternative in cause:
        re.compile(alternative)
        if alternative != alternative.lower() and "\\W" not in alternative:
            yield f"CAUSE is not in lower case: {alternative!r}"


def fingerprint(trainer: Trainer) -> str:
    """Hash all that a case may change of a Trainer."""
    model: Any = trainer.model
    own = {
        name: getattr(trainer, name)
        for kind in type(trainer).__mro__
        if not kind.__module__.startswith(("transformers", "torch", "builtins"))
        for name in vars(kind)
        if not name.startswith("__")
    }
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    optimizer = [
        [{**group, "params": [names.get(id(parameter), "?") for parameter in group["params"]]}]
        for group in (trainer.optimizer.param_groups if trainer.optimizer else [])
    ]
    callbacks = [
        callback if not type(callback).__module__.startswith("transformers") else type(callback)
        for callback in trainer.callback_handler.callbacks
    ]
    rates = [[rate(step) for step in range(100)] for rate in getattr(trainer.lr_scheduler, "lr_lambdas", [])]
    arguments = {name: value for name, value in trainer.args.to_dict().items() if "dir" not in name}
    parts = [
        *(type(trainer).__qualname__, own, arguments, type(model).__qualname__, model.config.to_dict()),
        *(dict(model.state_dict()), {name: p.requires_grad for name, p in model.named_parameters()}, optimizer),
        *(trainer.train_dataset, trainer.eval_dataset, trainer.data_collator, trainer.compute_metrics),
        *(trainer.processing_class, callbacks, rates),
        *(trainer.compute_loss_func, trainer.preprocess_logits_for_metrics, trainer.model_init),
    ]
    hashed = hashlib.sha256()
    _add(parts, hashed.update, {})
    return hashed.hexdigest()


def _add(value: Any, update: Callable[[bytes], None], seen: dict[int, Any]) -> None:  # noqa: C901, PLR0912 - one kind after the other
    if value is None or isinstance(value, (bool, int, float, str, bytes, torch.dtype)):
        update(repr(value).encode())
        return
    if id(value) in seen:
        return
    seen[id(value)] = value  # alive, so that no other value gets its id
    if isinstance(value, torch.Tensor):
        update(value.detach().float().numpy().tobytes())
    elif isinstance(value, np.ndarray):
        update(value.tobytes())
    elif isinstance(value, Dataset):
        _add([value.column_names, *(value.with_format(None)[name] for name in value.column_names)], update, seen)
    elif isinstance(value, PreTrainedTokenizerBase):
        update(
            f"{value.truncation_side}{value.padding_side}{value.model_max_length}{sorted(value.get_vocab().items())}".encode()
        )
    elif isinstance(value, dict):
        for key in value:
            update(repr(key).encode())
            _add(value[key], update, seen)
    elif isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "Column":
        for item in value:
            _add(item, update, seen)
    elif isinstance(value, MethodType):
        _add([value.__func__, value.__self__ if not isinstance(value.__self__, Trainer) else None], update, seen)
    elif isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        _add([value.__qualname__, value.__code__.co_code, value.__code__.co_consts, value.__defaults__], update, seen)
        _add(cells, update, seen)
    elif isinstance(value, type):
        update(value.__qualname__.encode())
    elif isinstance(value, IterableDataset) or type(value).__name__ == "IterableDataset":
        update(type(value).__qualname__.encode())
    elif isinstance(value, TorchDataset):
        _add([value[row] for row in range(len(value))], update, seen)  # type: ignore[arg-type]
    elif hasattr(value, "__dict__") and not isinstance(value, torch.nn.Module):
        update(type(value).__qualname__.encode())
        _add(vars(value), update, seen)
    else:
        update(getattr(value, "__qualname__", type(value).__qualname__).encode())
