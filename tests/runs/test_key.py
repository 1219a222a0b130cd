"""The key of a run: every part changed alone changes it, and nothing else does."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import DataCollatorWithPadding, default_data_collator

from pytest_ftcheck.pipeline.from_checkpoint import load_tokenizer
from pytest_ftcheck.pipeline.trainer_changes import ChangedModel
from pytest_ftcheck.runs import project
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.key import RunKey, run_key
from pytest_ftcheck.sessions.parts import ModelCopies
from pytest_ftcheck.tasks.metrics import compute_metrics_fn, load_metric
from pytest_ftcheck.training.probe import without_dropout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasets import Dataset
    from transformers import PreTrainedModel

    from pytest_ftcheck.pipeline.parts import Pipeline

    Change = Callable[[Pipeline, Path], Pipeline]

CPU = describe_environment("cpu", "float32", threads=1)


@pytest.fixture(scope="module")
def pipeline(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=8, eval_rows=4)


def key_of(pipeline: Pipeline, engine: str = "trainer", seed: int = 0, **environment: str) -> RunKey:
    return run_key(pipeline, engine=engine, seed=seed, environment={**CPU, **environment})


def changed_fields(first: RunKey, second: RunKey) -> set[str]:
    ours, theirs = asdict(first), asdict(second)
    return {name for name in ours if ours[name] != theirs[name]}


# -- changes of one part ----------------------------------------------------------------------------------------------


def card(**changes: Any) -> Change:
    return lambda pipeline, _folder: replace(pipeline, card=replace(pipeline.card, **changes))


def collator(make: Callable[[Any], Any]) -> Change:
    return lambda pipeline, _folder: replace(pipeline, data_collator=make(pipeline.processing_class))


def recipe(**changes: Any) -> Change:
    return lambda pipeline, _folder: replace(pipeline, args={**pipeline.args, **changes})


def folder_of(pipeline: Pipeline) -> Path:
    assert pipeline.checkpoint.folder is not None
    return pipeline.checkpoint.folder


def in_file(name: str, old: bytes, new: bytes) -> Change:
    """Copy the checkpoint into a folder of the same name and replace a few bytes of a file."""

    def change(pipeline: Pipeline, folder: Path) -> Pipeline:
        given = folder_of(pipeline)
        copy = shutil.copytree(given, folder / given.name)
        content = (copy / name).read_bytes()
        end = content.rindex(old)
        (copy / name).write_bytes(content[:end] + new + content[end + len(old) :])
        return replace(pipeline, checkpoint=replace(pipeline.checkpoint, folder=copy))

    return change


def last_weight(pipeline: Pipeline, folder: Path) -> Pipeline:
    tail = (folder_of(pipeline) / "model.safetensors").read_bytes()[-4:]
    return in_file("model.safetensors", tail, bytes([tail[0] ^ 1]) + tail[1:])(pipeline, folder)


def tokenizer(**settings: Any) -> Change:
    def change(pipeline: Pipeline, _folder: Path) -> Pipeline:
        changed = load_tokenizer(pipeline.checkpoint)
        for name, value in settings.items():
            setattr(changed, name, value)
        return replace(pipeline, processing_class=changed)

    return change


def one_token_more(pipeline: Pipeline, _folder: Path) -> Pipeline:
    changed = load_tokenizer(pipeline.checkpoint)
    changed.add_tokens(["unheardof"])
    return replace(pipeline, processing_class=changed)


def rows(split: str, edit: Callable[[Dataset], Dataset]) -> Change:
    return lambda pipeline, _folder: replace(pipeline, **{split: edit(getattr(pipeline, split))})


def other_label(data: Dataset) -> Dataset:
    labels = list(data["labels"])
    return data.remove_columns("labels").add_column("labels", [1 - labels[0], *labels[1:]])


def other_token(data: Dataset) -> Dataset:
    ids = [list(row) for row in data["input_ids"]]
    ids[-1][1] += 1
    return data.remove_columns("input_ids").add_column("input_ids", ids)


def closed_over(width: int) -> Callable[..., Any]:
    def collate(features: list[Any]) -> int:
        return width + len(features)

    return collate


def with_default(width: int) -> Callable[..., Any]:
    def collate(features: list[Any], *, width: int = width) -> int:
        return width + len(features)

    return collate


def collate_by_hand(width: int, features: list[Any]) -> int:
    return width + len(features)


@dataclass
class Wrapped:
    inner: Any

    def collate(self, features: list[Any]) -> Any:
        return self.inner(features)


def scaled(pipeline: Pipeline, _folder: Path) -> Pipeline:
    metric = load_metric("glue", "sst2")
    return replace(pipeline, compute_metrics=compute_metrics_fn(metric, "sequence-classification"))


def by_hand(_evaluated: Any) -> dict[str, float]:
    return {"accuracy": 1.0}


CHANGES: dict[str, tuple[str, Change]] = {
    "another task": ("task", card(name="rte")),
    "another head": ("head", card(head="regression")),
    "label names in another order": ("labels", card(label_names=("equivalent", "not_equivalent"))),
    "checkpoint of another name": (
        "checkpoint",
        lambda pipeline, _folder: replace(pipeline, checkpoint=replace(pipeline.checkpoint, name="mine")),
    ),
    "one bit of the weights": ("weights", last_weight),
    "dropout of the configuration": (
        "weights",
        in_file("config.json", b'"hidden_dropout_prob": 0.1', b'"hidden_dropout_prob": 0.2'),
    ),
    "dtype of the model": (
        "weights",
        lambda pipeline, _folder: replace(
            pipeline,
            model_init=partial(pipeline.model_init.func, *pipeline.model_init.args[:-1], "bfloat16"),  # type: ignore[attr-defined]  # a partial
        ),
    ),
    "model without dropout": (
        "weights",
        lambda pipeline, _folder: replace(pipeline, model_init=ChangedModel(pipeline.model_init, without_dropout)),
    ),
    "padding side": ("tokenizer", tokenizer(padding_side="left")),
    "pad token": ("tokenizer", tokenizer(pad_token="[UNK]")),
    "longest text": ("tokenizer", tokenizer(model_max_length=17)),
    "one token more": ("tokenizer", one_token_more),
    "one label of the train rows": ("data", rows("train_dataset", other_label)),
    "one token of the train rows": ("data", rows("train_dataset", other_token)),
    "one label of the evaluated rows": ("data", rows("eval_dataset", other_label)),
    "order of the train rows": ("data", rows("train_dataset", lambda data: data.select(range(len(data))[::-1]))),
    "one row less": ("data", rows("train_dataset", lambda data: data.select(range(7)))),
    "column of another name": ("data", rows("train_dataset", lambda data: data.rename_column("labels", "label"))),
    "collator of another class": ("collator", collator(lambda _: default_data_collator)),
    "setting of the collator": ("collator", collator(lambda mine: DataCollatorWithPadding(mine, pad_to_multiple_of=8))),
    "source of the collator": ("collator", collator(lambda _: lambda features: features)),
    "another metric": ("metrics", scaled),
    "metric of another name": ("metrics", lambda pipeline, _folder: replace(pipeline, compute_metrics=by_hand)),
    "metric of the card": (
        "metrics",
        lambda pipeline, folder: card(metric=replace(pipeline.card.metric, config_name="sst2"))(pipeline, folder),
    ),
    "direction of the metric": (
        "metrics",
        lambda pipeline, folder: card(metric=replace(pipeline.card.metric, greater_is_better={"accuracy": False}))(
            pipeline, folder
        ),
    ),
    "judged as it is": ("trainer", lambda pipeline, _folder: replace(pipeline, trains=False)),
    "patched": ("trainer", lambda pipeline, _folder: replace(pipeline, patches=(nullcontext,))),
    "value of the recipe": ("recipe", recipe(learning_rate=2e-3)),
    "hyperparameter more": ("recipe", recipe(max_grad_norm=1.0)),
}


@pytest.mark.parametrize(("field", "change"), CHANGES.values(), ids=CHANGES.keys())
def test_changed_part_makes_another_run(pipeline: Pipeline, tmp_path: Path, field: str, change: Change) -> None:
    key, other = key_of(pipeline), key_of(change(pipeline, tmp_path))
    assert changed_fields(key, other) == {field}
    assert key.digest != other.digest


LAUNCHES: dict[str, dict[str, Any]] = {
    "engine": {"engine": "manual"},
    "seed": {"seed": 1},
    "device": {"device": "cuda"},
    "dtype": {"dtype": "bfloat16"},
    "threads": {"threads": "2"},
    "kernels": {"kernels": "fast (memory)"},
    "versions": {"transformers": "5.0.0"},
}


@pytest.mark.parametrize(
    ("field", "change"),
    [
        *LAUNCHES.items(),
        ("versions", {"device_name": "another GPU"}),
        ("versions", {"cpu_capability": "AVX2"}),
        ("versions", {"deterministic": "no"}),
    ],
)
def test_changed_launch_makes_another_run(pipeline: Pipeline, field: str, change: dict[str, Any]) -> None:
    key, other = key_of(pipeline), key_of(pipeline, **change)
    assert changed_fields(key, other) == {field}
    assert key.digest != other.digest


@pytest.mark.parametrize("folder", ["tasks", "pipeline", "training", "runs"])
def test_changed_code_makes_another_run(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    package = shutil.copytree(Path(project.__file__).parents[1], tmp_path / "pytest_ftcheck")
    monkeypatch.setattr(project, "__file__", str(package / "runs" / "project.py"))
    project.own_code_digest.cache_clear()
    before = key_of(pipeline)
    with next((package / folder).glob("[a-z]*.py")).open("a", encoding="utf-8") as file:
        file.write("# one line more\n")
    project.own_code_digest.cache_clear()
    after = key_of(pipeline)
    project.own_code_digest.cache_clear()
    assert changed_fields(before, after) == {"code"}


def test_every_field_of_the_key_is_shown_to_matter() -> None:
    shown = {field for field, _ in CHANGES.values()} | set(LAUNCHES) | {"code"}
    assert shown == {field.name for field in fields(RunKey)} - {"unstable"}


# -- what a function or an object holds -------------------------------------------------------------------------------

HOLDERS: dict[str, Callable[[Any, Any], Any]] = {
    "closure": lambda _mine, width: closed_over(width),
    "default": lambda _mine, width: with_default(width),
    "keyword of a partial": lambda _mine, width: partial(collate_by_hand, width=width),
    "argument of a partial": lambda _mine, width: partial(collate_by_hand, width),
    "wrapped collator": lambda mine, width: Wrapped(DataCollatorWithPadding(mine, pad_to_multiple_of=width)),
    "wrapped in a list": lambda _mine, width: Wrapped([closed_over(width)]),
    "wrapped in a dictionary": lambda _mine, width: Wrapped({"by": {"name": closed_over(width)}}),
    "wrapped in a set": lambda _mine, width: Wrapped({"a", "b", str(width)}),
    "bound method": lambda _mine, width: Wrapped(closed_over(width)).collate,
    "tensor": lambda _mine, width: Wrapped(torch.arange(3) * width),
    "model": lambda _mine, width: Wrapped(torch.nn.Linear(width, 1)),
    "path": lambda _mine, width: Wrapped(Path(str(width))),
    "pattern": lambda _mine, width: Wrapped(re.compile(str(width))),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS.keys())
def test_what_a_collator_holds_belongs_to_the_key(pipeline: Pipeline, hold: Callable[[Any, Any], Any]) -> None:
    torch.manual_seed(0)
    first = key_of(replace(pipeline, data_collator=hold(pipeline.processing_class, 4)))
    second = key_of(replace(pipeline, data_collator=hold(pipeline.processing_class, 8)))
    torch.manual_seed(0)
    again = key_of(replace(pipeline, data_collator=hold(pipeline.processing_class, 4)))
    assert changed_fields(first, second) == {"collator"}
    assert first == again


def test_tokenizer_of_the_collator_belongs_to_the_key(pipeline: Pipeline) -> None:
    left = load_tokenizer(pipeline.checkpoint)
    left.padding_side = "left"
    other = replace(pipeline, data_collator=DataCollatorWithPadding(left))
    assert changed_fields(key_of(pipeline), key_of(other)) == {"collator"}


def test_objects_that_hold_each_other_come_to_an_end(pipeline: Pipeline) -> None:
    first, second = Wrapped(None), Wrapped(None)
    first.inner, second.inner = [second] * 50, [first] * 50
    assert changed_fields(key_of(pipeline), key_of(replace(pipeline, data_collator=first.collate))) == {"collator"}


@pytest.mark.parametrize(
    "wrap",
    [lambda init: init, lambda init: ChangedModel(init, without_dropout)],
    ids=["as it is", "without dropout"],
)
def test_weights_of_a_model_in_memory_belong_to_the_key(pipeline: Pipeline, wrap: Callable[[Any], Any]) -> None:
    def key(model: PreTrainedModel) -> RunKey:
        return key_of(replace(pipeline, model_init=wrap(ModelCopies(model))))

    torch.manual_seed(0)
    model = pipeline.model_init()
    before = key(model)
    assert key(ModelCopies(model)()) == before
    next(model.parameters()).data.view(-1)[0] += 1
    weights = key(model)
    assert changed_fields(before, weights) == {"weights"}
    model.config.hidden_dropout_prob = 0.3
    assert changed_fields(weights, key(model)) == {"weights"}


# -- what does not belong to the key ----------------------------------------------------------------------------------


def same_weights_elsewhere(pipeline: Pipeline, folder: Path) -> Pipeline:
    copy = shutil.copytree(folder_of(pipeline), folder / "copy")
    return replace(pipeline, checkpoint=replace(pipeline.checkpoint, folder=copy))


def used_tokenizer(pipeline: Pipeline, _folder: Path) -> Pipeline:
    assert pipeline.processing_class is not None
    pipeline.processing_class(["a dog", "a dog sleeps here"], truncation=True, max_length=3, padding="max_length")
    return pipeline


SAME: dict[str, Change] = {
    "floors of the card": card(floor_tables={"tiny": {"accuracy": 0.9}}, description="another"),
    "the same files in another folder": same_weights_elsewhere,
    "a tokenizer that was used": used_tokenizer,
    "recipe in another order": lambda pipeline, _: replace(pipeline, args=dict(reversed(list(pipeline.args.items())))),
    "columns in another order": rows(
        "train_dataset", lambda data: data.select_columns(sorted(data.column_names)[::-1])
    ),
    "rows as tensors": rows("eval_dataset", lambda data: data.with_format("torch")),
    "rows by index": rows(
        "train_dataset", lambda data: data.select([0, 2, 1, 3, 4, 5, 6, 7]).select([0, 2, 1, *range(3, 8)])
    ),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_change_that_makes_no_other_run(pipeline: Pipeline, tmp_path: Path, change: Change) -> None:
    before = key_of(pipeline)
    assert key_of(change(pipeline, tmp_path)) == before


def test_same_parts_built_again_have_the_same_key(make_pipeline: Callable[..., Pipeline], pipeline: Pipeline) -> None:
    assert key_of(make_pipeline("mrpc", train_rows=8, eval_rows=4)) == key_of(pipeline)


SCRIPT = """
from pytest_ftcheck import Settings, build_pipeline, load_card
from pytest_ftcheck.runs.environment import describe_environment
from pytest_ftcheck.runs.key import run_key

pipeline = build_pipeline(load_card("mrpc", {}), Settings(max_train_rows=8, max_eval_rows=4))
key = run_key(pipeline, engine="manual", seed=3, environment=describe_environment("cpu", "float32", 1))
print(key.digest)
"""


@pytest.mark.slow
def test_key_is_the_same_in_another_process(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(SCRIPT, "here", "exec"), {})  # noqa: S102 - the same script, here and there
    here = capsys.readouterr().out
    there = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120)
    assert there.stdout == here
    assert re.fullmatch(r"[0-9a-f]{32}\n", here)


def test_digest_says_nothing_of_the_order_of_fields() -> None:
    values: Mapping[str, Any] = {
        field.name: ("a",) if field.name == "labels" else 1 if field.name in ("seed", "threads") else field.name
        for field in fields(RunKey)
    }
    assert RunKey(**values).digest == RunKey(**dict(reversed(list(values.items())))).digest
