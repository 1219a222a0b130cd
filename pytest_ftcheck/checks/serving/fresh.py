"""Loads the saved folder like a server, in a fresh process, once for all checks."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
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
from pytest_ftcheck.checks.serving.masked_texts import masked_texts
from pytest_ftcheck.columns import ALL_LABEL_NAMES
from pytest_ftcheck.files import scratch_folder
from pytest_ftcheck.heads.traits import QUESTIONS
from pytest_ftcheck.heads.windows import WindowInputs
from pytest_ftcheck.pipeline.quiet import quiet_libraries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.heads.head import Serving

ROWS = 32
"""Evaluated rows that are compared, spread over all: enough to see any difference in weights, and cheap."""
_PARTS = ("model", "tokenizer", "windows", "pipeline")
"""What the process loads or runs, each of which may fail."""
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
    """The same of the tokenizer that the model was trained with."""
    windows: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Of raw questions, where the head has `Head.answers`: as `fresh_script._windows` writes them."""
    answers: tuple[Sequence[Mapping[str, Any]], ...] = ()
    """``[R]``: results of `pipeline`; for classes, the label and the score of each."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Why ``model``, ``tokenizer``, ``windows`` or ``pipeline`` did not load or run."""


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
        _SERVED[evidence] = _served(evidence)
    return _SERVED[evidence]


def _served(evidence: Evidence) -> Served:
    pipeline, run = evidence.pipeline, evidence.run
    chosen = affordable_rows(evidence, ROWS)
    text_rows, no_texts = usable_texts(evidence, chosen)
    raw = texts(evidence, text_rows)
    tokenizer, serving = pipeline.processing_class, pipeline.card.head_rules.serving
    request: dict[str, Any] = {
        **whereabouts(evidence),
        "auto_class": run.head_rules.model.auto_class,
        "tokenizer": tokenizer is not None,
        "pipeline": _pipeline(serving, raw) if text_rows and serving.task else None,
        "windows": questions_of(evidence),
        "texts": raw or _decoded(evidence, chosen),
    }
    answer, arrays = request_answer(request, batch_arrays(evidence, chosen), evidence.pipeline.timeout)
    trained: dict[str, Any] = {}
    if tokenizer is not None:
        with quiet_libraries():
            trained = fresh_script.describe_tokenizer(tokenizer, request["texts"])
    return Served(
        rows=tuple(chosen),
        text_rows=tuple(text_rows),
        no_texts=no_texts,
        logits=arrays.get(fresh_script.LOGITS, {}).get("logits"),
        windows=arrays.get(fresh_script.WINDOWS, {}),
        missing=tuple(answer.get("model", {}).get("missing", ())),
        tokenizer=answer.get("tokenizer", {}),
        trained_tokenizer=trained,
        answers=tuple(answer.get("pipeline", ())),
        errors=answer["errors"],
    )


def whereabouts(evidence: Evidence) -> dict[str, Any]:
    """Return what every request says: where the saved model is, and on what it computes."""
    run = evidence.run
    return {
        "model": str(run.model_folder.resolve()),
        "device": run.environment["device"],
        "threads": int(run.environment.get("threads", 0)),
    }


def _pipeline(serving: Serving, raw: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Word the part of a request that has `transformers.pipeline` asked about each text."""
    given: list[Any] = [text["text"] for text in raw] if serving.takes_strings else list(raw)
    calls = [{"args": [text], "kwargs": dict(serving.called_with)} for text in given]
    return {"task": serving.task, "made_with": dict(serving.made_with), "calls": calls}


def affordable_rows(evidence: Evidence, most: int) -> list[int]:
    """Choose evaluated rows, from the first to the last; of long rows, fewer."""
    chosen = spread(len(evidence.pipeline.eval_dataset), most)
    width = max((array[0].size for array in batch_arrays(evidence, chosen).values() if array.ndim > 1), default=1)
    return chosen[:: max(1, -(-len(chosen) * width // _TOKENS))]


def batch_arrays(evidence: Evidence, rows: list[int]) -> dict[str, NDArray[Any]]:
    """Collate evaluation rows, and return the batch by name, without labels."""
    batch = evidence.collate(evidence.features(evidence.pipeline.eval_dataset, rows))
    return {
        name: value.cpu().numpy()
        for name, value in batch.items()
        if isinstance(value, torch.Tensor) and value.dim() > 0 and name not in ALL_LABEL_NAMES
    }


def request_answer(
    request: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], seconds: float | None
) -> tuple[dict[str, Any], dict[str, dict[str, NDArray[Any]]]]:
    """Hand the request to the process; return its answer, and the arrays of each file that it got to write."""
    with tempfile.TemporaryDirectory(prefix="serving-", dir=scratch_folder()) as name:
        folder = Path(name)
        (folder / fresh_script.REQUEST).write_text(json.dumps(request), encoding="utf-8")
        np.savez(folder / fresh_script.BATCH, allow_pickle=False, **arrays)
        failure = fresh_process().serve(folder, seconds)
        if failure or not (folder / fresh_script.ANSWER).is_file():
            return {"errors": dict.fromkeys(_PARTS, failure or "it gave no answer")}, {}
        answer: dict[str, Any] = json.loads((folder / fresh_script.ANSWER).read_text(encoding="utf-8"))
        found = {}
        for file in (fresh_script.LOGITS, fresh_script.WINDOWS):
            if (folder / file).is_file():
                with np.load(folder / file, allow_pickle=False) as read:
                    found[file] = dict(read)
        return answer, found


def questions_of(evidence: Evidence) -> dict[str, Any] | None:
    """Return raw questions, their contexts and how these are cut into windows; None where a row is no window."""
    pipeline, card = evidence.pipeline, evidence.pipeline.card
    inputs, tokenizer = card.head_rules.inputs, pipeline.processing_class
    if QUESTIONS not in card.head_rules.traits or not isinstance(inputs, WindowInputs) or tokenizer is None:
        return None
    data, recipe = pipeline.data.evaluation, card.recipe(pipeline.tier, pipeline.checkpoint.name)
    chosen = data.select(spread(len(data), ROWS))
    questions, contexts = (list(chosen[name]) for name in card.text_columns)
    options = inputs.call_options(tokenizer, questions, recipe.get("max_length"), recipe.get("doc_stride"))
    return {"questions": questions, "contexts": contexts, "options": options}


def spread(total: int, count: int) -> list[int]:
    """Choose indices from the first row to the last."""
    return sorted({round(index) for index in np.linspace(0, total - 1, min(total, count))})


def usable_texts(evidence: Evidence, rows: Sequence[int]) -> tuple[list[int], str]:
    """Choose the rows whose texts are tokenized as a whole; if there is none, return the reason."""
    try:
        tokenizer, columns = evidence.tokenizer, evidence.text_columns
    except NotApplicable as reason:
        return [], str(reason)
    if QUESTIONS in evidence.pipeline.card.head_rules.traits:
        return [], "pipeline() has no task for this head: serving.answers asks the saved model about raw texts"
    if evidence.pipeline.card.head_rules.masks is not None:
        masked = list(masked_texts(evidence, rows))
        return masked, "" if masked else "no text gives the tokens of its row again"
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
    if evidence.pipeline.card.head_rules.masks is not None:
        return [{"text": text} for text in masked_texts(evidence, rows).values()]
    values = zip(*splits(evidence)[1].texts(columns, rows), strict=True)
    return [dict(zip(("text", "text_pair"), row, strict=False)) for row in zip(*values, strict=True)]


def _decoded(evidence: Evidence, rows: Sequence[int]) -> list[dict[str, str]]:
    """Decode the tokens to texts if no raw text is known: tokenizers can still be compared on them."""
    tokenizer: Any = evidence.pipeline.processing_class
    if tokenizer is None:
        return []
    return [{"text": str(tokenizer.decode(ids, skip_special_tokens=True))} for ids in real_tokens(evidence, rows)]
