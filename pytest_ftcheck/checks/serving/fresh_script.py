"""Load a saved model like a server: in a process of its own, which has only the folder.

`fresh_process` runs this file as a script. The script reads lines with a folder that holds ``request.json`` and
``batch.npz``, writes ``answer.json`` and ``logits.npz`` into it, and prints an exit code. It imports nothing of this
package.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
import transformers
from transformers import AutoTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

REQUEST, BATCH, ANSWER, LOGITS, STDERR = "request.json", "batch.npz", "answer.json", "logits.npz", "stderr.txt"
WINDOWS = "windows.npz"
_TOGETHER = 32
"""Windows of a batch."""
LAST = "0, and no more"
"""Printed instead of an exit code by a process that ends now."""


def serve(folder: Path) -> None:
    """Answer the request in a folder; errors are recorded, and the other parts are still tried."""
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    if request["threads"]:
        torch.set_num_threads(request["threads"])
    answer: dict[str, Any] = {"errors": {}}
    if request["auto_class"]:
        _attempt(answer, "model", lambda: _model(request, folder))
    if request["tokenizer"]:
        _attempt(answer, "tokenizer", lambda: describe_tokenizer(_load_tokenizer(request["model"]), request["texts"]))
    if request.get("windows"):
        _attempt(answer, "windows", lambda: _windows(request, folder))
    if request["pipeline"]:
        _attempt(answer, "pipeline", lambda: _pipeline(request))
    (folder / ANSWER).write_text(json.dumps(answer), encoding="utf-8")


def _attempt(answer: dict[str, Any], name: str, make: Callable[[], Any]) -> None:
    try:
        answer[name] = make()
    except Exception as error:  # noqa: BLE001 - whatever is raised, the server would not start
        answer["errors"][name] = f"{type(error).__name__}: {error}"


@torch.no_grad()
def _model(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Load the model, and write its logits of the batch ``[B, K]``; of start and end ``[B, T, 2]``.

    A model without a head has no logits: the last hidden states ``[B, T, H]`` take their place.
    """
    model, info = _load_model(request)
    with np.load(folder / BATCH, allow_pickle=False) as arrays:
        logits = _logits(model, {name: torch.from_numpy(arrays[name]) for name in arrays})
    np.savez(folder / LOGITS, logits=logits)
    return {"missing": sorted(info["missing_keys"]), "class": type(model).__name__}


def _load_model(request: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the model in evaluation, and what `from_pretrained` tells of its weights."""
    model, info = getattr(transformers, request["auto_class"]).from_pretrained(
        request["model"], local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
    )
    return model.to(request["device"]).eval(), info


def _logits(model: Any, batch: dict[str, Any]) -> Any:
    """Return the logits of a batch as an array, ``[B, …]``."""
    accepted = inspect.signature(model.forward).parameters
    output = model(**{name: value.to(model.device) for name, value in batch.items() if name in accepted})
    return _scores(output).float().cpu().numpy()


@torch.no_grad()
def _windows(request: dict[str, Any], folder: Path) -> int:
    """Cut contexts into windows with the saved tokenizer, and write their logits.

    The arrays are ``logits`` ``[N, T, 2]``, ``rows`` ``[N]``, which question a window is of, and ``offsets``
    ``[N, T, 2]``, first character and end of each token of the context, -1 of other tokens.

    Returns:
        N.

    """
    windows, (model, _) = request["windows"], _load_model(request)
    tokenizer = _load_tokenizer(request["model"])
    encoded = tokenizer(windows["questions"], windows["contexts"], return_tensors="np", **windows["options"])
    rows, offsets = encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping")
    for window in range(len(rows)):
        offsets[window, [segment != 1 for segment in encoded.sequence_ids(window)]] = -1
    arrays = {name: torch.from_numpy(values) for name, values in encoded.items()}
    parts = [
        _logits(model, {name: values[start : start + _TOGETHER] for name, values in arrays.items()})
        for start in range(0, len(rows), _TOGETHER)
    ]
    np.savez(folder / WINDOWS, logits=np.concatenate(parts), rows=rows, offsets=offsets)
    return len(rows)


def _scores(output: Any) -> Any:
    if "logits" in output:
        return output.logits
    if "start_logits" in output:
        return torch.stack([output.start_logits, output.end_logits], dim=-1)
    return output.last_hidden_state


def _load_tokenizer(model: str) -> Any:
    return AutoTokenizer.from_pretrained(model, local_files_only=True, trust_remote_code=False)


def describe_tokenizer(tokenizer: Any, texts: list[dict[str, str]]) -> dict[str, Any]:
    """Describe a tokenizer: its vocabulary, settings, and the tokens of some texts.

    Args:
        tokenizer: any tokenizer of transformers.
        texts: keyword arguments of its call, ``text`` and possibly ``text_pair``.

    """
    vocabulary = json.dumps(sorted(tokenizer.get_vocab().items()))
    return {
        "vocabulary": f"{len(tokenizer)} tokens, {hashlib.sha256(vocabulary.encode()).hexdigest()[:12]}",
        "special tokens": {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())},
        "padding_side": tokenizer.padding_side,
        "truncation_side": tokenizer.truncation_side,
        "model_max_length": tokenizer.model_max_length,
        "tokens": [list(tokenizer(**text)["input_ids"]) for text in texts],
    }


def _pipeline(request: dict[str, Any]) -> list[Any]:
    """Call what `pipeline` makes, and return each answer."""
    from transformers import pipeline  # noqa: PLC0415 - takes seconds, and checks import this module for its names

    part = request["pipeline"]
    made: Any = pipeline(part["task"], model=request["model"], device=request["device"], **part["made_with"])
    answers = [made(*call["args"], **call["kwargs"]) for call in part["calls"]]
    # Scores are NumPy's floats.
    return list(json.loads(json.dumps(answers, default=float)))


def answer_all() -> None:
    """Answer requests one after the other, each in a copy of this process, so that they do not share state.

    If no copy can be made, this process answers one request and ends.
    """
    for line in sys.stdin:
        folder = Path(line.strip())
        if not _can_be_copied(folder):
            serve(folder)
            _report(LAST)
            return
        copy = os.fork()
        if not copy:
            _answer_and_end(folder)
        _report(str(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])))


def _report(code: str) -> None:
    sys.stdout.write(f"{code}\n")
    sys.stdout.flush()


def _can_be_copied(folder: Path) -> bool:
    """Return whether `os.fork` is safe: it is not with a GPU, nor with the frameworks of macOS."""
    device = json.loads((folder / REQUEST).read_text(encoding="utf-8"))["device"]
    return sys.platform == "linux" and str(device) == "cpu"


def _answer_and_end(folder: Path) -> NoReturn:
    """Answer in a copy, which writes errors into the folder, and exits without the exit handlers of its original."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.dup2(os.open(folder / STDERR, os.O_WRONLY | os.O_CREAT), sys.stderr.fileno())
        os.chdir(folder)
        serve(folder)
        code = 0
    except BaseException:  # noqa: BLE001 - even SystemExit must not run the original's exit handlers; it is printed, and the code tells
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    from transformers import pipeline as _  # noqa: F401 - takes seconds: done once, before copies are made of this process

    answer_all()
