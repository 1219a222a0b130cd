"""Checkpoints: finds the local folder of a bundled name, a folder or a Hub id; safetensors only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_ftcheck.errors import CheckpointError, closest
from pytest_ftcheck.paths import as_path, kind_of
from pytest_ftcheck.pipeline.checkpoint_files import check_files, loading, weight_shapes
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS, bundled_checkpoint
from pytest_ftcheck.tasks.hub import hub_access

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.tasks.card import TaskCard

_OTHER_HEADS = ("ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice")
_HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]


@dataclass(frozen=True)
class Checkpoint:
    """Weights, configuration and tokenizer at the start of the training, in a local folder."""

    name: str
    """Name in floors: the bundled name, the folder's own name, or the Hub id."""
    folder: Path | None
    """None where a user's Trainer did not load the model from a folder."""
    parameters: int
    """Number of values in the weight files, or of the model."""


def resolve_checkpoint(model: str, *, online: bool = False) -> Checkpoint:
    """Find a checkpoint and make sure that it can be loaded.

    Args:
        model: ``tiny-bert``, ``tiny-distilbert``, a folder, or a Hub id with or without ``@revision``.
        online: allow a download from the Hub.

    Raises:
        CheckpointError: the checkpoint does not exist, or lacks weights (safetensors), configuration or tokenizer.

    """
    if model in BUNDLED_CHECKPOINTS:
        name, folder = model, bundled_checkpoint(model)
    elif kind_of(folder := as_path(model)) == "folder":
        folder = folder.resolve()
        name = folder.name
    elif kind_of(folder):
        msg = f"checkpoint {model!r} is not a folder. Give the folder that save_pretrained wrote."
        raise CheckpointError(msg)
    elif model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise CheckpointError(_absent(model))
    else:
        name, _, revision = model.partition("@")
        if name in BUNDLED_CHECKPOINTS:
            msg = f"checkpoint {model!r}: {name} is bundled and has no revisions. Give --ftcheck-model={name}."
            raise CheckpointError(msg)
        folder = _from_hub(name, revision or None, online=online)
    check_files(folder)
    return Checkpoint(name, folder, sum(math.prod(shape) for shape in weight_shapes(folder).values()))


def _absent(model: str, reason: str = "no such folder") -> str:
    guess = closest(model, BUNDLED_CHECKPOINTS)
    return (
        f"no checkpoint {model!r}: {reason}.{guess} "
        f"Expected {', '.join(BUNDLED_CHECKPOINTS)}, a folder of save_pretrained, or a Hub id (with --ftcheck-online)."
    )


def _from_hub(repo_id: str, revision: str | None, *, online: bool) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only Hub ids need it

    try:
        with hub_access(online=online):
            return Path(
                snapshot_download(repo_id, revision=revision, allow_patterns=_HUB_FILES, local_files_only=not online)
            )
    except Exception as error:  # the Hub client raises many types; each means: not available
        reason = "not in the local cache of the Hub, and nothing is downloaded without --ftcheck-online"
        if online:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(_absent(repo_id, reason)) from error


def load_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    """Load the checkpoint's tokenizer.

    Raises:
        CheckpointError: it cannot be loaded.

    """
    from transformers import AutoTokenizer  # noqa: PLC0415 - slow to import

    with loading(f"cannot load the tokenizer of {checkpoint.name} from {checkpoint.folder}"), quiet_libraries():
        tokenizer = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
        tokenizer("a text", "and another one")
    longest = tokenizer.model_max_length
    if not isinstance(longest, (int, float)) or longest < 1:
        msg = (
            f"the tokenizer of {checkpoint.name} has model_max_length = {longest!r}: expected a number of tokens. "
            "Correct tokenizer_config.json."
        )
        raise CheckpointError(msg)
    return cast("PreTrainedTokenizerBase", tokenizer)


def load_model(
    checkpoint: Checkpoint, card: TaskCard, dtype: str = "float32", *, whole: bool = False
) -> PreTrainedModel:
    """Load the checkpoint with the card's head; a missing head is initialised from torch's current seed.

    Args:
        checkpoint: what to load.
        card: gives the number and the names of the labels.
        dtype: of the weights.
        whole: the checkpoint must have a fine-tuned head.

    Raises:
        CheckpointError: the weights cannot be loaded, lack tensors of the model, or have the head of another task.

    """
    import torch  # noqa: PLC0415 - slow to import
    import transformers  # noqa: PLC0415 - slow to import

    head = card.head_rules.model
    folder = str(checkpoint.folder)  # a card's checkpoint has one
    with loading(f"cannot read {folder}/config.json"), quiet_libraries():
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        _check_head(checkpoint, config, card)
    head.configure(config, card.num_labels, card.label_names)
    what = f"cannot load {checkpoint.name} from {checkpoint.folder} for {head.words}"
    with loading(what), quiet_libraries():
        model, info = getattr(transformers, head.auto_class).from_pretrained(
            folder,
            config=config,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    if mismatched := sorted(info["mismatched_keys"]):
        body = [entry for entry in mismatched if entry[0].startswith(f"{model.base_model_prefix}.")]
        raise CheckpointError(
            _other_body(checkpoint, _mismatches(body))
            if body
            else _other_head(checkpoint, card, _mismatches(mismatched))
        )
    if absent := _absent_weights(model, info["missing_keys"]):
        msg = (
            f"checkpoint {checkpoint.name} lacks weights of its body, which would be random: {', '.join(absent[:3])}"
            f" ({len(absent)} in all). Save it again, or give a checkpoint whose config.json fits its weights."
        )
        raise CheckpointError(msg)
    if whole and info["missing_keys"]:
        msg = (
            f"checkpoint {checkpoint.name} has no fine-tuned head: {', '.join(sorted(info['missing_keys']))} would be "
            "random. Give a model that was fine-tuned for this task, or remove --ftcheck-no-train."
        )
        raise CheckpointError(msg)
    return cast("PreTrainedModel", model)


def _absent_weights(model: PreTrainedModel, missing: Iterable[str]) -> list[str]:
    """Return the weights of the body that are not in the files; a new pooler belongs to a new head."""
    body = f"{model.base_model_prefix}."
    return sorted(name for name in missing if name.startswith(body) and ".pooler." not in name)


def _mismatches(keys: Iterable[Any]) -> str:
    return "; ".join(f"{name} has shape {tuple(found)}, expected {tuple(needed)}" for name, found, needed in keys)


def _check_head(checkpoint: Checkpoint, config: Any, card: TaskCard) -> None:
    architecture = next(iter(config.architectures or []), "")
    own = card.head_rules.model.auto_class.removeprefix("Auto").removeprefix("Model")
    if architecture.endswith(_OTHER_HEADS) and not architecture.endswith(own):
        raise CheckpointError(_other_head(checkpoint, card, f"it was saved as {architecture}"))


def _other_body(checkpoint: Checkpoint, what: str) -> str:
    return (
        f"the weights of the body of checkpoint {checkpoint.name} do not fit its config.json: {what}. Save the model "
        "again with save_pretrained, which writes both, also after the embeddings are resized."
    )


def _other_head(checkpoint: Checkpoint, card: TaskCard, what: str) -> str:
    return (
        f"checkpoint {checkpoint.name} has another head than task {card.name!r} needs: {what}. Task {card.name!r} "
        f"({card.head}) has {card.num_labels} label(s): {', '.join(card.label_names) or 'one number'}. "
        "Start from the pretrained checkpoint without a head, or from one that was fine-tuned for this task."
    )
