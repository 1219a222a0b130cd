"""What must hold for the saved model: it loads, and does what the trained one did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from pytest_ftcheck.findings import Finding
from pytest_ftcheck.pipeline.quiet import quiet_libraries

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run

ROWS = 64
"""Evaluated rows that are compared: enough to see any difference in weights, and cheap."""

TOLERANCE = {"float32": 1e-4, "float16": 5e-2, "bfloat16": 5e-2}
"""Largest absolute difference of a logit, by the precision of the run: padding differs with the batch."""


def precision_of(pipeline: Pipeline, run: Run) -> str:
    """Precision in which the run computed: that of autocast where the recipe asks for it, else of the weights."""
    if pipeline.args.get("bf16"):
        return "bfloat16"
    return "float16" if pipeline.args.get("fp16") else run.environment["dtype"]


@torch.no_grad()
def reloaded_logits(run: Run, pipeline: Pipeline) -> list[Finding]:
    """The saved folder, loaded with `from_pretrained`, gives the logits that the evaluation gave.

    Args:
        run: what came out; its ``model_folder`` is loaded.
        pipeline: the parts that it was made of.

    """
    try:
        with quiet_libraries():
            tokenizer = run.load_tokenizer()
            # transformers declares `to` as if it took the model itself.
            model = cast("Any", run.load_model()).to(run.environment["device"])
    except Exception as error:  # noqa: BLE001 - whatever is raised, it does not load
        return [_finding(run, pipeline, f"it does not load: {type(error).__name__}: {error}")]
    different = _labels(model, pipeline) or _tokens(tokenizer, pipeline) or _logits(model, tokenizer, pipeline, run)
    return [_finding(run, pipeline, different)] if different else []


def _labels(model: PreTrainedModel, pipeline: Pipeline) -> str:
    """Say how the saved label names differ; an empty text means that they do not."""
    names = pipeline.card.label_names
    if not names or model.config.id2label == dict(enumerate(names)):
        return ""
    return f"id2label is {model.config.id2label}, not {names}"


def _tokens(saved: PreTrainedTokenizerBase, pipeline: Pipeline) -> str:
    """Say how the saved tokenizer differs."""
    trained = pipeline.processing_class
    if saved.get_vocab() != trained.get_vocab():
        return "the saved tokenizer has another vocabulary"
    texts = [list(pipeline.data.evaluation[column][:ROWS]) for column in pipeline.card.text_columns]
    first, second = (tokenizer(*texts, truncation=True)["input_ids"] for tokenizer in (saved, trained))
    return "" if first == second else "the saved tokenizer makes other tokens of the evaluation texts"


def _logits(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pipeline: Pipeline, run: Run) -> str:
    """Say how the logits of the saved model differ."""
    rows = pipeline.eval_dataset.select(range(min(ROWS, len(pipeline.eval_dataset))))
    columns = [name for name in rows.column_names if name in tokenizer.model_input_names]
    batch = tokenizer.pad(rows.select_columns(columns).to_list(), return_tensors="pt").to(model.device)
    logits = model(**batch).logits.float().cpu().numpy()
    expected = run.logits[: len(rows)]
    if logits.shape != expected.shape:
        return f"logits of shape {logits.shape}, not {expected.shape}"
    worst = float(np.abs(logits - expected).max())
    # Written so that a NaN counts as different.
    if worst <= TOLERANCE[precision_of(pipeline, run)]:
        return ""
    return f"logits of the first {len(rows)} rows differ by up to {worst:.2e}"


def _finding(run: Run, pipeline: Pipeline, observed: str) -> Finding:
    return Finding(
        "serving.reload",
        f"{pipeline.subject}, engine {run.engine}, saved to {run.model_folder}",
        f"the evaluation's logits within {TOLERANCE[precision_of(pipeline, run)]:g}, labels and tokenizer as trained",
        observed,
        "look for weights that are saved before the best epoch is loaded, a head that is not saved, "
        "another dtype, or a tokenizer that was changed after training.",
    )
