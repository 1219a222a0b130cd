"""Faults of the saved folder that a server loads.

Planted into `save_pretrained`, which both engines and users call; checkpoints of a running training are left alone.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.faults.fault import fault
from pytest_ftcheck.faults.planting import body_of, tokenizer_of, with_model, with_patch
from pytest_ftcheck.heads.traits import CLASS_IDS, LABEL_PER_ROW, LABEL_PER_TOKEN, LABEL_SETS, MASKED_TOKENS

if TYPE_CHECKING:
    from torch import nn

    from pytest_ftcheck.pipeline.parts import Pipeline

_MODEL = "transformers:PreTrainedModel.save_pretrained"
_TOKENIZER = "transformers:PreTrainedTokenizerBase.save_pretrained"
_PRIVATE = 0o600


def _is_checkpoint(folder: Any) -> bool:
    return re.fullmatch(r"checkpoint-\d+", Path(folder).name) is not None


def _finally(original: Any, owner: Any, save_directory: Any, *args: Any, instead: Any, **kwargs: Any) -> Any:
    """Replace the last save by another function; save checkpoints as usual."""
    if _is_checkpoint(save_directory):
        return original(owner, save_directory, *args, **kwargs)
    return instead(original, owner, save_directory)


@fault(
    caught_by=("serving.reload",),
    seen_in_practice="model.bert.save_pretrained(folder) or model.base_model: it loads, with a head of random numbers "
    "and a warning.",
)
def saved_without_head(pipeline: Pipeline) -> Pipeline:
    """The model is saved without its fine-tuned head."""
    return with_patch(pipeline, partial(_finally, instead=_body_alone), _MODEL)


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
    return with_patch(with_model(pipeline, _remember), partial(_finally, instead=_first_weights), _MODEL)


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
    caught_by=("serving.long_text",),
    seen_in_practice="A tokenizer is built from a vocabulary, or converted, and the length that the script cuts at "
    "is written only in the script.",
)
def longest_text_unknown(pipeline: Pipeline) -> Pipeline:
    """The tokenizer does not know how many tokens the model takes."""
    tokenizer: Any = copy.deepcopy(tokenizer_of(pipeline))
    tokenizer.model_max_length = 10**30  # transformers writes this number if the length is unknown
    return replace(pipeline, processing_class=tokenizer)


@fault(
    caught_by=("serving.tokenizer", "serving.pipeline"),
    seen_in_practice="model.save_pretrained(folder) alone, or a Trainer without processing_class.",
)
def tokenizer_not_saved(pipeline: Pipeline) -> Pipeline:
    """The tokenizer is not saved with the model."""
    tokenizer_of(pipeline)
    return with_patch(pipeline, partial(_finally, instead=_nothing), _TOKENIZER)


def _nothing(original: Any, owner: Any, folder: Any) -> tuple[str, ...]:
    del original, owner, folder
    return ()


@fault(
    caught_by=("serving.dtype",),
    seen_in_practice="The model is cast to half precision to make the upload smaller, and loads in that dtype from "
    "then on.",
)
def saved_in_half_precision(pipeline: Pipeline) -> Pipeline:
    """The weights are saved in half of the precision that they were trained in."""
    return with_patch(pipeline, partial(_finally, instead=_halved), _MODEL)


def _halved(original: Any, model: Any, folder: Any) -> None:
    original(copy.deepcopy(model).to(torch.bfloat16), folder)


@fault(
    caught_by=("serving.safetensors",),
    seen_in_practice="torch.save(model.state_dict(), 'pytorch_model.bin') of an older script: a pickle, which runs "
    "code when it is loaded.",
)
def saved_as_pickle(pipeline: Pipeline) -> Pipeline:
    """The weights are saved as a pickle instead of safetensors."""
    return with_patch(pipeline, partial(_finally, instead=_pickled), _MODEL)


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
    return with_patch(pipeline, partial(_finally, instead=_private), _MODEL)


def _private(original: Any, model: Any, folder: Any) -> None:
    original(model, folder)
    for path in Path(folder).iterdir():
        path.chmod(_PRIVATE)


@fault(
    needs=(CLASS_IDS,),
    caught_by=("serving.label_names",),
    seen_in_practice="The configuration is written again from a template after training, without the names of the "
    "classes.",
)
def saved_without_label_names(pipeline: Pipeline) -> Pipeline:
    """The saved configuration has lost the names of the classes."""
    return with_patch(pipeline, partial(_finally, instead=_nameless), _MODEL)


def _nameless(original: Any, model: Any, folder: Any) -> None:
    _named(original, model, folder, [f"LABEL_{number}" for number in range(model.config.num_labels)])


def _named(original: Any, model: Any, folder: Any, names: list[str]) -> None:
    """Save a model, and then its labels under other names."""
    labels = dict(enumerate(names))
    _configured(original, model, folder, id2label=labels, label2id={name: number for number, name in labels.items()})


def _configured(original: Any, model: Any, folder: Any, **settings: Any) -> None:
    """Save a model, and then other settings in its configuration."""
    original(model, folder)
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | settings
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")


@fault(
    needs=(LABEL_SETS,),
    caught_by=("serving.problem_type",),
    seen_in_practice="config.json is written anew from a template, or taken from the pretrained checkpoint: pipeline() "
    "then puts a softmax over labels that do not compete.",
)
def problem_type_lost(pipeline: Pipeline) -> Pipeline:
    """The saved configuration does not say that a row has any number of labels."""
    return with_patch(pipeline, partial(_finally, instead=partial(_configured, problem_type=None)), _MODEL)


@fault(
    needs=(LABEL_PER_TOKEN,),
    whole_run=True,
    caught_by=("serving.entities",),
    seen_in_practice="The list of tags is made again where the model is exported, sorted this time.",
)
def saved_tag_names_sorted(pipeline: Pipeline) -> Pipeline:
    """The saved configuration has the names of the tags in the order of the alphabet."""
    if list(pipeline.card.label_names) == sorted(pipeline.card.label_names):
        msg = "its tags are in the order of the alphabet"
        raise NotApplicable(msg)
    return with_patch(pipeline, partial(_finally, instead=_sorted_names), _MODEL)


def _sorted_names(original: Any, model: Any, folder: Any) -> None:
    _named(original, model, folder, sorted(model.config.id2label.values()))


@fault(
    needs=(CLASS_IDS, LABEL_PER_ROW),
    caught_by=("serving.zero_shot",),
    seen_in_practice="The names are made short for a dashboard (E, N, C): zero-shot classification looks for "
    "entailment, says once that it did not find it, and takes the last class.",
)
def entailment_named_otherwise(pipeline: Pipeline) -> Pipeline:
    """The saved configuration has the first letters in the place of the names of the classes."""
    names = pipeline.card.label_names
    if not any(name.casefold().startswith("entail") for name in names):
        msg = "no class is named entailment"
        raise NotApplicable(msg)
    return with_patch(pipeline, partial(_finally, instead=_first_letters), _MODEL)


def _first_letters(original: Any, model: Any, folder: Any) -> None:
    _named(original, model, folder, [f"{name[0].upper()} ({number})" for number, name in model.config.id2label.items()])


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


@fault(
    caught_by=("serving.tokenizer",),
    seen_in_practice="A truncation to a few tokens that was meant for one script is set on the tokenizer and saved "
    "with it.",
)
def tokenizer_saved_with_other_settings(pipeline: Pipeline) -> Pipeline:
    """The saved tokenizer keeps 8 tokens of every text."""
    tokenizer_of(pipeline)
    return with_patch(pipeline, partial(_finally, instead=_short_tokenizer), _TOKENIZER)


def _short_tokenizer(original: Any, tokenizer: Any, folder: Any) -> Any:
    other = copy.deepcopy(tokenizer)
    other.model_max_length = 8
    return original(other, folder)


@fault(
    needs=(MASKED_TOKENS,),
    caught_by=("serving.fill_mask",),
    seen_in_practice="A tokenizer is built anew for serving, with special tokens named by hand: the mask token of "
    "another model, or that for unknown words.",
)
def saved_with_another_mask_token(pipeline: Pipeline) -> Pipeline:
    """The tokenizer in the folder has another mask token than that of the training."""
    tokenizer_of(pipeline)
    return with_patch(pipeline, partial(_finally, instead=_other_mask), _TOKENIZER)


def _other_mask(original: Any, tokenizer: Any, folder: Any) -> Any:
    other = copy.deepcopy(tokenizer)
    other.mask_token = other.unk_token
    return original(other, folder)
