"""The pipeline of a test, assembled from its fixtures, so that a user may override any of them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import DatasetDict
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.checks.batches import CollatorSubject
    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.plugin.session import FtcheckSession


def fresh_model(session: FtcheckSession, pipeline: Pipeline, seed: int) -> PreTrainedModel:
    """Make an untrained model with a new head, the same one for the same seed."""
    from transformers import set_seed  # noqa: PLC0415 - heavy

    set_seed(seed)
    model = pipeline.model_init()
    session.models.add(model)
    return model


def tokenized(pipeline: Pipeline) -> DatasetDict:
    """Return both tokenized splits of a pipeline."""
    from datasets import DatasetDict  # noqa: PLC0415 - heavy

    return DatasetDict({"train": pipeline.train_dataset, "validation": pipeline.eval_dataset})


def assemble(
    session: FtcheckSession,
    base: Pipeline,
    *,
    processing_class: PreTrainedTokenizerBase,
    dataset: DatasetDict,
    data_collator: Any,
    model: PreTrainedModel,
) -> Pipeline:
    """Put the parts that the fixtures gave into the task's pipeline; the task's own parts stay the same objects."""
    from transformers import DataCollatorWithPadding  # noqa: PLC0415 - heavy

    untouched = isinstance(data_collator, DataCollatorWithPadding) and data_collator == base.data_collator
    return replace(
        base,
        processing_class=processing_class,
        train_dataset=dataset["train"],
        eval_dataset=dataset["validation"],
        data_collator=base.data_collator if untouched else data_collator,
        model_init=base.model_init if model in session.models else ModelCopies(model),
    )


class ModelCopies:
    """A ``model_init`` that copies a model which a user's fixture made."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model

    def __call__(self) -> PreTrainedModel:
        """Make a copy with the same weights."""
        return deepcopy(self._model)

    def fingerprint(self) -> str:
        """Digest of weights and configuration."""
        import hashlib  # noqa: PLC0415 - used here alone

        digest = hashlib.sha256(self._model.config.to_json_string().encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(dtype=_bytes()).numpy().tobytes())
        return digest.hexdigest()


def _bytes() -> Any:
    import torch  # noqa: PLC0415 - heavy

    return torch.uint8


def collator_subject(pipeline: Pipeline) -> CollatorSubject:
    """Describe a pipeline's collator for the checks of the ``collator`` family."""
    from pytest_ftcheck.checks.batches import COLUMNS, CollatorSubject  # noqa: PLC0415 - heavy

    rows = pipeline.eval_dataset
    return CollatorSubject(
        data_collator=pipeline.data_collator,
        processing_class=pipeline.processing_class,
        head=pipeline.card.head,
        num_labels=pipeline.card.num_labels,
        input_names=tuple(name for name in rows.column_names if name in COLUMNS),
        vocab_size=len(pipeline.processing_class),
        max_length=max(len(ids) for ids in rows["input_ids"]),
    )
