"""The Hub is not asked unless the user says so."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import datasets.config
import huggingface_hub.constants
import pytest
from datasets import Dataset, DatasetDict

from pytest_ftcheck.errors import CheckpointError, DataError
from pytest_ftcheck.pipeline.from_checkpoint import resolve_checkpoint
from pytest_ftcheck.tasks import datasets as our_datasets
from pytest_ftcheck.tasks.card import HubDataset, load_card
from pytest_ftcheck.tasks.datasets import load_data
from pytest_ftcheck.tasks.hub import hub_access

if TYPE_CHECKING:
    from pathlib import Path

MODULES = (huggingface_hub.constants, datasets.config)
MRPC = load_card("mrpc", {})


def flags() -> list[bool]:
    return [module.HF_HUB_OFFLINE for module in MODULES]


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was ever downloaded, and the environment allows downloads."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    for module in MODULES:
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What tried to reach the network; nothing does."""
    made: list[Any] = []

    def refuse(*args: Any, **_: Any) -> Any:
        made.append(args)
        msg = "no network in tests"
        raise OSError(msg)

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return made


def test_offline_holds_inside_and_is_undone_after() -> None:
    with hub_access(online=False):
        assert flags() == [True, True]
    assert flags() == [False, False]


def test_offline_is_undone_after_an_error() -> None:
    with pytest.raises(KeyError), hub_access(online=False):
        raise KeyError
    assert flags() == [False, False]


def test_each_flag_gets_its_own_value_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULES[0], "HF_HUB_OFFLINE", True)
    with hub_access(online=False):
        pass
    assert flags() == [True, False]


@pytest.mark.parametrize("offline", [True, False])
def test_online_leaves_the_users_environment_as_it_is(monkeypatch: pytest.MonkeyPatch, offline: bool) -> None:  # noqa: FBT001 - parametrized
    for module in MODULES:
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", offline)
    with hub_access(online=True):
        assert flags() == [offline, offline]


def test_data_of_the_hub_is_refused_without_a_try(attempts: list[Any]) -> None:
    with pytest.raises(DataError) as caught:
        load_data(MRPC, "hub")
    assert str(caught.value).startswith("cannot load 'nyu-mll/glue/mrpc' from the Hub: ")
    assert str(caught.value).endswith(
        "Give --ftcheck-online to allow a download, or --ftcheck-data=FOLDER for local files."
    )
    assert attempts == []
    assert flags() == [False, False]


@pytest.mark.parametrize("model", ["org/absent-model", "org/absent-model@main", "absent-model"])
def test_checkpoint_of_the_hub_is_refused_without_a_try(attempts: list[Any], model: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        resolve_checkpoint(model)
    name = model.partition("@")[0]
    assert str(caught.value) == (
        f"no checkpoint {name!r}: not in the local cache of the Hub, "
        "and nothing is downloaded without --ftcheck-online. "
        "Expected tiny-bert, tiny-distilbert, a folder of save_pretrained, or a Hub id (with --ftcheck-online)."
    )
    assert attempts == []


def test_online_asks_the_hub_and_explains_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any, **__: Any) -> None:
        msg = "gone\nwith more"
        raise ConnectionError(msg)

    monkeypatch.setattr(our_datasets, "load_dataset", load)
    with pytest.raises(DataError) as caught:
        load_data(MRPC, "hub", online=True)
    expected = "cannot load 'nyu-mll/glue/mrpc' from the Hub: gone. Check the connection and the card's [dataset]."
    assert str(caught.value) == expected


def test_data_of_the_hub_is_asked_for_by_name_and_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    rows = Dataset.from_dict({"sentence1": ["a"], "sentence2": ["b"], "label": [1]})

    def load(*args: Any, **kwargs: Any) -> DatasetDict:
        asked.append((args, kwargs, flags()))
        return DatasetDict(train=rows, validation=rows, test=rows)

    monkeypatch.setattr(our_datasets, "load_dataset", load)
    data = load_data(MRPC, "hub")
    assert MRPC.dataset
    assert asked == [(("nyu-mll/glue", "mrpc"), {"revision": MRPC.dataset.revision}, [True, True])]
    assert (data.source, data.synthetic, data.evaluation_split) == ("hub nyu-mll/glue/mrpc", False, "validation")


def test_data_without_splits_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(our_datasets, "load_dataset", lambda *_, **__: Dataset.from_dict({}))
    card = replace(MRPC, dataset=HubDataset("org/rows"))
    with pytest.raises(
        DataError, match=r"^'org/rows' of the Hub was loaded as Dataset, expected a datasets.DatasetDict"
    ):
        load_data(card, "hub")


def test_task_without_data_on_the_hub_is_explained() -> None:
    with pytest.raises(DataError) as caught:
        load_data(replace(MRPC, dataset=None), "hub")
    assert str(caught.value) == (
        "task 'mrpc' has no data set of the Hub. Add [dataset] to its card, or give --ftcheck-data."
    )
