"""Parts for tests: each is made once, and what a user's fixture gives takes its place."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.errors import TaskError
from pytest_ftcheck.sessions.parts import ModelCopies, assembled
from pytest_ftcheck.sessions.session import FtcheckSession, Host, start_session
from pytest_ftcheck.sessions.variants import Variant
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.training.recorder import silent

if TYPE_CHECKING:
    from pathlib import Path

VARIANT = Variant("sst2", "trainer", 0)


@pytest.fixture
def session(tmp_path: Path) -> FtcheckSession:
    host = Host(folder=lambda: tmp_path, scratch=lambda: tmp_path, listening=lambda: nullcontext(silent))
    return start_session(Settings(tasks=("sst2",), device="cpu", max_train_rows=8, max_eval_rows=8), host)


def test_tests_of_the_suite_share_a_model_that_no_user_gives(session: FtcheckSession) -> None:
    def model(*overridden: str, of_suite: bool = True) -> Any:
        return session.parts.model(VARIANT, overridden, of_suite=of_suite)

    assert model() is model() is session.parts.shared_model("sst2", 0)
    assert model("ft_model") is not model("ft_model")
    assert model(of_suite=False) is not model(of_suite=False)


def test_rows_are_tokenized_again_once_where_a_user_gives_the_tokenizer(session: FtcheckSession) -> None:
    pipeline = session.pipeline("sst2")
    tokenizer = pipeline.processing_class
    assert session.parts.dataset("sst2", tokenizer, ())["train"] is pipeline.train_dataset
    first, second = (session.parts.dataset("sst2", tokenizer, ["ft_tokenizer"])["train"] for _ in range(2))
    assert first is not pipeline.train_dataset
    assert first.data is second.data


def test_the_collator_pads_with_the_tokenizer_that_it_is_given(session: FtcheckSession) -> None:
    tokenizer: Any = object()
    assert session.parts.collator("sst2", tokenizer, ()).tokenizer is tokenizer


def test_slices_are_found_once(session: FtcheckSession) -> None:
    pipeline = session.pipeline("sst2")
    assert session.parts.masks(pipeline) is session.parts.masks(pipeline)


def test_parts_that_no_user_gives_stay_the_same_objects(session: FtcheckSession) -> None:
    base = session.pipeline("sst2")
    dataset = session.parts.dataset("sst2", base.processing_class, ())
    given: dict[str, Any] = {"processing_class": base.processing_class, "dataset": dataset, "data_collator": object()}
    model = session.parts.new_model("sst2", 0)
    own = assembled(base, (), model=model, **given)
    assert (own.data_collator, own.model_init) == (base.data_collator, base.model_init)
    theirs = assembled(base, {"ft_collator", "ft_model"}, model=model, **given)
    assert theirs.data_collator is given["data_collator"]
    assert isinstance(theirs.model_init, ModelCopies)


def test_a_model_beside_a_trainer_that_makes_its_own_is_refused(session: FtcheckSession) -> None:
    class Source:
        spec, loads_model = "train.py:build", False

    base: Any = type("Base", (), {"source": Source, "card": session.card("sst2")})
    given: Any = {"processing_class": None, "dataset": {}, "data_collator": None, "model": None}
    with pytest.raises(TaskError, match=r"trains the model of train\.py:build: your fixture ft_model cannot change it"):
        assembled(base, ["ft_model"], **given)
