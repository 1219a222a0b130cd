"""The key of a run: a digest over everything that made it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.runs.describe import describe, tokenizer_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from datasets import Dataset

    from pytest_ftcheck.pipeline.parts import Pipeline

_CODE = ("tasks", "pipeline", "training", "runs")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class RunKey:
    """Digests and names of everything that made a run; a change of any one makes another run."""

    task: str
    head: str
    labels: tuple[str, ...]
    checkpoint: str
    weights: str
    tokenizer: str
    data: str
    collator: str
    metrics: str
    recipe: str
    trainer: str
    """Of a user: code, arguments and first weights; and what is patched into the training."""
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
        checkpoint=pipeline.checkpoint.name,
        weights=_weights_digest(pipeline),
        tokenizer="" if pipeline.processing_class is None else tokenizer_digest(pipeline.processing_class),
        data=_digest([_rows_digest(pipeline.train_dataset), _rows_digest(pipeline.eval_dataset)]),
        collator=_description_digest(pipeline.data_collator),
        metrics=_digest([_description_digest(pipeline.compute_metrics), json.dumps(asdict(pipeline.card.metric))]),
        recipe=_digest([json.dumps(dict(pipeline.args), sort_keys=True, default=str)]),
        trainer=_description_digest([pipeline.trainer, pipeline.trains, list(pipeline.patches)]),
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


def _description_digest(part: Any) -> str:
    return _digest([json.dumps(describe(part))])


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
    folder = pipeline.checkpoint.folder
    # Without a folder the weights come out of a user's Trainer, whose fingerprint holds them.
    files = sorted([*folder.glob("*.safetensors"), folder / "config.json"]) if folder else []
    stats = [(file, file.stat()) for file in files]
    digests = [_file_digest_at(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats]
    return _digest([*digests, _description_digest(pipeline.model_init)])


def _rows_digest(rows: Dataset) -> str:
    """Hash the content of a data set, column by column, whatever its chunks."""
    plain = rows.with_format(None)  # tensors have no JSON; with [:] because row by row is 50 times slower
    return _digest(
        part for name in sorted(rows.column_names) for part in (name, json.dumps(plain[name][:], default=repr))
    )


@lru_cache(maxsize=1)
def _code_digest() -> str:
    """Hash the modules of this package that shape a run."""
    package = Path(__file__).resolve().parent.parent
    files = sorted(file for folder in _CODE for file in (package / folder).rglob("*.py"))
    return _digest([file.read_text(encoding="utf-8") for file in files])
