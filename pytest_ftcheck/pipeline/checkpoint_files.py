"""Validation of the files of a checkpoint: they exist, can be read, and fit together."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from pytest_ftcheck.deadline import TimedOut
from pytest_ftcheck.errors import CheckpointError, FtcheckError, unknown
from pytest_ftcheck.paths import kind_of
from pytest_ftcheck.pipeline.quiet import quiet_libraries
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_ftcheck.heads.model_parts import ModelRules

_LONGEST = 300
_MOST_LAYERS = 1000
"""Largest accepted number of layers, far above any known model: building a million layers takes minutes."""
_TOO_LARGE = 16
"""Maximum ratio of the model's parameters to the saved values: 8 for weights that are packed with four bits each."""
_SMALL = 10_000_000
"""Minimum number of parameters for this comparison: in smaller models, a new head may be larger than the body."""


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Convert any error that a library raises for a damaged file into a one-line message.

    Args:
        what: the failed operation, such as ``cannot load the tokenizer of my-bert from models/my-bert``.

    Raises:
        CheckpointError: with the error's message.

    """
    try:
        yield
    except (FtcheckError, KeyboardInterrupt, TimedOut):
        raise
    except BaseException as error:  # A panic of a library in Rust is a BaseException, not an Exception.
        msg = f"{what}: {_worded(error)}"
        raise CheckpointError(msg) from error


def _worded(error: BaseException) -> str:
    """Return the message of an error, with its type if the message alone is not clear."""
    text = text_of(error)
    named = text if isinstance(error, (OSError, ValueError)) and " " in text else f"{type(error).__name__}: {text}"
    return named if len(named) <= _LONGEST else f"{named[:_LONGEST]} …"


def check_files(folder: Path) -> None:
    """Refuse a folder that lacks a file, or that has a path which is not a regular file or points outside the folder.

    Raises:
        CheckpointError: the folder is refused.

    """
    if kind_of(folder / "config.json") == "":
        msg = f"{folder} has no config.json, so it is not a checkpoint. Give the folder that save_pretrained wrote."
        raise CheckpointError(msg)
    for path in (*folder.glob("*.json"), *folder.glob("*.safetensors")):
        if kind_of(path) != "file":
            msg = f"{path} is not a regular file. Save the checkpoint again."
            raise CheckpointError(msg)
    if not list(folder.glob("*.safetensors")):
        raise CheckpointError(_no_weights(folder))
    # SentencePiece files have many names: spiece.model, spm.model, tokenizer.model, sentencepiece.bpe.model.
    if not any(list(folder.glob(name)) for name in ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")):
        msg = (
            f"{folder} has no tokenizer. Save the tokenizer in the folder of the model: "
            "tokenizer.save_pretrained(folder)."
        )
        raise CheckpointError(msg)
    _json_object(folder / "config.json")
    for path in folder.glob("*.safetensors.index.json"):
        _check_index(path)


def _no_weights(folder: Path) -> str:
    pickled = sorted(file.name for file in folder.glob("*.bin"))
    todo = (
        f"It has {', '.join(pickled)}, a pickle, which can run code when it is loaded: save the model again with "
        "save_pretrained, which writes safetensors."
        if pickled
        else "Give the folder that save_pretrained wrote."
    )
    return f"{folder} has no weights (*.safetensors). {todo}"


def _json_object(path: Path) -> dict[str, Any]:
    with loading(f"{path} cannot be read as JSON"):
        found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        msg = f"{path} has a JSON value of type {type(found).__name__}, expected an object. Save the checkpoint again."
        raise CheckpointError(msg)
    return found


def _check_index(path: Path) -> None:
    """Refuse an index of shards that names no files, or files in other folders."""
    shards = _json_object(path).get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(name, str) for name in shards.values()):
        msg = f"{path}: weight_map must name a file for every weight. Save the checkpoint again."
        raise CheckpointError(msg)
    for name in sorted(set(shards.values())):
        if "/" in name or "\\" in name or not name.endswith(".safetensors") or kind_of(path.parent / name) != "file":
            msg = (
                f"{path}: weight_map names {name!r}, expected a safetensors file in the same folder. Copy all files "
                "again."
            )
            raise CheckpointError(msg)


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors in a folder's safetensors files, by name, read only from the files' headers.

    Raises:
        CheckpointError: a file is damaged.

    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as tensors:
                shapes |= {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118 - safe_open has keys(), and cannot be iterated
        except (SafetensorError, OSError) as error:
            msg = f"{path} is damaged: {error}. Copy or download it again."
            raise CheckpointError(msg) from error
    return shapes


def _check_quantization(folder: Path) -> None:
    """Refuse a quantization method that transformers does not know and would ignore silently."""
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING  # noqa: PLC0415 - as below

    given = _json_object(folder / "config.json").get("quantization_config")
    if not isinstance(given, dict) or given.get("load_in_4bit") or given.get("load_in_8bit"):
        return  # bitsandbytes, for any name of the method; transformers itself refuses a value that is not a table
    method = given.get("quant_method")
    if method is not None and str(method) not in AUTO_QUANTIZER_MAPPING:
        msg = (
            f"{folder}/config.json: {unknown('quantization method', str(method), AUTO_QUANTIZER_MAPPING)} transformers "
            "would load the weights as if they were not quantized. Save the checkpoint again, or remove "
            "quantization_config if the weights are not quantized."
        )
        raise CheckpointError(msg)


def check_configuration(folder: Path, head: ModelRules) -> None:
    """Compare a configuration with the weights before memory is allocated: a wrong configuration may need too much.

    Args:
        folder: with configuration and weights.
        head: of the task, which says what the model is loaded with.

    Raises:
        CheckpointError: the configuration does not describe the model of the weights.

    """
    import torch  # noqa: PLC0415 - takes seconds, which a checkpoint without its files is not to cost
    import transformers  # noqa: PLC0415 - as above

    with loading(f"cannot read {folder}/config.json"), quiet_libraries():
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    _check_quantization(folder)
    shapes = weight_shapes(folder)
    layers = getattr(config, "num_hidden_layers", None)
    # Numbers of layers are not compared: layers may share weights (ALBERT), or be numbered within blocks (Funnel).
    if isinstance(layers, int) and not 1 <= layers <= max(_MOST_LAYERS, len(shapes)):
        msg = (
            f"{folder}/config.json has num_hidden_layers = {layers}, but the weights are {len(shapes)} tensors. Save "
            "the checkpoint again."
        )
        raise CheckpointError(msg)
    what = f"{folder}/config.json does not describe a model for {head.words}"
    with loading(what), torch.random.fork_rng(devices=[]), torch.device("meta"):
        described = getattr(transformers, head.auto_class).from_config(config)
    wanted, saved = described.num_parameters(), sum(map(math.prod, shapes.values()))
    if wanted > max(_TOO_LARGE * saved, _SMALL):
        msg = (
            f"{folder}/config.json describes a model of {wanted} parameters, but the weights have {saved}. Save the "
            "checkpoint again, or give the checkpoint to which this configuration belongs."
        )
        raise CheckpointError(msg)
