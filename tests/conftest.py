"""Parts that tests share: short pipelines over the bundled data, and the real data where it is there."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import load_card

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_ftcheck.pipeline.parts import Pipeline

# A CI job sets these. The sessions that tests start must print and decide the same there as on a user's machine:
# pytest prints more, and this plugin refuses to update a baseline. Tests of that set the variable themselves.
for _variable in ("CI", "BUILD_NUMBER"):
    os.environ.pop(_variable, None)


@pytest.fixture(scope="session", autouse=True)
def without_collections_of_garbage() -> Iterator[None]:
    """Leave out the collection with which Accelerate begins a training: 0.3 s, with all that tests have imported."""
    import accelerate.utils.memory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerate.utils.memory, "gc", SimpleNamespace(collect=lambda: 0))
        yield


@pytest.fixture(scope="session")
def make_pipeline() -> Callable[..., Pipeline]:
    """Return a function that builds a pipeline over a few bundled rows, with a recipe of a few steps.

    ``make_pipeline("mrpc", model="tiny-bert", train_rows=64, eval_rows=32, **recipe)``.
    """
    from pytest_ftcheck.pipeline.from_card import build_pipeline

    def make(
        task: str = "mrpc", *, model: str = "tiny-bert", train_rows: int = 64, eval_rows: int = 32, **recipe: object
    ) -> Pipeline:
        settings = Settings(model=model, max_train_rows=train_rows, max_eval_rows=eval_rows)
        pipeline = build_pipeline(load_card(task, {}), settings)
        return replace(pipeline, args={**pipeline.args, "num_train_epochs": 1, **recipe})

    return make


@pytest.fixture(scope="session")
def read_document() -> Callable[[str], dict[str, Any]]:
    """Return a function that reads the text of a JSON document, and fails where its schema describes another."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    schema = json.loads((files("pytest_ftcheck.report") / "schema.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)

    def read(text: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(text)
        wrong = best_match(validator.iter_errors(document))
        assert wrong is None, f"{wrong.json_path}: {wrong.message}"
        return document

    return read


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data sets; skips where there are none."""
    folder = os.environ.get("FTCHECK_REAL_DATA")
    if not folder:
        pytest.skip("FTCHECK_REAL_DATA is not set: it names the folder with the real data sets (glue/mrpc, …)")
    return Path(folder)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Folder of the real MiniLM-L6 checkpoint; skips where there is none."""
    folder = os.environ.get("FTCHECK_REAL_CHECKPOINTS")
    if not folder:
        pytest.skip("FTCHECK_REAL_CHECKPOINTS is not set: it names the folder with real checkpoints (minilm-l6)")
    return Path(folder) / "minilm-l6"
