"""The key of a run: a digest of everything that affects it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.pipeline.reads.states import file_digest
from pytest_ftcheck.runs.describe import new_describer
from pytest_ftcheck.runs.describe_training import tokenizer_digest
from pytest_ftcheck.runs.describer import SESSION, deep_recursion
from pytest_ftcheck.runs.patched import patched_libraries, settings_of_torch
from pytest_ftcheck.runs.project import own_code_digest, project_code_digest
from pytest_ftcheck.runs.rows_digest import rows_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline


@dataclass(frozen=True)
class RunKey:
    """Digests and names of everything that affects a run; a change of any field means another run."""

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
    """Of a user's Trainer: parts, arguments, callbacks and first weights; also patches of the training."""
    engine: str
    seed: int
    code: str
    """Code of this package; where runs are kept for later sessions, also the project's code, its changes to libraries,
    and all installed distributions."""
    versions: str
    device: str
    dtype: str
    threads: int
    kernels: str
    unstable: tuple[str, ...] = field(default=(), compare=False)
    """Parts without a stable description; if there are any, no later session finds this run."""

    @property
    def digest(self) -> str:
        """Name of the entry in the store: 32 hexadecimal digits."""
        return _digest([json.dumps(self.record(), sort_keys=True)])[:32]

    def record(self) -> dict[str, Any]:
        """Return the identity of the run, in plain values."""
        record = asdict(self)
        del record["unstable"]
        return {**record, "labels": list(self.labels)}


def run_key(
    pipeline: Pipeline,
    *,
    engine: str,
    seed: int,
    environment: Mapping[str, str],
    root: Path | None = None,
    session: str = SESSION,
) -> RunKey:
    """Compute the key of a run before it is made.

    Args:
        pipeline: the parts.
        engine: name of the engine.
        seed: seed of initialisation, order and dropout.
        environment: result of `describe_environment`.
        root: root folder of the project if the run is kept for later sessions, so that its code counts; else None.
        session: replaces the content of objects without a stable description; equal in processes that share runs.

    """
    describer = new_describer(root, session)

    def described(part: Any, name: str) -> str:
        return describer(part, name).hex()

    with deep_recursion():
        weights = described(pipeline.model_init, "model_init")
        collator = described(pipeline.data_collator, "data_collator")
        metrics = described(pipeline.compute_metrics, "compute_metrics")
        recipe = described(dict(pipeline.args), "args")
        trainer = described([pipeline.source, pipeline.trains, *pipeline.patches], "trainer")
        process = "" if root is None else described([patched_libraries(), settings_of_torch()], "")
    named = {"device", "dtype", "threads", "kernels"}
    return RunKey(
        task=pipeline.card.name,
        head=pipeline.card.head,
        labels=pipeline.card.label_names,
        checkpoint=pipeline.checkpoint.name,
        weights=_digest([*_weight_files(pipeline), weights]),
        tokenizer="" if pipeline.processing_class is None else tokenizer_digest(pipeline.processing_class),
        data=_digest([rows_digest(pipeline.train_dataset), rows_digest(pipeline.eval_dataset)]),
        collator=collator,
        metrics=_digest([metrics, json.dumps(asdict(pipeline.card.metric))]),
        recipe=recipe,
        trainer=trainer,
        engine=engine,
        seed=seed,
        code=_digest([own_code_digest(), "" if root is None else project_code_digest(root), process]),
        versions=_digest(f"{name}={value}" for name, value in sorted(environment.items()) if name not in named),
        device=environment["device"],
        dtype=environment["dtype"],
        threads=int(environment["threads"]),
        kernels=environment["kernels"],
        unstable=tuple(describer.unstable),
    )


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _weight_files(pipeline: Pipeline) -> list[str]:
    """Hash weights and configuration in a checkpoint's folder; without a folder, only the model is described."""
    folder = pipeline.checkpoint.folder
    files = sorted([*folder.glob("*.safetensors"), folder / "config.json"]) if folder else []
    stats = [(file, file.stat()) for file in files]
    return [_file_digest_at(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats]


@lru_cache(maxsize=64)
def _file_digest_at(path: Path, size: int, modified: int) -> str:
    """Hash a file once per session and state; size and time are arguments so that a changed file is hashed again."""
    del size, modified
    return file_digest(path)
