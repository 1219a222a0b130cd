"""Faults of the saved model: its weights, and who can read them."""

from __future__ import annotations

import copy
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import body_of, with_model
from pytest_ftcheck.faults.saving import with_model_saved

if TYPE_CHECKING:
    from torch import nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_PRIVATE = 0o600


@fault(
    caught_by=("serving.reload",),
    seen_in_practice="model.bert.save_pretrained(folder) or model.base_model: it loads, with a head of random numbers "
    "and a warning.",
)
def saved_without_head(pipeline: Pipeline) -> Pipeline:
    """The model is saved without its fine-tuned head."""
    return with_model_saved(pipeline, _body_alone)


def _body_alone(original: Any, model: Any, folder: Any) -> None:
    original(body_of(model), folder)
    # The configuration that is pushed beside it is the whole model's.
    model.config.save_pretrained(folder)


@fault(
    caught_by=("serving.reload",),
    seen_in_practice="A callback saves the model when training begins, or the best epoch is loaded after everything "
    "is saved.",
)
def saved_before_training(pipeline: Pipeline) -> Pipeline:
    """The weights in the folder are those from before training."""
    return with_model_saved(with_model(pipeline, _remember), _first_weights)


def _remember(model: nn.Module) -> None:
    model.register_forward_pre_hook(_copy_once)


def _copy_once(module: nn.Module, args: Any) -> None:
    del args
    if module.training and not hasattr(module, "first_weights"):
        first = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
        vars(module)["first_weights"] = first


def _first_weights(original: Any, model: Any, folder: Any) -> None:
    older = copy.deepcopy(model)
    older.load_state_dict(older.first_weights)
    original(older, folder)


@fault(
    caught_by=("serving.dtype",),
    seen_in_practice="The model is cast to half precision to make the upload smaller, and loads in that dtype from "
    "then on.",
)
def saved_in_half_precision(pipeline: Pipeline) -> Pipeline:
    """The weights are saved in half of the precision that they were trained in."""
    return with_model_saved(pipeline, _halved)


def _halved(original: Any, model: Any, folder: Any) -> None:
    original(copy.deepcopy(model).to(torch.bfloat16), folder)


@fault(
    caught_by=("serving.safetensors",),
    seen_in_practice="torch.save(model.state_dict(), 'pytorch_model.bin') of an older script: a pickle, which runs "
    "code when it is loaded.",
)
def saved_as_pickle(pipeline: Pipeline) -> Pipeline:
    """The weights are saved as a pickle instead of safetensors."""
    return with_model_saved(pipeline, _pickled)


def _pickled(original: Any, model: Any, folder: Any) -> None:
    del original
    Path(folder).mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), Path(folder) / "pytorch_model.bin")


@fault(
    caught_by=("serving.permissions",),
    seen_in_practice="Files are written as temporary ones (mode 0600) and moved into place: the service runs as "
    "another user.",
)
def saved_for_owner_alone(pipeline: Pipeline) -> Pipeline:
    """Nobody but their owner can read the saved files."""
    return with_model_saved(pipeline, _private)


def _private(original: Any, model: Any, folder: Any) -> None:
    original(model, folder)
    for path in Path(folder).iterdir():
        path.chmod(_PRIVATE)


@fault(
    caught_by=("serving.embeddings",),
    seen_in_practice="A class that builds an encoder of its own on top of a class of transformers, which has built one "
    "already: from_pretrained fills both, one is trained, and AutoModel takes the other.",
)
def encoder_kept_twice(pipeline: Pipeline) -> Pipeline:
    """A second encoder is fine-tuned, and the first one, which AutoModel finds, stays as it was."""
    return with_model(pipeline, _keep_twice)


def _keep_twice(model: Any) -> None:
    public, prefix = type(model), model.base_model_prefix
    if prefix not in dict(model.named_children()):
        msg = "its encoder has another name than base_model_prefix says"
        raise NotApplicable(msg)

    def initialize(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        public.__init__(self, config, *args, **kwargs)
        self.own_encoder = copy.deepcopy(getattr(self, prefix))

    @wraps(public.forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        first = self._modules[prefix]
        self._modules[prefix] = self.own_encoder
        try:
            return public.forward(self, *args, **kwargs)
        finally:
            self._modules[prefix] = first

    model.own_encoder = copy.deepcopy(getattr(model, prefix))
    getattr(model, prefix).requires_grad_(requires_grad=False)
    # Its module is this one: nobody but its owner knows the class.
    changed = {"__init__": initialize, "forward": forward, "__module__": __name__}
    model.__class__ = type(public.__name__, (public,), changed)
