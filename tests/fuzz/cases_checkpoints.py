"""Hostile checkpoints: copies of the bundled one, each broken in one place, and paths that lead to none."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from hostile_session import ANY, MISUSE, RED, Case
from safetensors.numpy import load_file, save_file

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Damage = Callable[[Path], object]

FINE = frozenset({0, 1})
NOT_GREEN = RED | MISUSE
NAN = float("nan")
CODE = "print('INTERNALERROR: code of a checkpoint was run')\n"
DEEP = b"[" * 100_000 + b"]" * 100_000
MAPPED = {"auto_map": {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}}


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return exec, (CODE,)


def case(
    name: str,
    damage: Damage,
    codes: frozenset[int] = MISUSE,
    path: str = "checkpoint",
    checks: str = "model.logits_shape",
) -> Case:
    """Make the case of a copy in ``checkpoint`` that is damaged."""

    def prepare(folder: Path) -> None:
        shutil.copytree(bundled_checkpoint("tiny-bert"), folder / "checkpoint")
        damage(folder / "checkpoint")

    options = ("--ftcheck-task=sst2", "--ftcheck-tier=tiny", f"--ftcheck-checks={checks}")
    rows = ("--ftcheck-max-train-rows=16", "--ftcheck-max-eval-rows=16")
    return Case(f"checkpoint-{name}", (*options, *rows, f"--ftcheck-model={path}"), codes, prepare)


def change(copy: Path, file: str = "config.json", **values: object) -> None:
    """Set keys of a JSON file; `...` takes a key away."""
    content = json.loads((copy / file).read_text("utf-8")) | values
    kept = {key: value for key, value in content.items() if value is not ...}
    (copy / file).write_text(json.dumps(kept), "utf-8")


def nested(copy: Path, part: str, file: str = "tokenizer.json", **values: object) -> None:
    """Set keys of a part of a JSON file."""
    content = json.loads((copy / file).read_text("utf-8"))
    change(copy, file, **{part: content[part] | values})


def write(copy: Path, file: str, content: bytes) -> None:
    (copy / file).write_bytes(content)


def tail(copy: Path, file: str, size: int) -> None:
    """Keep the first bytes of a file only; those before the last ones where the size is negative."""
    write(copy, file, (copy / file).read_bytes()[:size])


def recode(copy: Path, file: str, encoding: str) -> None:
    write(copy, file, (copy / file).read_text("utf-8").encode(encoding))


def remove(copy: Path, *files: str) -> None:
    for file in files:
        (copy / file).unlink()


def special(copy: Path, file: str, kind: str) -> None:
    """Put what is not a regular file in the place of a file."""
    place = copy / file
    place.unlink()
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(kind)


def tensors(copy: Path, edit: Callable[[str, np.ndarray], np.ndarray | None]) -> None:
    """Change every tensor; None leaves it out."""
    weights = load_file(copy / "model.safetensors")
    edited = {name: edit(name, value) for name, value in weights.items()}
    kept = {name: np.ascontiguousarray(value) for name, value in edited.items() if value is not None}
    save_file(kept, copy / "model.safetensors", {"format": "pt"})


def header(copy: Path, content: object, size: int | None = None) -> None:
    text = json.dumps(content).encode()
    write(copy, "model.safetensors", struct.pack("<Q", len(text) if size is None else size) + text)


def index(copy: Path, content: object) -> None:
    """Write an index of shards; the weights lie in `part.safetensors`, and beside the folder."""
    shutil.copy(copy / "model.safetensors", copy.parent / "outside.safetensors")
    (copy / "model.safetensors").rename(copy / "part.safetensors")
    write(copy, "model.safetensors.index.json", json.dumps(content).encode())


def shards(file: object) -> dict[str, object]:
    names = load_file(bundled_checkpoint("tiny-bert") / "model.safetensors")
    return {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, file)}


def pickled(copy: Path, file: str) -> None:
    (copy / "model.safetensors").unlink()
    write(copy, file, pickle.dumps(Evil()))


def remote(copy: Path, **values: object) -> None:
    """Bring code along, which nobody allowed to run."""
    (copy / "evil.py").write_text(CODE, "utf-8")
    change(copy, **MAPPED, **values)


def config(name: str, codes: frozenset[int] = MISUSE, **values: object) -> Case:
    return case(name, partial(change, **values), codes)


def raw(name: str, file: str, content: bytes, codes: frozenset[int] = MISUSE) -> Case:
    return case(name, partial(write, file=file, content=content), codes)


CONFIGS = [
    config("healthy", FINE),
    config("architectures-number", architectures=5),
    config("architectures-unknown", ANY, architectures=["Nope"]),
    config("vocab-size-text", vocab_size="abc"),
    config("vocab-size-negative", vocab_size=-1),
    config("vocab-size-zero", vocab_size=0),
    config("vocab-size-huge", vocab_size=10**12),
    config("vocab-size-small", vocab_size=10),
    config("vocab-size-list", vocab_size=[374]),
    config("vocab-size-nan", vocab_size=NAN),
    config("vocab-size-null", vocab_size=None),
    config("vocab-size-fraction", vocab_size=374.5),
    config("layers-million", num_hidden_layers=10**6),
    config("layers-negative", num_hidden_layers=-2),
    config("layers-zero", ANY, num_hidden_layers=0),
    config("layers-more", NOT_GREEN, num_hidden_layers=3),
    config("hidden-size-huge", hidden_size=10**9),
    config("hidden-size-zero", hidden_size=0),
    config("intermediate-size-other", intermediate_size=255),
    config("heads-zero", num_attention_heads=0),
    config("heads-not-dividing", num_attention_heads=7),
    config("heads-negative", NOT_GREEN, num_attention_heads=-4),
    config("positions-zero", max_position_embeddings=0),
    config("token-types-zero", type_vocab_size=0),
    config("activation-unknown", hidden_act="nope"),
    config("activation-number", hidden_act=3),
    config("dropout-two", hidden_dropout_prob=2),
    config("dropout-text", hidden_dropout_prob="x"),
    config("dropout-nan", NOT_GREEN, attention_probs_dropout_prob=NAN),
    config("norm-eps-text", layer_norm_eps="tiny"),
    config("init-range-text", initializer_range="wide"),
    config("init-range-negative", initializer_range=-1.0),
    config("pad-id-huge", pad_token_id=10**6),
    config("pad-id-text", pad_token_id="[PAD]"),
    config("model-type-unknown", model_type="nope"),
    config("model-type-number", model_type=5),
    config("model-type-list", model_type=["bert"]),
    config("model-type-missing", model_type=...),
    config("model-type-gpt2", model_type="gpt2", architectures=["GPT2LMHeadModel"]),
    config("model-type-vit", model_type="vit", architectures=["ViTModel"]),
    config("model-type-t5", NOT_GREEN, model_type="t5", architectures=["T5Model"]),
    config("model-type-distilbert", NOT_GREEN, model_type="distilbert"),
    case("auto-map-known-type", remote, ANY),
    case("auto-map-unknown-type", partial(remote, model_type="evil")),
    config("auto-map-no-file", **MAPPED, model_type="evil"),
    config("auto-map-number", ANY, auto_map=5),
    config("id2label-number", id2label=5),
    config("id2label-list", ANY, id2label=["bad", "good"]),
    config("id2label-keys-text", id2label={"x": "bad", "y": "good"}),
    config("id2label-values-numbers", ANY, id2label={"0": 1, "1": 2}),
    config("id2label-three", ANY, id2label={"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "b": 1, "c": 2}),
    config("id2label-empty", ANY, id2label={}, label2id={}),
    config("label2id-number", ANY, label2id=7),
    config("num-labels-text", ANY, num_labels="x"),
    config("problem-type-unknown", ANY, problem_type="nope"),
    config("problem-type-regression", ANY, problem_type="regression"),
    config("dtype-garbage", dtype="float99"),
    config("dtype-torch-attribute", dtype="nn"),
    config("dtype-int8", ANY, dtype="int8"),
    config("torch-dtype-garbage", dtype=..., torch_dtype="zzz"),
    config("quantization-unknown", quantization_config={"quant_method": "nope"}),
    config("quantization-text", quantization_config="4bit"),
    config("quantization-bitsandbytes", quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
    config("attention-unknown", ANY, attn_implementation="nope"),
    config("version-number", ANY, transformers_version=5),
    config("pruned-heads", ANY, pruned_heads={"0": [0, 1]}),
    config("decoder-cross-attention", NOT_GREEN, is_decoder=True, add_cross_attention=True),
    config("chunk-size-negative", ANY, chunk_size_feed_forward=-3),
    config("return-dict-off", ANY, return_dict=False),
    config("method-as-key", ANY, to_dict=1, save_pretrained="x"),
    raw("config-deep", "config.json", b'{"model_type": "bert", "x": ' + DEEP + b"}"),
    raw("config-list", "config.json", b"[]"),
    raw("config-number", "config.json", b"5"),
    raw("config-null", "config.json", b"null"),
    raw("config-empty", "config.json", b""),
    raw("config-empty-object", "config.json", b"{}"),
    raw("config-huge-digits", "config.json", b'{"model_type": "bert", "vocab_size": ' + b"9" * 5000 + b"}"),
    raw("config-latin-1", "config.json", '{"model_type": "bert", "name": "caf\u00e9"}'.encode("latin-1")),
    raw("config-nul-bytes", "config.json", b"\0" * 100),
    case("config-bom", partial(recode, file="config.json", encoding="utf-8-sig"), ANY),
    case("config-utf-16", partial(recode, file="config.json", encoding="utf-16")),
    case("config-truncated", partial(tail, file="config.json", size=200)),
    case("config-missing", lambda copy: remove(copy, "config.json")),
    case("config-folder", partial(special, file="config.json", kind="folder")),
    case("config-fifo", partial(special, file="config.json", kind="fifo")),
    case("config-endless", partial(special, file="config.json", kind="/dev/zero")),
]

settings = partial(partial, change, file="tokenizer_config.json")
tokens = partial(partial, change, file="tokenizer.json")
WORDS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "good": 5, "bad": 6}
TOKENIZERS = [
    raw("tokenizer-list", "tokenizer.json", b"[]"),
    raw("tokenizer-empty", "tokenizer.json", b""),
    raw("tokenizer-null", "tokenizer.json", b"null"),
    raw("tokenizer-deep", "tokenizer.json", DEEP),
    case("tokenizer-truncated", partial(tail, file="tokenizer.json", size=5000)),
    case("tokenizer-missing", lambda copy: remove(copy, "tokenizer.json")),
    case("tokenizer-both-missing", lambda copy: remove(copy, "tokenizer.json", "tokenizer_config.json")),
    case("tokenizer-fifo", partial(special, file="tokenizer.json", kind="fifo")),
    case("tokenizer-other-vocabulary", partial(nested, part="model", vocab=WORDS), ANY),
    case("tokenizer-ids-beyond", partial(nested, part="model", vocab=WORDS | {"food": 5000, "film": 400}), NOT_GREEN),
    # No row has it: that is for this check to say, which a project that never uses such a token may skip.
    case(
        "tokenizer-ids-huge",
        partial(nested, part="model", vocab=WORDS | {"a": 2**32 - 1}),
        RED,
        checks="data.token_ids,model.logits_shape",
    ),
    case("tokenizer-ids-too-huge", partial(nested, part="model", vocab=WORDS | {"a": 2**64})),
    case("tokenizer-ids-negative", partial(nested, part="model", vocab=WORDS | {"a": -1})),
    case("tokenizer-vocab-empty", partial(nested, part="model", vocab={}), NOT_GREEN),
    case("tokenizer-unk-missing", partial(nested, part="model", unk_token="nope"), ANY),
    case("tokenizer-model-unknown", partial(nested, part="model", type="Nope")),
    case("tokenizer-no-special-tokens", tokens(added_tokens=[], post_processor=None), ANY),
    case(
        "tokenizer-truncation-zero", tokens(truncation={"max_length": 0, "strategy": "LongestFirst", "stride": 0}), ANY
    ),
    raw("settings-list", "tokenizer_config.json", b"[1]"),
    raw("settings-deep", "tokenizer_config.json", b'{"x": ' + DEEP + b"}"),
    case("settings-missing", lambda copy: remove(copy, "tokenizer_config.json"), ANY),
    case("settings-class-unknown", settings(tokenizer_class="NopeTokenizer"), ANY),
    case("settings-class-number", settings(tokenizer_class=5)),
    case("settings-class-list", settings(tokenizer_class=["a"])),
    case("settings-length-text", settings(model_max_length="x")),
    case("settings-length-zero", settings(model_max_length=0)),
    case("settings-length-negative", settings(model_max_length=-5)),
    case("settings-length-one", settings(model_max_length=1), ANY),
    case("settings-length-huge", settings(model_max_length=10**40), FINE),
    case("settings-no-pad-token", settings(pad_token=...), NOT_GREEN),
    case("settings-pad-token-number", settings(pad_token=0)),
    case("settings-pad-token-new", settings(pad_token="<<none>>"), NOT_GREEN),
    case("settings-cls-token-list", settings(cls_token=["[CLS]"])),
    case("settings-input-names-number", settings(model_input_names=3)),
    case("settings-input-names-empty", settings(model_input_names=[]), NOT_GREEN),
    case("settings-input-names-unknown", settings(model_input_names=["input_ids", "pixel_values"]), ANY),
    case("settings-padding-side", settings(padding_side="top")),
    case("settings-truncation-side", settings(truncation_side=4)),
    case("settings-added-tokens-list", settings(added_tokens_decoder=[1]), ANY),
    case("settings-added-token-id-text", settings(added_tokens_decoder={"x": {"content": "a"}})),
    case("settings-auto-map", settings(auto_map={"AutoTokenizer": ["evil.T", None]}, tokenizer_class="T"), ANY),
    raw("special-tokens-list", "special_tokens_map.json", b"[]", ANY),
    raw("chat-template-latin-1", "chat_template.jinja", b"\xff\xfe\xe9", ANY),
]

FILE = "model.safetensors"
WEIGHTS = [
    case("weights-truncated", partial(tail, file=FILE, size=100_000)),
    case("weights-one-byte-short", partial(tail, file=FILE, size=-1)),
    case("weights-header-only", partial(tail, file=FILE, size=8)),
    case("weights-missing", lambda copy: remove(copy, FILE)),
    raw("weights-empty", FILE, b""),
    raw("weights-text", FILE, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1389072\n"),
    case("weights-header-huge", partial(header, content={}, size=2**63)),
    case("weights-header-list", partial(header, content=[])),
    case("weights-no-tensors", partial(header, content={})),
    case(
        "weights-dtype-unknown", partial(header, content={"a": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 0]}})
    ),
    case("weights-metadata-jax", lambda copy: save_file(load_file(copy / FILE), copy / FILE, {"format": "jax"}), ANY),
    case("weights-shapes-wrong", partial(tensors, edit=lambda _, value: value[..., :-1])),
    case("weights-one-shape-wrong", partial(tensors, edit=lambda name, value: value[:-1] if "word" in name else value)),
    case("weights-rank-wrong", partial(tensors, edit=lambda _, value: value.reshape(-1))),
    case("weights-scalars", partial(tensors, edit=lambda _, value: value.sum())),
    case("weights-whole-numbers", partial(tensors, edit=lambda _, value: value.astype(np.int64)), ANY),
    case("weights-half", partial(tensors, edit=lambda _, value: value.astype(np.float16)), FINE),
    case("weights-nan", partial(tensors, edit=lambda _, value: value * np.float32(NAN)), NOT_GREEN),
    case("weights-infinite", partial(tensors, edit=lambda _, value: np.full_like(value, np.inf)), NOT_GREEN),
    case(
        "weights-other-names", partial(tensors, edit=lambda name, value: None if "layer" in name else value), NOT_GREEN
    ),
    case(
        "weights-one-left-out",
        partial(tensors, edit=lambda name, value: None if "0.output.dense" in name else value),
        NOT_GREEN,
    ),
    case("weights-fifo", partial(special, file=FILE, kind="fifo")),
    case("weights-folder", partial(special, file=FILE, kind="folder")),
    case("weights-link-to-nothing", partial(special, file=FILE, kind="nowhere")),
    case("weights-link-to-itself", partial(special, file=FILE, kind=FILE)),
    case("weights-dev-null", partial(special, file=FILE, kind="/dev/null")),
    case("weights-pickle", partial(pickled, file="pytorch_model.bin")),
    case("weights-pickle-other-name", partial(pickled, file="weights.bin")),
    case("weights-pickle-as-safetensors", partial(pickled, file=FILE)),
    case("index-outside", partial(index, content=shards("../outside.safetensors"))),
    case("index-absolute", partial(index, content=shards("/etc/passwd"))),
    case("index-missing-shard", partial(index, content=shards("gone.safetensors"))),
    case("index-file-numbers", partial(index, content=shards(5))),
    case("index-healthy", partial(index, content=shards("part.safetensors")), FINE),
    case("index-deep", lambda copy: (index(copy, []), write(copy, "model.safetensors.index.json", DEEP))),
    case("index-list", partial(index, content=[])),
    case("index-no-map", partial(index, content={"metadata": {}})),
    case("index-map-empty", partial(index, content={"metadata": {}, "weight_map": {}})),
    case("index-map-list", partial(index, content={"metadata": {}, "weight_map": ["a"]})),
    raw("adapter-config-garbage", "adapter_config.json", b"{]", ANY),
    raw(
        "adapter-config-elsewhere",
        "adapter_config.json",
        b'{"peft_type": "LORA", "base_model_name_or_path": "no/one"}',
        ANY,
    ),
]


def beside(name: str, path: str, codes: frozenset[int] = MISUSE, damage: Damage = lambda _: None) -> Case:
    return case(f"path-{name}", damage, codes, path)


PATHS = [
    beside("slash", "checkpoint/", FINE),
    beside("dots", "./checkpoint/../checkpoint", FINE),
    beside("link", "link", FINE, lambda copy: (copy.parent / "link").symlink_to(copy)),
    beside("odd-name", "a b\u00e9\n[x]'\"", FINE, lambda copy: copy.rename(copy.parent / "a b\u00e9\n[x]'\"")),
    beside("not-utf-8", "name\udcff", ANY, lambda copy: copy.rename(copy.parent / "name\udcff")),
    beside("file", "checkpoint/config.json"),
    beside("weights", "checkpoint/model.safetensors"),
    beside("below-file", "checkpoint/config.json/x"),
    beside("empty", ""),
    beside("space", " "),
    beside("dot", "."),
    beside("root", "/"),
    beside("nul", "check\0point"),
    beside("long", "x" * 300),
    beside("very-long", "x/" * 5000),
    beside("no-user", "~nouser/x"),
    beside("dev-null", "/dev/null"),
    beside("dev-zero", "/dev/zero"),
    beside("fifo", "pipe", MISUSE, lambda copy: os.mkfifo(copy.parent / "pipe")),
    beside("loop", "loop", MISUSE, lambda copy: (copy.parent / "loop").symlink_to("loop")),
    beside("empty-folder", "hollow", MISUSE, lambda copy: (copy.parent / "hollow").mkdir()),
    beside("unreadable", "checkpoint", FINE if os.geteuid() == 0 else MISUSE, lambda copy: copy.chmod(0)),
    beside("upper-case", "TINY-BERT"),
    beside("bundled-revision", "tiny-bert@main"),
    beside("at-sign", "@"),
    beside("folder-revision", "checkpoint@main"),
    beside("web-address", "https://example.org/model"),
    beside("file-address", "file:///tmp/model"),
    beside("hub-id-slashes", "a//b///c"),
    beside("control-characters", "\x1b[31mred\x07"),
]
CASES = [*CONFIGS, *TOKENIZERS, *WEIGHTS, *PATHS]
