"""The private names of transformers that are used do what they are used for."""

from __future__ import annotations

from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import AutoTokenizer, TrainingArguments

from pytest_ftcheck.compat import of_transformers
from pytest_ftcheck.tasks.bundled import bundled_checkpoint


@pytest.mark.parametrize("target", [of_transformers.LOADS_BEST_MODEL, of_transformers.LOADS_RANDOM_STATE])
def test_methods_that_faults_replace_are_there(target: str) -> None:
    assert callable(resolve_name(target))


def test_a_trainer_is_kept_to_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = TrainingArguments(output_dir="unused")
    monkeypatch.setattr(arguments, "_n_gpu", 4, raising=False)
    assert arguments.n_gpu == 4
    of_transformers.use_one_device(arguments)
    assert arguments.n_gpu == 1


def test_a_cpu_is_left_alone() -> None:
    arguments: Any = SimpleNamespace(n_gpu=0)
    of_transformers.use_one_device(arguments)
    assert vars(arguments) == {"n_gpu": 0}


def test_a_tokenizer_works_with_another_backend() -> None:
    tokenizer = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))
    of_transformers.set_backend(tokenizer, Tokenizer(WordLevel({"only": 5, "[UNK]": 6}, unk_token="[UNK]")))
    assert tokenizer("only")["input_ids"] == [5]


@pytest.mark.parametrize(
    ("name", "calls"), [("create_optimizer", True), ("compute_loss", True), ("no_such_hook", False)]
)
def test_hooks_that_a_trainer_calls_are_known(name: str, calls: bool) -> None:  # noqa: FBT001 - parametrized
    assert of_transformers.trainer_calls(name) is calls
