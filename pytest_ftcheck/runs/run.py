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


LOGITS, LABELS = "logits", "labels"
"""Names of the outputs that every head of this package has."""


@dataclass(frozen=True)
class _Record:
    """The fields of a run."""

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
    outputs: Mapping[str, NDArray[Any]]
    """By name, with row i of each for row i of the evaluation data set: ``logits``, float32 ``[N, K]``; ``labels``,
    ``[N]`` for one label a row, int64 or float32; what else a head has. Where a raw row may become several tokenized
    rows, these two are of the tokenized rows, and all others have row i for raw row i."""
    train_rows: int
    timings: Mapping[str, float]
    """Seconds, by what took them: ``train`` (with its evaluations), ``predict``."""
    environment: Mapping[str, str]
    trace: Trace
    """What our own hooks saw: rows, gradients, learning rates, evaluations."""
    folder: Path
    """Holds ``model/``: the fine-tuned model with its tokenizer, as `from_pretrained` and `pipeline` load it."""
    label_names: tuple[str, ...] = ()
    """Of the card, in the order of their ids."""
    unjudged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metrics of the evaluation sets of a user's Trainer that are not judged, by the name of the set."""
    reused: bool = False
    """Taken from the store, not trained in this session."""


class Run(_Record):
    """What one fine-tune left: metrics, history, outputs of every evaluated row, weights, timings, environment."""

    def __init__(
        self,
        *,
        outputs: Mapping[str, NDArray[Any]] | None = None,
        logits: NDArray[Any] | None = None,
        label_ids: NDArray[Any] | None = None,
        **fields: Any,
    ) -> None:
        """Take the fields; `dataclasses.replace` works, also with ``logits`` and ``label_ids``.

        Args:
            outputs: by name.
            logits: in the place of those among the outputs.
            label_ids: in the place of those among the outputs.
            fields: the others, by name.

        """
        given = {name: array for name, array in ((LOGITS, logits), (LABELS, label_ids)) if array is not None}
        super().__init__(outputs={**(outputs or {}), **given}, **fields)

    def with_outputs(self, **outputs: NDArray[Any]) -> Run:
        """Return the run with other arrays in the place of those of these names."""
        return replace(self, outputs={**self.outputs, **outputs})

    @property
    def logits(self) -> NDArray[np.float32]:
        """``[N, K]``."""
        return self.outputs[LOGITS]

    @property
    def label_ids(self) -> NDArray[Any]:
        """``[N, …]``: int64 class ids ``[N]``, or float32 values ``[N]`` for regression."""
        return self.outputs[LABELS]

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
        """``[N]``: class ids (int64), or values (float32) for regression; of other heads ``[N, …]``."""
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
        record = asdict(replace(self, outputs={}))
        for key in ("outputs", "folder", "reused"):
            del record[key]
        record["trace"] = self.trace.to_record()
        (self.folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
        arrays: dict[str, Any] = dict(self.outputs)
        np.savez(self.folder / PREDICTIONS, **arrays)

    @classmethod
    def read(cls, folder: Path, *, reused: bool) -> Run:
        """Read what `write` wrote.

        Raises:
            OSError, ValueError, KeyError, TypeError: the folder does not hold a whole run.

        """
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        with np.load(folder / PREDICTIONS, allow_pickle=False) as arrays:
            outputs = {name: arrays[name] for name in arrays.files}
        for key in ("epochs", "step_losses", "log_history", "label_names"):
            record[key] = tuple(record[key])
        record["trace"] = Trace.from_record(record["trace"])
        return cls(**record, outputs=outputs, folder=folder, reused=reused)
