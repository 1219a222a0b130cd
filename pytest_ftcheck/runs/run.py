"""A run: what one fine-tune left."""

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


@dataclass(frozen=True)
class Run:
    """What one fine-tune left: metrics, history, logits of every evaluated row, weights, timings, environment."""

    task: str
    engine: str
    seed: int
    head: str
    checkpoint: str
    metrics: Mapping[str, float]
    """Of the weights that were kept, on the evaluation split; with ``loss``."""
    epochs: tuple[Mapping[str, float], ...]
    """After each epoch: ``epoch``, ``step``, ``loss`` and the metrics, on the evaluation split."""
    best_epoch: int | None
    """Counted from 1, where the best epoch's weights were kept; None where the last one's were."""
    step_losses: tuple[float, ...]
    """Training loss of every optimizer step, as our own hook saw it."""
    log_history: tuple[Mapping[str, float], ...]
    """As `transformers.TrainerState.log_history`."""
    logits: NDArray[np.float32]
    """``[N, K]``, row i belongs to row i of the evaluation data set."""
    label_ids: NDArray[Any]
    """``[N]``, int64, or float32 for regression."""
    train_rows: int
    timings: Mapping[str, float]
    """Seconds, by what took them: ``train`` (with its evaluations), ``predict``."""
    environment: Mapping[str, str]
    trace: Trace
    """What our own hooks saw: rows, gradients, learning rates, evaluations."""
    folder: Path
    """Holds ``model/``: the fine-tuned model with its tokenizer, as `from_pretrained` and `pipeline` load it."""
    unjudged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metrics of the evaluation sets of a user's Trainer that are not judged, by the name of the set."""
    reused: bool = False
    """Taken from the store, not trained in this session."""

    @property
    def head_rules(self) -> Head:
        """All that depends on what the head learns."""
        return head_named(self.head)

    @property
    def model_folder(self) -> Path:
        """Folder for `from_pretrained` and `pipeline`."""
        return self.folder / MODEL_FOLDER

    @property
    def predictions(self) -> NDArray[Any]:
        """``[N]``: class ids (int64), or values (float32) for regression."""
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
        """Write everything but the model into the folder."""
        record = asdict(replace(self, logits=np.empty(0, np.float32), label_ids=np.empty(0)))
        for key in ("logits", "label_ids", "folder", "reused"):
            del record[key]
        record["trace"] = self.trace.to_record()
        (self.folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        np.savez(self.folder / PREDICTIONS, logits=self.logits, label_ids=self.label_ids)

    @classmethod
    def read(cls, folder: Path, *, reused: bool) -> Run:
        """Read what `write` wrote.

        Raises:
            OSError, ValueError, KeyError, TypeError: the folder does not hold a whole run.

        """
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        with np.load(folder / PREDICTIONS, allow_pickle=False) as arrays:
            logits, label_ids = arrays["logits"], arrays["label_ids"]
        for key in ("epochs", "step_losses", "log_history"):
            record[key] = tuple(record[key])
        record["trace"] = Trace.from_record(record["trace"])
        return cls(**record, logits=logits, label_ids=label_ids, folder=folder, reused=reused)
