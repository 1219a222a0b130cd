"""Loads the saved folder like a server, in a fresh process, once for all checks."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.model.logits import is_public, require_whole_model
from pytest_ftcheck.checks.serving import fresh_script
from pytest_ftcheck.checks.serving.fresh_process import fresh_process
from pytest_ftcheck.columns import ALL_LABEL_NAMES
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.pipeline.quiet import quiet_libraries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence

ROWS = 32
"""Number of compared rows, spread over the evaluation: enough to see differences in weights, in a short time."""
_TOKENS = 8192
"""Largest number of tokens of the padded batch; rows of 512 tokens are slow on a CPU."""


@dataclass(frozen=True)
class Served:
    """Result of the fresh process for B rows, of which R have usable texts."""

    rows: tuple[int, ...]
    """``[B]``: indices of the evaluated rows."""
    text_rows: tuple[int, ...]
    """``[R]``: indices of the rows with usable texts; empty if there are none."""
    no_texts: str
    """Why ``text_rows`` is empty."""
    logits: NDArray[np.float32] | None
    """``[B, K]``; None if the model did not load."""
    missing: tuple[str, ...] = ()
    """Weights that the folder lacks: they were drawn at random."""
    tokenizer: Mapping[str, Any] = field(default_factory=dict)
    """Result of `fresh_script.describe_tokenizer` for the saved tokenizer."""
    trained_tokenizer: Mapping[str, Any] = field(default_factory=dict)
    """The same for the tokenizer of the training."""
    answers: tuple[Sequence[Mapping[str, Any]], ...] = ()
    """``[R]``: results of `pipeline`; for classes, the label and the score of each."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Why ``model``, ``tokenizer`` or ``pipeline`` did not load or run."""


_SERVED: WeakKeyDictionary[Evidence, Served] = WeakKeyDictionary()


def start_early(evidence: Evidence) -> None:
    """Start the process while the model is still trained: its imports take seconds, on a core that is idle."""
    if is_public(evidence.fresh_model):
        fresh_process()


def served(evidence: Evidence) -> Served:
    """Return the result of the fresh process, which is kept for every check of the same evidence.

    Raises:
        NotApplicable: the folder alone does not define the model's class, or only an adapter was saved.
        CheckFailure: the run failed.

    """
    if evidence not in _SERVED:
        require_whole_model(evidence)
        if not is_public(evidence.fresh_model):
            name = type(evidence.fresh_model).__name__
            msg = f"the model is a class of its own, {name}: Auto classes and pipeline() do not know it"
            raise NotApplicable(msg)
        _SERVED[evidence] = _ask(evidence)
    return _SERVED[evidence]


def _ask(evidence: Evidence) -> Served:
    pipeline, run = evidence.pipeline, evidence.run
    chosen = spread(len(pipeline.eval_dataset), ROWS)
    width = max((array[0].size for array in _arrays(evidence, chosen).values() if array.ndim > 1), default=1)
    chosen = chosen[:: max(1, -(-len(chosen) * width // _TOKENS))]
    text_rows, no_texts = usable_texts(evidence, chosen)
    asked = texts(evidence, text_rows)
    tokenizer, serving = pipeline.processing_class, pipeline.card.head_rules.serving
    request: dict[str, Any] = {
        "model": str(run.model_folder.resolve()),
        "auto_class": run.head_rules.model.auto_class,
        "device": run.environment["device"],
        "threads": int(run.environment.get("threads", 0)),
        "tokenizer": tokenizer is not None,
        "pipeline": asdict(serving) if text_rows and serving.task else None,
        "texts": asked or _decoded(evidence, chosen),
    }
    answer, logits = _answer(request, _arrays(evidence, chosen), evidence.pipeline.timeout)
    trained: dict[str, Any] = {}
    if tokenizer is not None:
        with quiet_libraries():
            trained = fresh_script.describe_tokenizer(tokenizer, request["texts"])
    return Served(
        rows=tuple(chosen),
        text_rows=tuple(text_rows),
        no_texts=no_texts,
        logits=logits,
        missing=tuple(answer.get("model", {}).get("missing", ())),
        tokenizer=answer.get("tokenizer", {}),
        trained_tokenizer=trained,
        answers=tuple(answer.get("pipeline", ())),
        errors=answer["errors"],
    )


def _arrays(evidence: Evidence, rows: list[int]) -> dict[str, NDArray[Any]]:
    """Collate evaluation rows, and return the batch by name, without labels."""
    batch = evidence.collate(evidence.features(evidence.pipeline.eval_dataset, rows))
    return {
        name: value.cpu().numpy()
        for name, value in batch.items()
        if isinstance(value, torch.Tensor) and value.dim() > 0 and name not in ALL_LABEL_NAMES
    }


def _answer(
    request: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], seconds: float | None
) -> tuple[dict[str, Any], NDArray[np.float32] | None]:
    """Pass the request to the process; return its answer, and the logits if it computed them."""
    with tempfile.TemporaryDirectory(prefix="serving-", dir=scratch_folder()) as name:
        folder = Path(name)
        (folder / fresh_script.REQUEST).write_text(json.dumps(request), encoding="utf-8")
        np.savez(folder / fresh_script.BATCH, allow_pickle=False, **arrays)
        failure = fresh_process().serve(folder, seconds)
        if failure or not (folder / fresh_script.ANSWER).is_file():
            return {"errors": dict.fromkeys(("model", "tokenizer", "pipeline"), failure or "it gave no answer")}, None
        answer: dict[str, Any] = json.loads((folder / fresh_script.ANSWER).read_text(encoding="utf-8"))
        if not (folder / fresh_script.LOGITS).is_file():
            return answer, None
        with np.load(folder / fresh_script.LOGITS, allow_pickle=False) as found:
            return answer, found["logits"]


def spread(total: int, count: int) -> list[int]:
    """Choose indices from the first row to the last."""
    return sorted({round(index) for index in np.linspace(0, total - 1, min(total, count))})


def usable_texts(evidence: Evidence, rows: Sequence[int]) -> tuple[list[int], str]:
    """Choose the rows whose texts are tokenized as a whole; if there is none, return the reason."""
    try:
        tokenizer, columns = evidence.tokenizer, evidence.text_columns
    except NotApplicable as reason:
        return [], str(reason)
    if evidence.pipeline.card.head_rules.answers is not None:
        return [], "pipeline() has no task for this head: serving.answers checks the saved model with raw texts"
    stored = real_tokens(evidence, rows)
    if not stored:
        return [], "the data set has no input_ids: its texts are tokenized later"
    absent = [column for column in columns if column not in evidence.pipeline.data.evaluation.column_names]
    if absent:
        return [], f"the evaluation rows have no column {', '.join(absent)}"
    with quiet_libraries():
        whole = [tokenizer(**text)["input_ids"] for text in texts(evidence, rows)]
    longest = max(len(tokens) for tokens in real_tokens(evidence, range(len(evidence.pipeline.eval_dataset))))
    # Exclude rows with the length of any truncated row: they may be truncated, too.
    kept = [
        row
        for row, tokens, full in zip(rows, stored, whole, strict=True)
        if len(tokens) >= len(full) or len(tokens) < longest
    ]
    return kept, "" if kept else "every row is truncated: pipeline() would see more of the texts"


def real_tokens(evidence: Evidence, rows: Sequence[int]) -> list[list[int]]:
    """Return the token ids of evaluation rows without padding, ``[B]`` lists; empty if the data set has none."""
    dataset = evidence.pipeline.eval_dataset
    if "input_ids" not in dataset.column_names:
        return []
    chosen = dataset.select(rows) if len(rows) < len(dataset) else dataset
    masks = chosen["attention_mask"] if "attention_mask" in dataset.column_names else [None] * len(chosen)
    return [
        list(ids)
        if mask is None or len(mask) != len(ids)
        else [token for token, real in zip(ids, mask, strict=True) if real]
        for ids, mask in zip(chosen["input_ids"], masks, strict=True)
    ]


def texts(evidence: Evidence, rows: Sequence[int]) -> list[dict[str, str]]:
    """Return the raw texts of evaluation rows, as a tokenizer and `pipeline` take them; words are joined by spaces."""
    columns = evidence.pipeline.card.text_columns
    if not columns or not len(rows):
        return []
    values = zip(*splits(evidence)[1].texts(columns, rows), strict=True)
    return [dict(zip(("text", "text_pair"), row, strict=False)) for row in zip(*values, strict=True)]


def _decoded(evidence: Evidence, rows: Sequence[int]) -> list[dict[str, str]]:
    """Decode the tokens to texts if no raw text is known: tokenizers can still be compared on them."""
    tokenizer: Any = evidence.pipeline.processing_class
    if tokenizer is None:
        return []
    return [{"text": str(tokenizer.decode(ids, skip_special_tokens=True))} for ids in real_tokens(evidence, rows)]
