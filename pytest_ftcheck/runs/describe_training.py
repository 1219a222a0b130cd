"""Describe the parts of a training: tensors, models, tokenizers, rows, optimizers, arguments, and whole Trainers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from datasets import Dataset
from transformers import PreTrainedTokenizerBase, Trainer, TrainingArguments

from pytest_ftcheck.pipeline.from_checkpoint import Checkpoint
from pytest_ftcheck.pipeline.trainer_changes import HELD_BACK
from pytest_ftcheck.runs.describer import mix
from pytest_ftcheck.runs.rows_digest import rows_digest
from pytest_ftcheck.tasks.card import TaskCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.runs.describer import Describer

_DERIVED_OF_TRAINER = frozenset(
    {"args", "accelerator", "callback_handler", "control", "state", "deepspeed", "model", "model_wrapped", "optimizer"}
    | {"lr_scheduler", "train_dataset", "eval_dataset", "hub_model_id", "_memory_tracker", "_signature_columns"}
    | {"current_flos", "is_in_train", "_loggers_initialized", "_created_lr_scheduler", "gather_function"}
)
"""Attributes of a Trainer that it derives from its parts or sets in training; the parts are described instead."""
_DERIVED_OF_ARGUMENTS = frozenset({"distributed_state", "deepspeed_plugin", "fsdp_plugin_args", "_setup_devices"})


def describe_part(describer: Describer, thing: Any, path: str) -> bytes | None:
    """Describe a part of a training; None for other objects."""
    for known, describe in _PARTS:
        if isinstance(thing, known):
            return describe(describer, thing, path)
    if any(
        base.__module__ == "evaluate.module" for base in type(thing).__mro__
    ):  # by name, because its import takes seconds
        return _metric(describer, thing, path)
    return None


def tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Hash the behaviour of a tokenizer, without the settings that its latest call left in it."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    table = tokenizer.get_vocab() if backend is None else json.loads(backend.to_str())
    # Every call with truncation or padding stores its settings there.
    kept = {name: value for name, value in table.items() if backend is None or name not in ("truncation", "padding")}
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    sides = [tokenizer.padding_side, tokenizer.truncation_side, tokenizer.pad_token_type_id]
    settings = [kept, special, sides, tokenizer.model_max_length, list(tokenizer.model_input_names)]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def tensor_digest(tensor: torch.Tensor) -> bytes:
    """Digest dtype, shape and content of a tensor on any device."""
    kind = f"{tensor.dtype} {tuple(tensor.shape)} {tensor.layout}"
    if tensor.is_meta:
        return mix("tensor", kind, "meta")
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    content = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    return mix("tensor", kind, content.data)  # type: ignore[arg-type]  # a buffer works as well


def _tensor(describer: Describer, thing: torch.Tensor, path: str) -> bytes:
    own = {name: value for name, value in vars(thing).items() if not name.startswith("_")}
    return mix("tensor", str(thing.requires_grad), tensor_digest(thing), describer(own, path))


def _random(describer: Describer, thing: torch.Generator, path: str) -> bytes:
    del describer, path
    if thing is torch.default_generator:  # every run seeds it
        return mix("default generator")
    return mix("generator", str(thing.device), tensor_digest(thing.get_state()))


def _module(describer: Describer, thing: torch.nn.Module, path: str) -> bytes:
    """Describe a module by class, attributes, parameters, buffers and children; the order of the last three counts."""
    ordered, own = [], {}
    for name, value in vars(thing).items():
        if name in ("_parameters", "_buffers", "_modules"):
            ordered.append(describer.mapping(value, path, ordered=True))
        elif name.endswith("_hooks") or "_hooks_" in name:
            # Only the order of registration counts, not the number of each hook in this process.
            ordered.append(describer.items(list(value.values()) if isinstance(value, dict) else [value], path))
        else:
            own[name] = value
    return mix("module", describer(type(thing), path), *ordered, describer.mapping(own, path))


def _optimizer(describer: Describer, thing: torch.optim.Optimizer, path: str) -> bytes:
    held = {"groups": thing.param_groups, "defaults": thing.defaults, "state": thing.state_dict()["state"]}
    return mix("optimizer", describer(type(thing), path), describer.mapping(held, path))


def _scheduler(describer: Describer, thing: Any, path: str) -> bytes:
    held = {name: value for name, value in vars(thing).items() if name != "optimizer"}
    return mix("scheduler", describer(type(thing), path), describer.mapping(held, path))


def _tokenizer(describer: Describer, thing: PreTrainedTokenizerBase, path: str) -> bytes:
    return mix("tokenizer", describer(type(thing), path), tokenizer_digest(thing))


def _rows(describer: Describer, thing: Dataset, path: str) -> bytes:
    shown = thing.format
    held = [shown["type"], sorted(shown["columns"]), shown["format_kwargs"]]
    return mix("rows", rows_digest(thing), describer.items(held, path))


def _metric(describer: Describer, thing: Any, path: str) -> bytes:
    """Describe a metric of evaluate by its name, without its process number, id and cache."""
    return mix("metric", describer(type(thing), path), f"{thing.name} {thing.config_name}")


def _arguments(describer: Describer, thing: TrainingArguments, path: str) -> bytes:
    left_out = HELD_BACK.keys() | _DERIVED_OF_ARGUMENTS
    names = {spec.name for spec in fields(thing)} | vars(thing).keys()
    held = {name: getattr(thing, name) for name in names - left_out}
    return mix("arguments", describer(type(thing), path), describer.mapping(held, path))


def _trainer(describer: Describer, thing: Any, path: str) -> bytes:
    """Describe a Trainer by class, parts and arguments, and by the attributes that the user has added."""
    held = {name: value for name, value in vars(thing).items() if name not in _DERIVED_OF_TRAINER}
    parts = {
        "args": thing.args,
        "model": thing.model,
        "optimizer": thing.optimizer,
        "lr_scheduler": thing.lr_scheduler,
        "train_dataset": thing.train_dataset,
        "eval_dataset": thing.eval_dataset,
        "callbacks": list(thing.callback_handler.callbacks),
    }
    return mix("Trainer", describer(type(thing), path), describer.mapping(parts, path), describer.mapping(held, path))


def _named(describer: Describer, thing: Any, path: str) -> bytes:
    """Describe an object only by its class: the key has fields for the parts of it that affect a run."""
    del describer, path
    return mix(type(thing).__qualname__)


_PARTS: tuple[tuple[Any, Callable[..., bytes]], ...] = (
    ((Checkpoint, TaskCard, Accelerator), _named),
    (torch.Tensor, _tensor),
    (torch.Generator, _random),
    ((torch.dtype, torch.device, torch.layout), lambda _, thing, __: mix("torch", repr(thing))),
    (torch.nn.Module, _module),
    (torch.optim.Optimizer, _optimizer),
    (torch.optim.lr_scheduler.LRScheduler, _scheduler),
    (PreTrainedTokenizerBase, _tokenizer),
    (Dataset, _rows),
    (TrainingArguments, _arguments),
    (Trainer, _trainer),
)
