"""The key of a run: a digest over everything that made it."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.parts import Pipeline

_CODE = ("tasks", "pipeline", "training", "runs")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class RunKey:
    """Digests and names of everything that made a run; a change of any one makes another run."""

    task: str
    head: str
    labels: tuple[str, ...]
    weights: str
    tokenizer: str
    data: str
    collator: str
    metrics: str
    recipe: str
    engine: str
    seed: int
    code: str
    versions: str
    device: str
    dtype: str
    threads: int

    @property
    def digest(self) -> str:
        """Name of the store's entry: 32 hexadecimal digits."""
        return _digest([json.dumps(asdict(self), sort_keys=True)])[:32]


def run_key(pipeline: Pipeline, *, engine: str, seed: int, environment: Mapping[str, str]) -> RunKey:
    """Compute the key of a run before it is made.

    Args:
        pipeline: the parts.
        engine: name of the engine.
        seed: of initialisation, order and dropout.
        environment: as `describe_environment` gives it.

    """
    return RunKey(
        task=pipeline.card.name,
        head=pipeline.card.head,
        labels=pipeline.card.label_names,
        weights=_weights_digest(pipeline),
        tokenizer=_tokenizer_digest(pipeline.processing_class),
        data=_digest([_rows_digest(pipeline.train_dataset), _rows_digest(pipeline.eval_dataset)]),
        collator=_digest([describe_object(pipeline.data_collator)]),
        metrics=_digest(
            [describe_object(pipeline.compute_metrics), json.dumps(pipeline.card.metric.greater_is_better)]
        ),
        recipe=_digest([json.dumps(dict(pipeline.args), sort_keys=True, default=str)]),
        engine=engine,
        seed=seed,
        code=_code_digest(),
        versions=_digest(f"{k}={v}" for k, v in sorted(environment.items()) if k not in {"device", "dtype", "threads"}),
        device=environment["device"],
        dtype=environment["dtype"],
        threads=int(environment["threads"]),
    )


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _file_digest_at(path: Path, size: int, modified: int) -> str:
    """Hash a file once per session while its size and time stay (they only serve to notice a change)."""
    del size, modified
    return file_digest(path)


def _weights_digest(pipeline: Pipeline) -> str:
    """Hash weights and configuration, and the function that makes a model of them."""
    if hasattr(pipeline.model_init, "fingerprint"):  # a model in memory
        return str(pipeline.model_init.fingerprint())
    files = sorted([*pipeline.checkpoint.folder.glob("*.safetensors"), pipeline.checkpoint.folder / "config.json"])
    stats = [(file, file.stat()) for file in files]
    digests = [_file_digest_at(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats]
    return _digest([*digests, describe_object(pipeline.model_init, skip=("checkpoint",))])


def _tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    table = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    special = json.dumps({name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())})
    return _digest([table, special, tokenizer.padding_side, str(tokenizer.model_input_names)])


def _rows_digest(rows: Dataset) -> str:
    """Hash the content of a data set, column by column, whatever its chunks."""
    return _digest(part for name in sorted(rows.column_names) for part in (name, json.dumps(list(rows[name]))))


def describe_object(thing: Any, skip: tuple[str, ...] = ()) -> str:
    """Describe a callable part: its name, its source where there is one, and its plain settings."""
    function = getattr(thing, "func", thing)  # functools.partial
    kind = function if inspect.isroutine(function) or inspect.isclass(function) else type(function)
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):
        source = ""
    plain = (str, int, float, bool, type(None))
    settings = {
        k: v for k, v in sorted(getattr(thing, "__dict__", {}).items()) if isinstance(v, plain) and k not in skip
    }
    arguments = [str(argument) for argument in getattr(thing, "args", ()) if isinstance(argument, plain)]
    return json.dumps([f"{kind.__module__}.{kind.__qualname__}", source, settings, arguments], default=str)


@lru_cache(maxsize=1)
def _code_digest() -> str:
    """Hash the modules of this package that shape a run."""
    package = Path(__file__).resolve().parent.parent
    files = sorted(file for folder in _CODE for file in (package / folder).rglob("*.py"))
    return _digest([file.read_text(encoding="utf-8") for file in files])
