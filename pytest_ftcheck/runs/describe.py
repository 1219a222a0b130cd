"""Describe a part of a pipeline for the key of a run: two parts that behave differently read differently."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.from_checkpoint import Checkpoint
from pytest_ftcheck.tasks.card import TaskCard

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

_PLAIN = (str, int, float, bool, type(None))
_DEPTH = 8
"""Objects inside of objects that are looked into: deep enough for wrapped collators."""


def describe(thing: Any, depth: int = _DEPTH, seen: set[int] | None = None) -> Any:
    """Describe a callable or a value as plain JSON: names, source, settings, closures and all that they hold.

    Args:
        thing: any part of a pipeline.
        depth: levels that are still looked into.
        seen: ids of the objects that are described already: graphs of objects have cycles.

    """
    if isinstance(thing, _PLAIN):
        return thing
    kind = type(thing)
    # The key takes what a run needs from these two; a card's floors, for one, must not make another run.
    if depth == 0 or id(thing) in (seen or ()) or isinstance(thing, (Checkpoint, TaskCard)):
        return _full_name(kind)
    seen = set() if seen is None else seen
    if hasattr(thing, "__dict__"):
        seen.add(id(thing))
    inside = functools.partial(describe, depth=depth - 1, seen=seen)
    if inspect.isclass(thing) or (inspect.isroutine(thing) and not inspect.ismethod(thing)):
        return [_full_name(thing), _source(thing), inside(_held(thing))]
    return [_full_name(kind), _source(kind), _content(thing, inside)]


def _held(thing: Any) -> list[Any]:
    """Collect what a function carries with it: closure and defaults."""
    closure = inspect.getclosurevars(thing).nonlocals if inspect.isfunction(thing) else {}
    return [closure, getattr(thing, "__defaults__", None), getattr(thing, "__kwdefaults__", None)]


def _content(thing: Any, inside: Callable[[Any], Any]) -> Any:
    """Describe what an object holds, its members by ``inside``."""
    if isinstance(thing, functools.partial):
        return [inside(part) for part in (thing.func, thing.args, thing.keywords)]
    if inspect.ismethod(thing):
        return [inside(part) for part in (thing.__func__, thing.__self__)]
    if isinstance(thing, Mapping):
        return [[str(key), inside(thing[key])] for key in sorted(thing, key=str)]
    if isinstance(thing, (set, frozenset)):
        return sorted(map(repr, thing))
    if isinstance(thing, (list, tuple)):
        return [inside(entry) for entry in thing]
    known = _known(thing)
    return inside(vars(thing)) if known is None and hasattr(thing, "__dict__") else known


def _known(thing: Any) -> str | None:
    """Describe the objects whose members would say too much, too little, or something else each time."""
    if hasattr(thing, "fingerprint"):  # a model in memory
        return str(thing.fingerprint())
    if hasattr(thing, "special_tokens_map"):
        return tokenizer_digest(thing)
    if hasattr(thing, "named_parameters"):
        return json.dumps({name: _tensor_digest(tensor) for name, tensor in sorted(thing.state_dict().items())})
    if hasattr(thing, "experiment_id"):  # a metric of evaluate
        return f"{thing.name} {thing.config_name}"
    if hasattr(thing, "untyped_storage"):
        return _tensor_digest(thing)
    text = repr(thing)
    return None if " at 0x" in text or hasattr(thing, "__dict__") else text


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Hash what a tokenizer does to texts and batches, without what the latest call left in it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    table = tokenizer.get_vocab() if backend is None else json.loads(backend.to_str())
    # Every call with truncation or padding leaves its settings there.
    kept = {name: value for name, value in table.items() if backend is None or name not in ("truncation", "padding")}
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    sides = [tokenizer.padding_side, tokenizer.truncation_side, tokenizer.pad_token_type_id]
    settings = [kept, special, sides, tokenizer.model_max_length, list(tokenizer.model_input_names)]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _tensor_digest(tensor: Tensor) -> str:
    import torch  # noqa: PLC0415 - slow to import

    content = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode() + content).hexdigest()


def _full_name(thing: Any) -> str:
    """Name a function or a class with its module."""
    return f"{thing.__module__}.{thing.__qualname__}"


def _source(thing: Any) -> str:
    """Return the source of a function or a class, nothing where there is none."""
    return _source_of(getattr(thing, "__code__", thing))


@functools.lru_cache(maxsize=256)
def _source_of(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return ""
