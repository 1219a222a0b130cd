"""Checkpoints that load, and those that must not: each with what is wrong and what to do."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    set_seed,
)

from pytest_ftcheck.errors import CheckpointError
from pytest_ftcheck.pipeline.checkpoint_files import weight_shapes
from pytest_ftcheck.pipeline.from_checkpoint import (
    Checkpoint,
    load_model,
    load_tokenizer,
    resolve_checkpoint,
)
from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS, bundled_checkpoint
from pytest_ftcheck.tasks.card import load_card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedModel

torch.set_num_threads(1)

MRPC, STSB, YELP = (load_card(name, {}) for name in ("mrpc", "stsb", "yelp_review_full"))
WEIGHTS = "model.safetensors"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
ALL_NAMES = "Expected tiny-bert, tiny-distilbert, a folder of save_pretrained, or a Hub id (with --ftcheck-online)."


def tiny_config(**changes: Any) -> BertConfig:
    sizes: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    return BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=16, **sizes, **changes)


def save(folder: Path, model: PreTrainedModel) -> Path:
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a BERT of a few hundred parameters, without a head."""
    torch.manual_seed(0)
    return save(tmp_path_factory.mktemp("checkpoints") / "body", BertModel(tiny_config()))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint, to be damaged."""
    return shutil.copytree(saved, tmp_path / "mine")


def message(call: Callable[[], object]) -> str:
    with pytest.raises(CheckpointError) as caught:
        call()
    return str(caught.value)


def missing(folder: Path) -> str:
    return message(lambda: resolve_checkpoint(str(folder)))


@pytest.mark.parametrize("name", BUNDLED_CHECKPOINTS)
def test_bundled_checkpoint_is_found_by_name_and_loads(name: str) -> None:
    checkpoint = resolve_checkpoint(name)
    assert (checkpoint.name, checkpoint.folder) == (name, bundled_checkpoint(name))
    own = AutoModel.from_pretrained(bundled_checkpoint(name), dtype=torch.float32)
    assert checkpoint.parameters == own.num_parameters()
    assert load_tokenizer(checkpoint).pad_token == "[PAD]"
    assert load_model(checkpoint, MRPC).num_labels == 2


def test_folder_goes_by_its_own_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Checkpoint("mine", folder, BertModel(tiny_config()).num_parameters())
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder.parent)
    for given in (str(folder), "./mine", "mine", "mine/", "~/mine"):
        assert resolve_checkpoint(given) == expected


@pytest.mark.parametrize("given", ["./nowhere", "/nowhere/at-all", "~/nowhere-at-all", "a/b/c"])
def test_missing_folder_is_explained(given: str) -> None:
    assert message(lambda: resolve_checkpoint(given)) == f"no checkpoint {given!r}: no such folder. {ALL_NAMES}"


def test_a_bundled_checkpoint_has_no_revisions() -> None:
    assert message(lambda: resolve_checkpoint("tiny-bert@main")) == (
        "checkpoint 'tiny-bert@main': tiny-bert is bundled and has no revisions. Give --ftcheck-model=tiny-bert."
    )


@pytest.mark.parametrize("given", ["tiny-brt", "tiny_bert", "Tiny-BERT"])
def test_misspelt_name_gets_a_guess(given: str) -> None:
    assert message(lambda: resolve_checkpoint(given)).endswith(f" Did you mean 'tiny-bert'? {ALL_NAMES}")


def test_folder_without_configuration_is_explained(folder: Path) -> None:
    (folder / "config.json").unlink()
    assert missing(folder) == (
        f"{folder} has no config.json, so it is not a checkpoint. Give the folder that save_pretrained wrote."
    )


def test_folder_without_weights_is_explained(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert missing(folder) == (f"{folder} has no weights (*.safetensors). Give the folder that save_pretrained wrote.")


def test_pickle_is_never_opened(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")
    assert missing(folder) == (
        f"{folder} has no weights (*.safetensors). It has pytorch_model.bin, a pickle, which can run code when it is "
        "loaded: save the model again with save_pretrained, which writes safetensors."
    )


def test_folder_without_tokenizer_is_explained(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    assert missing(folder) == (
        f"{folder} has no tokenizer. Save the tokenizer in the folder of the model: tokenizer.save_pretrained(folder)."
    )


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.json", "spiece.model", "spm.model", "tokenizer.model"])
def test_tokenizers_go_by_many_names(folder: Path, name: str) -> None:
    (folder / "vocab.txt").rename(folder / name)
    assert resolve_checkpoint(str(folder)).name == "mine"


def header(tensors: object, data: bytes = b"") -> bytes:
    text = json.dumps(tensors).encode()
    return len(text).to_bytes(8, "little") + text + data


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DAMAGED = [
    b"",
    b"\x08\0\0",
    (10**9).to_bytes(8, "little") + b"{}",
    (2).to_bytes(8, "little") + b"{x",
    header(["no", "table"]),
    header({"w": {"dtype": "F32"}}),
    header({"w": ENTRY}, b"1234"),
    header({"w": ENTRY}, b"12345678 and more"),
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_weights_are_explained(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    text = missing(folder)
    assert text.startswith(f"{folder / WEIGHTS} is damaged: ")
    assert text.endswith("Copy or download it again.")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_weights_are_explained(folder: Path, share: float) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: int(len(whole) * share)])
    assert "is damaged" in missing(folder)


def test_shapes_of_all_weight_files_are_read(folder: Path) -> None:
    save_file({"more": torch.zeros(3, 5), "scalar": torch.tensor(1.0)}, folder / "more.safetensors")
    expected = {name: tuple(tensor.shape) for name, tensor in load_file(folder / WEIGHTS).items()}
    assert weight_shapes(folder) == expected | {"more": (3, 5), "scalar": ()}
    assert resolve_checkpoint(str(folder)).parameters == BertModel(tiny_config()).num_parameters() + 16


@pytest.mark.parametrize("content", ["{", "[]", "5", "null", "[" * 100_000])
def test_a_configuration_that_is_no_object_is_refused_at_once(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="utf-8")
    assert message(lambda: resolve_checkpoint(str(folder))).startswith(f"{folder / 'config.json'} ")


@pytest.mark.parametrize("content", ["{}", '{"model_type": "no-such-model"}'])
def test_configuration_that_does_not_load_is_explained(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content, encoding="utf-8")
    checkpoint = resolve_checkpoint(str(folder))
    assert message(lambda: load_model(checkpoint, MRPC)).startswith(f"cannot read {folder / 'config.json'}: ")


def test_tokenizer_that_does_not_load_is_explained(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    checkpoint = resolve_checkpoint(str(folder))
    assert message(lambda: load_tokenizer(checkpoint)).startswith(f"cannot load the tokenizer of mine from {folder}: ")


def test_head_gets_the_cards_labels(saved: Path) -> None:
    checkpoint = resolve_checkpoint(str(saved))
    for card, problem in (
        (MRPC, "single_label_classification"),
        (STSB, "regression"),
        (YELP, "single_label_classification"),
    ):
        model = load_model(checkpoint, card)
        assert (model.config.num_labels, model.config.problem_type) == (card.num_labels, problem)
        assert model.state_dict()["classifier.weight"].shape == (card.num_labels, 8)
        if card.label_names:
            assert model.config.id2label == dict(enumerate(card.label_names))
            assert model.config.label2id == {name: index for index, name in enumerate(card.label_names)}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_weights_have_the_dtype_that_was_asked_for(saved: Path, dtype: str) -> None:
    model = load_model(resolve_checkpoint(str(saved)), MRPC, dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, dtype)}


def test_body_is_the_checkpoints_and_the_seed_makes_the_head(saved: Path) -> None:
    def load(seed: int) -> dict[str, torch.Tensor]:
        set_seed(seed)
        return dict(load_model(resolve_checkpoint(str(saved)), MRPC).state_dict())

    first, again, other = load(1), load(1), load(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])
    for name, tensor in load_file(saved / WEIGHTS).items():
        assert torch.equal(first[f"bert.{name}"], tensor)
        assert torch.equal(other[f"bert.{name}"], tensor)


def test_head_that_was_trained_for_this_task_is_kept(tmp_path: Path) -> None:
    trained = BertForSequenceClassification(tiny_config(num_labels=2))
    model = load_model(resolve_checkpoint(str(save(tmp_path / "mine", trained))), MRPC)
    assert torch.equal(model.state_dict()["classifier.weight"], trained.state_dict()["classifier.weight"])


def test_head_with_other_labels_is_explained(tmp_path: Path) -> None:
    checkpoint = resolve_checkpoint(
        str(save(tmp_path / "mine", BertForSequenceClassification(tiny_config(num_labels=5))))
    )
    assert message(lambda: load_model(checkpoint, MRPC)) == (
        "checkpoint mine has another head than task 'mrpc' needs: classifier.bias has shape (5,), expected (2,); "
        "classifier.weight has shape (5, 8), expected (2, 8). Task 'mrpc' (sequence-classification) has 2 label(s): "
        "not_equivalent, equivalent. "
        "Start from the pretrained checkpoint without a head, or from one that was fine-tuned for this task."
    )


def test_body_of_another_size_is_not_called_another_head(tmp_path: Path) -> None:
    folder = save(tmp_path / "mine", BertForSequenceClassification(tiny_config(num_labels=5)))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size = config["vocab_size"]
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": size + 3}), encoding="utf-8")
    assert message(lambda: load_model(resolve_checkpoint(str(folder)), MRPC)) == (
        "the weights of the body of checkpoint mine do not fit its config.json: "
        f"bert.embeddings.word_embeddings.weight has shape ({size}, 8), expected ({size + 3}, 8). Save the model again "
        "with save_pretrained, which writes both, also after the embeddings are resized."
    )


def test_head_of_another_family_is_explained(tmp_path: Path) -> None:
    checkpoint = resolve_checkpoint(str(save(tmp_path / "mine", BertForTokenClassification(tiny_config(num_labels=2)))))
    text = message(lambda: load_model(checkpoint, STSB))
    assert "it was saved as BertForTokenClassification. Task 'stsb' (regression) has 1 label(s): one number." in text


def test_body_that_would_be_random_is_explained(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    kept = {name: tensor for name, tensor in weights.items() if "attention.self.query" not in name}
    save_file(kept, folder / WEIGHTS, metadata={"format": "pt"})
    assert message(lambda: load_model(resolve_checkpoint(str(folder)), MRPC)) == (
        "checkpoint mine lacks weights of its body, which would be random: "
        "bert.encoder.layer.0.attention.self.query.bias, bert.encoder.layer.0.attention.self.query.weight (2 in all). "
        "Save it again, or give a checkpoint whose config.json fits its weights."
    )


def test_body_without_a_pooler_is_whole(tmp_path: Path) -> None:
    folder = save(tmp_path / "mine", BertModel(tiny_config(), add_pooling_layer=False))
    assert load_model(resolve_checkpoint(str(folder)), MRPC).num_labels == 2
