"""A run: the results of one fine-tune."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.runs.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.heads.head import Head

MODEL_FOLDER = "model"
RECORD = "run.json"
PREDICTIONS = "predictions.npz"


LOGITS, LABELS = "logits", "labels"
"""Names of the outputs of every built-in head."""


@dataclass(frozen=True)
class _Record:
    """The fields of a run."""

    task: str
    engine: str
    seed: int
    head: str
    checkpoint: str
    metrics: Mapping[str, float]
    """Metrics of the kept weights on the evaluation split, with ``loss``."""
    epochs: tuple[Mapping[str, float], ...]
    """For each epoch, after it: ``epoch``, ``step``, ``loss`` and the metrics, on the evaluation split."""
    best_epoch: int | None
    """Best epoch, counted from 1, where its weights were kept; None where the weights of the last epoch were kept."""
    step_losses: tuple[float, ...]
    """Training loss of every optimizer step, recorded by our own hook."""
    log_history: tuple[Mapping[str, float], ...]
    """As `transformers.TrainerState.log_history`."""
    outputs: Mapping[str, NDArray[Any]]
    """Outputs by name; row i belongs to row i of the evaluation data set: ``logits``, float32 ``[N, K]``; ``labels``,
    ``[N]`` for one label a row, int64 or float32; further outputs of a head. Where a raw
    row may become several tokenized rows, these two belong to the tokenized rows, and all others to the raw rows."""
    train_rows: int
    timings: Mapping[str, float]
    """Durations in seconds: ``train`` (with its evaluations), ``predict``."""
    environment: Mapping[str, str]
    trace: Trace
    """Records of our own hooks: rows, gradients, learning rates, evaluations."""
    folder: Path
    """Folder with ``model/``: the fine-tuned model with its tokenizer, for `from_pretrained` and `pipeline`."""
    label_names: tuple[str, ...] = ()
    """Label names of the card, in the order of their ids."""
    unjudged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metrics of the evaluation sets of a user's Trainer that are not judged, by the name of the set."""
    reused: bool = False
    """True if it was read from the store, not trained in this session."""


class Run(_Record):
    """The results of one fine-tune: metrics, history, outputs of every evaluated row, weights, timings, environment."""

    def __init__(
        self,
        *,
        outputs: Mapping[str, NDArray[Any]] | None = None,
        logits: NDArray[Any] | None = None,
        label_ids: NDArray[Any] | None = None,
        **fields: Any,
    ) -> None:
        """Set the fields; `dataclasses.replace` works, also with ``logits`` and ``label_ids``.

        Args:
            outputs: outputs by name.
            logits: replaces the logits in ``outputs``.
            label_ids: replaces the labels in ``outputs``.
            fields: the other fields, by name.

        """
        given = {name: array for name, array in ((LOGITS, logits), (LABELS, label_ids)) if array is not None}
        super().__init__(outputs={**(outputs or {}), **given}, **fields)

    def with_outputs(self, **outputs: NDArray[Any]) -> Run:
        """Return a copy of the run with these outputs replaced."""
        return replace(self, outputs={**self.outputs, **outputs})

    @property
    def logits(self) -> NDArray[np.float32]:
        """Logits, ``[N, K]``; of a head that keeps no logits, what it keeps side by side (`Head.kept`)."""
        kept = self.head_rules.kept
        if kept is None or LOGITS in self.outputs:
            return self.outputs[LOGITS]
        return np.stack([self.outputs[name] for name in kept.names], axis=-1)

    @property
    def label_ids(self) -> NDArray[Any]:
        """Labels, ``[N, …]``: int64 class ids ``[N]``, or float32 values ``[N]`` for regression."""
        return self.outputs[LABELS]

    @property
    def head_rules(self) -> Head:
        """The head: everything that depends on what the model learns."""
        return head_named(self.head)

    @property
    def model_folder(self) -> Path:
        """Folder for `from_pretrained` and `pipeline`."""
        return self.folder / MODEL_FOLDER

    @property
    def predictions(self) -> NDArray[Any]:
        """Predictions, ``[N]``: class ids (int64), or values (float32) for regression; ``[N, …]`` for other heads."""
        return self.head_rules.outputs.raw_predictions(self.logits)

    def load_model(self) -> PreTrainedModel:
        """Load a fresh copy of the fine-tuned model, in evaluation mode, on the CPU."""
        import torch  # noqa: PLC0415 - slow to import
        import transformers  # noqa: PLC0415 - slow to import

        from pytest_ftcheck.pipeline.quiet import quiet_libraries  # noqa: PLC0415 - imports transformers

        dtype = getattr(torch, self.environment["dtype"])
        with quiet_libraries():
            model = getattr(transformers, self.head_rules.model.auto_class).from_pretrained(
                self.model_folder, dtype=dtype, local_files_only=True, use_safetensors=True
            )
        return cast("PreTrainedModel", model.eval())

    def load_tokenizer(self) -> PreTrainedTokenizerBase:
        """Load the tokenizer that was saved with the model."""
        from transformers import AutoTokenizer  # noqa: PLC0415 - slow to import

        return AutoTokenizer.from_pretrained(self.model_folder, local_files_only=True)

    def write(self) -> None:
        """Write everything except the model into the folder."""
        record = asdict(replace(self, outputs={}))
        for key in ("outputs", "folder", "reused"):
            del record[key]
        record["trace"] = self.trace.to_record()
        (self.folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        arrays: dict[str, Any] = dict(self.outputs)
        np.savez(self.folder / PREDICTIONS, **arrays)

    @classmethod
    def read(cls, folder: Path, *, reused: bool) -> Run:
        """Read a run that `write` wrote.

        Raises:
            OSError, ValueError, KeyError, TypeError: the folder does not hold a complete run.

        """
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        with np.load(folder / PREDICTIONS, allow_pickle=False) as arrays:
            outputs = {name: arrays[name] for name in arrays.files}
        for key in ("epochs", "step_losses", "log_history", "label_names"):
            record[key] = tuple(record[key])
        record["trace"] = Trace.from_record(record["trace"])
        return cls(**record, outputs=outputs, folder=folder, reused=reused)
