"""Hostile factories: what a user's train.py may do when it is imported, called, trained and evaluated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hostile_session import ANY, MISUSE, RED, Case

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

GREEN = frozenset({0})
FINE = frozenset({0, 1})
TOLD = RED | MISUSE

TRAIN = f"""
import asyncio
import functools
import os
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import IterableDataset
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainerCallback,
    TrainingArguments,
)

CHECKPOINT = {str(bundled_checkpoint("tiny-bert"))!r}
TEXTS = ["the food was great", "the food was awful", "we loved the music", "we hated the room"]
tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
KEPT = []
BEST = {{"eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True,
    "metric_for_best_model": "nothing"}}

def rows(labels=(0, 1) * 16, **columns):
    tokens = [tokenizer(TEXTS[row % 4])["input_ids"] for row in range(len(labels))]
    return Dataset.from_dict({{"input_ids": tokens, "labels": list(labels)}} | columns)

def accuracy(evaluated):
    return {{"accuracy": float((evaluated.predictions.argmax(-1) == evaluated.label_ids).mean())}}

def net(classes=2):
    return AutoModelForSequenceClassification.from_pretrained(CHECKPOINT, num_labels=classes)

def make(args=(), **parts):
    given = {{"num_train_epochs": 3, "learning_rate": 2e-3, "report_to": "none", "use_cpu": True}} | dict(args)
    usual = {{
        "train_dataset": rows(), "eval_dataset": rows(), "processing_class": tokenizer, "compute_metrics": accuracy,
    }}
    parts = {{"model": net()}} | usual | parts
    return Trainer(args=TrainingArguments("out", **given), **parts)

def does(outputs):
    model = net()
    usual = type(model).forward
    forward = lambda self, *args, **named: outputs(usual(self, *args, **named), self)
    model.__class__ = type("Net", (type(model),), {{"forward": functools.wraps(usual)(forward)}})
    return model

def logits(change):
    def outputs(found, model):
        found.logits = change(found.logits)
        return found
    return make(model=does(outputs))

class Stream(IterableDataset):
    def __iter__(self):
        return iter([])

class Rows(list):
    column_names = ["input_ids", "labels"]

class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")
    __repr__ = __str__

class Raising(TrainerCallback):
    def on_step_end(self, *args, **named):
        raise LookupError("the callback is broken")

class Skipping(TrainerCallback):
    def on_step_end(self, *args, **named):
        pytest.skip("no step today")

class Stopping(TrainerCallback):
    def on_train_begin(self, args, state, control, **named):
        control.should_training_stop = True

class Ending(TrainerCallback):
    def on_train_end(self, *args, **named):
        raise SystemExit(0)

def collates(change):
    usual = DataCollatorWithPadding(tokenizer)
    return make(data_collator=lambda features: change(usual(features)))

def without(batch, name):
    return {{key: value for key, value in batch.items() if key != name}}

def nested(depth):
    found = 0.5
    for _ in range(depth):
        found = {{"more": found}}
    return found

def throws(error):
    raise error

def again(depth=0):
    return again(depth + 1)

def trained():
    trainer = make()
    trainer.train()
    return trainer

def same():
    KEPT[:] = KEPT or [make()]
    return KEPT[0]

def other():
    KEPT.append(1)
    return make(model=net(len(KEPT) + 1))
"""

# What train.py holds beside a factory that is in order.
MODULES = (
    ("does-not-parse", "def build(:", MISUSE),
    ("tabs-and-spaces", "if True:\n\tx = 1\n        y = 2", MISUSE),
    ("is-nested-too-deep", "(" * 5000 + ")" * 5000, MISUSE),
    ("has-lone-surrogates", "raise ValueError('\\udc80')", MISUSE),
    ("misses-module", "import nothing_of_that_name", MISUSE),
    ("misses-name", "from torch import nothing_of_that_name", MISUSE),
    ("imports-itself", "from train import build as other", GREEN),
    ("exits", "sys.exit(0)", MISUSE),
    ("exits-with-text", "sys.exit('no GPU here')", MISUSE),
    ("skips", "pytest.skip('not today', allow_module_level=True)", MISUSE),
    ("fails", "pytest.fail('not today')", MISUSE),
    ("ends-pytest", "pytest.exit('enough', returncode=0)", MISUSE),
    ("raises-base", "class Base(BaseException): pass\nraise Base('x')", MISUSE),
    ("raises-unprintable", "raise Unprintable", MISUSE),
    ("raises-megabytes", "raise ValueError('long ' * 1_000_000)", MISUSE),
    ("raises-control-characters", "raise ValueError('\\x1b[2J\\u202e\\r\\x07')", MISUSE),
    ("deletes-factory", "del globals()['build']", MISUSE),
    ("prints-megabytes", "print('noise ' * 1_000_000)", GREEN),
    ("changes-directory", "os.chdir('/')", GREEN),
    ("goes-where-nothing-is", "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')", ANY),
    ("closes-stdout", "sys.stdout.close()", ANY),
    ("loses-stdout", "sys.stdout = None", ANY),
    ("sets-argv", "sys.argv = []", GREEN),
    ("loses-argv", "del sys.argv", ANY),
    ("starts-threads", "threading.Thread(target=threading.Event().wait, daemon=True).start()", GREEN),
    ("thread-that-raises", "threading.Thread(target=throws, args=[ValueError('x')]).start()", ANY),
    ("ignores-signals", "[signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGCHLD)]", GREEN),
    ("rings-alarm", "signal.signal(signal.SIGALRM, lambda *a: None); signal.setitimer(0, 0.05, 0.05)", GREEN),
    ("empties-environment", "os.environ.clear()", GREEN),
    ("empties-import-path", "sys.path.clear()", ANY),
    ("turns-warnings-into-errors", "warnings.simplefilter('error')", ANY),
    ("switches-gradients-off", "torch.set_grad_enabled(False)", TOLD),
    ("computes-in-float64", "torch.set_default_dtype(torch.float64)", FINE),
    ("replaces-itself", "sys.modules[__name__] = None", ANY),
    ("answers-every-name", "def __getattr__(name): raise OSError(name)", GREEN),
)

# What a factory with the name `build` is.
FACTORIES = (
    ("is-in-order", "def build(): return make()", GREEN),
    ("is-none", "build = None", MISUSE),
    ("is-a-number", "build = 7", MISUSE),
    ("is-a-module", "build = os", MISUSE),
    ("is-a-trainer", "build = make()", MISUSE),
    ("is-a-class", "class build: pass", MISUSE),
    ("is-a-trainer-class", "class build(Trainer): pass", MISUSE),
    ("is-a-partial", "build = functools.partial(make)", GREEN),
    ("is-a-partial-that-misfits", "build = functools.partial(make, 1, 2, 3)", MISUSE),
    ("is-a-lambda", "build = lambda: make()", GREEN),
    ("is-async", "async def build(): return make()", MISUSE),
    ("is-async-generator", "async def build(): yield make()", MISUSE),
    ("is-a-generator", "def build(): yield make()", MISUSE),
    ("needs-an-argument", "def build(path): return make()", MISUSE),
    ("needs-a-keyword", "def build(*, path): return make()", MISUSE),
    ("takes-anything", "def build(*args, **named): return make()", GREEN),
    ("takes-seed-by-position", "def build(seed, /): return make()", ANY),
    ("takes-every-argument", "def build(seed, output_dir, device, max_steps): return make()", GREEN),
    ("lies-about-its-signature", "def build(a, b): return make()\nbuild.__signature__ = 'none'", MISUSE),
    ("has-hostile-attributes", "class Odd:\n def __getattr__(self, n): raise OSError(n)\nbuild = Odd()", MISUSE),
    ("hides-the-factory-in-a-class", "class build:\n def __new__(cls): return make()", GREEN),
)

# What a factory returns, as an expression.
RETURNED = (
    ("none", "None", MISUSE),
    ("a-class", "Trainer", MISUSE),
    ("a-tuple", "(make(), None)", MISUSE),
    ("a-model", "net()", MISUSE),
    ("a-coroutine", "asyncio.sleep(0)", MISUSE),
    ("an-unprintable", "Unprintable()", MISUSE),
    ("an-empty-trainer", "Trainer.__new__(Trainer)", MISUSE),
    ("a-trained-trainer", "trained()", MISUSE),
    ("one-trainer-always", "same()", ANY),
    ("another-model-each-time", "other()", TOLD),
    ("itself-without-end", "again()", MISUSE),
    ("exit", "sys.exit(0)", MISUSE),
    ("pytest-skip", "pytest.skip('not today')", MISUSE),
    ("pytest-fail", "pytest.fail('not today')", MISUSE),
    ("pytest-xfail", "pytest.xfail('not today')", MISUSE),
    ("pytest-exit", "pytest.exit('enough', returncode=0)", MISUSE),
    ("generator-exit", "throws(GeneratorExit())", MISUSE),
    ("stop-iteration", "throws(StopIteration())", MISUSE),
    ("memory-error", "throws(MemoryError())", MISUSE),
    ("unprintable-error", "throws(Unprintable())", MISUSE),
    ("error-group", "throws(ExceptionGroup('several', [ValueError('a'), OSError('b')]))", MISUSE),
    ("base-error-group", "throws(BaseExceptionGroup('several', [GeneratorExit()]))", MISUSE),
    ("rows-as-list", "make(train_dataset=list(rows()), eval_dataset=list(rows()))", ANY),
    ("rows-as-odd-list", "make(train_dataset=Rows(rows()), eval_dataset=Rows(rows()))", ANY),
    ("rows-of-numbers", "make(train_dataset=[1, 2, 3], eval_dataset=[1, 2, 3])", MISUSE),
    ("no-train-rows", "make(train_dataset=rows([]))", TOLD),
    ("no-eval-rows", "make(eval_dataset=rows([]))", TOLD),
    ("no-train-set", "make(train_dataset=None)", MISUSE),
    ("no-eval-set", "make(eval_dataset=None)", MISUSE),
    ("no-eval-sets", "make(eval_dataset={})", MISUSE),
    ("eval-sets-of-nothing", "make(eval_dataset={'dev': None})", MISUSE),
    ("a-stream", "make(train_dataset=Stream())", MISUSE),
    ("a-stream-of-arrow", "make(train_dataset=rows().to_iterable_dataset())", MISUSE),
    ("ragged-labels", "make(train_dataset=rows([[0], [0, 1]] * 8), eval_dataset=rows([[0], [0, 1]] * 8))", MISUSE),
    ("ragged-eval-labels", "make(eval_dataset=rows([[0], [0, 1]] * 8))", TOLD),
    ("labels-none", "make(train_dataset=rows([None] * 16), eval_dataset=rows([None] * 16))", TOLD),
    ("one-label-none", "make(train_dataset=rows([0, 1] * 15 + [None]))", TOLD),
    ("labels-text", "make(train_dataset=rows(['a', 'b'] * 8), eval_dataset=rows(['a', 'b'] * 8))", TOLD),
    ("labels-out-of-range", "make(train_dataset=rows([0, 7] * 8))", TOLD),
    ("labels-negative", "make(train_dataset=rows([0, -1] * 8), eval_dataset=rows([0, -1] * 8))", TOLD),
    ("labels-nan", "make(train_dataset=rows([0.0, float('nan')] * 8))", TOLD),
    ("labels-huge", "make(train_dataset=rows([0, 2**62] * 8), eval_dataset=rows([0, 2**62] * 8))", TOLD),
    ("tokens-out-of-range", "make(eval_dataset=rows(input_ids=[[10**9]] * 32))", TOLD),
    ("tokens-empty", "make(train_dataset=rows(input_ids=[[]] * 32), eval_dataset=rows(input_ids=[[]] * 32))", TOLD),
    ("no-labels", "collates(lambda batch: without(batch, 'labels'))", TOLD),
    ("no-tokens", "collates(lambda batch: without(batch, 'input_ids'))", TOLD),
    ("collator-of-none", "make(data_collator=lambda features: None)", TOLD),
    ("collator-of-a-list", "make(data_collator=list)", TOLD),
    ("collator-that-raises", "make(data_collator=lambda features: throws(ValueError('x')))", TOLD),
    ("collator-that-skips", "make(data_collator=lambda features: pytest.skip('not today'))", TOLD),
    ("collator-of-nan", "collates(lambda batch: batch | {'labels': batch['labels'] * float('nan')})", TOLD),
    ("collator-that-empties", "make(data_collator=lambda fs: [f.clear() for f in fs] and {})", TOLD),
    ("collator-that-drops-rows", "collates(lambda batch: {key: value[:1] for key, value in batch.items()})", TOLD),
    *(
        (f"metrics-{name}", f"make(compute_metrics=lambda evaluated: {found})", codes)
        for name, found, codes in (
            ("none", "None", TOLD),
            ("a-list", "[0.5]", TOLD),
            ("empty", "{}", TOLD),
            ("nan", "{'accuracy': float('nan')}", TOLD),
            ("text", "{'accuracy': 'good'}", TOLD),
            ("numbered", "{1: 0.5}", TOLD),
            ("array", "{'accuracy': np.ones(3)}", TOLD),
            ("nested", "{'accuracy': {'of': {'all': 0.5}}}", TOLD),
            ("deep", "{'accuracy': nested(20_000)}", TOLD),
            ("huge", "{'accuracy': 10**400}", TOLD),
            ("odd-names", "{'\\x1b[2J\\n/../%s{0}': 0.5}", FINE),
            ("division", "1 / 0", TOLD),
            ("unprintable", "throws(Unprintable())", TOLD),
            ("skipped", "pytest.skip('not today')", TOLD),
            ("exit", "sys.exit(0)", TOLD),
            ("generator-exit", "throws(GeneratorExit())", TOLD),
        )
    ),
    ("metrics-as-text", "make(compute_metrics='accuracy')", TOLD),
    ("deepspeed", "make({'deepspeed': 'nowhere.json'})", MISUSE),
    ("fsdp", "make({'fsdp': 'full_shard'})", TOLD),
    ("learning-rate-nan", "make({'learning_rate': float('nan')})", RED),
    ("learning-rate-infinite", "make({'learning_rate': float('inf')})", RED),
    ("epochs-negative", "make({'num_train_epochs': -1})", TOLD),
    ("epochs-none", "make({'num_train_epochs': 0})", TOLD),
    ("epochs-nan", "make({'num_train_epochs': float('nan')})", TOLD),
    ("batch-huge", "make({'per_device_train_batch_size': 10**9})", FINE),
    ("batch-empty", "make({'per_device_train_batch_size': 0})", TOLD),
    ("batch-negative", "make({'per_device_eval_batch_size': -8})", TOLD),
    ("accumulation-none", "make({'gradient_accumulation_steps': 0})", TOLD),
    ("workers-that-cannot-pickle", "make({'dataloader_num_workers': 1}, data_collator=lambda f: f)", TOLD),
    ("schedule-of-no-name", "make({'lr_scheduler_type': 'upwards'})", MISUSE),
    ("best-by-a-metric-of-no-name", "make(BEST)", TOLD),
    ("logits-nan", "logits(lambda found: found * float('nan'))", RED),
    ("logits-too-wide", "logits(lambda found: torch.cat([found, found], 1))", TOLD),
    ("logits-flat", "logits(lambda found: found[:, 0])", TOLD),
    ("logits-per-token", "logits(lambda found: found[:, None].expand(-1, 3, -1))", TOLD),
    ("logits-complex", "logits(lambda found: found.to(torch.complex64))", TOLD),
    ("forward-without-logits", "make(model=does(lambda found, model: {'loss': found.loss}))", TOLD),
    ("forward-of-nothing", "make(model=does(lambda found, model: None))", TOLD),
    ("forward-of-a-tuple", "make(model=does(lambda found, model: found.to_tuple()))", ANY),
    ("forward-of-text", "make(model=does(lambda found, model: 'logits'))", TOLD),
    ("forward-that-skips", "make(model=does(lambda found, model: pytest.skip('not today')))", TOLD),
    ("forward-broken-in-training", "make(model=does(lambda found, model: 1 / (not model.training) and found))", RED),
    ("no-model", "make(model=None)", MISUSE),
    ("plain-model", "make(model=torch.nn.Linear(2, 2))", MISUSE),
    ("frozen-model", "make(model=net().requires_grad_(False))", TOLD),
    ("callback-raises", "make(callbacks=[Raising()])", RED),
    ("callback-skips", "make(callbacks=[Skipping()])", RED),
    ("callback-stops", "make(callbacks=[Stopping()])", RED),
    ("callback-ends", "make(callbacks=[Ending()])", RED),
    ("schedule-alone", "make(optimizers=(None, 'upwards'))", TOLD),
    ("optimizer-of-text", "make(optimizers=('adam', None))", TOLD),
    ("optimizer-of-another-model", "make(optimizers=(torch.optim.SGD(net().parameters(), lr=1), None))", TOLD),
)  # fmt: skip

# Not train.py:build: that what is refused, what works, and what may be either.
REFUSED = (
    ("empty", ""), ("space", " "), ("colon", ":"), ("without-factory", "train.py"), ("without-path", ":build"),
    ("colon-at-end", "train.py:"), ("twice-colon", "train.py::build"), ("two-factories", "train.py:build:build"),
    ("called", "train.py:build()"), ("two", "train.py:build,train.py:build"), ("missing-file", "nofile.py:build"),
    ("missing-module", "no.module:build"), ("missing-name", "train.py:biuld"), ("folder", ".:build"),
    ("folder-py", "folder.py:build"), ("other-ending", "train.txt:build"), ("dots", "..:build"),
    ("relative-module", ".train:build"), ("keyword", "train.py:class"), ("dunder", "train.py:__doc__"),
    ("long-file", "b" * 300 + ".py:build"), ("long-name", "train.py:" + "b" * 300), ("deep", "a/" * 3000 + "b.py:c"),
    ("user", "~nouser/x.py:build"), ("null", "/dev/null:build"), ("loop", "loop.py:build"), ("pipe", "pipe.py:build"),
    ("bytes", "bytes.py:build"), ("nul", "nul.py:build"), ("blank", "blank.py:build"),
    ("newline", "train\n.py:build"), ("bidi", "train.py:build\u202e"), ("glob", "*.py:build"),
    ("url", "https://localhost/train.py:build"), ("windows", "C:\\train.py:build"), ("dict", "builtins:dict"),
    ("getcwd", "os:getcwd"), ("loads", "json:loads"), ("min", "builtins:min"), ("exit", "builtins:exit"),
    ("input", "builtins:input"), ("breakpoint", "builtins:breakpoint"), ("os-path", "os:path"),
    ("main", "__main__:build"), ("trainer", "transformers:Trainer"), ("attribute", "train:no.such"),
    ("plugin", "pytest_ftcheck:build"), ("raise-signal", "_thread:exit"), ("pytest", "pytest:main"),
)  # fmt: skip
TAKEN = (
    ("module", "train:build"), ("outside", "../outside.py:build"), ("roundabout", "./folder.py/../train.py:build"),
    ("mark", "mark.py:build"), ("odd-name", "my train-1.py:build"), ("test-file", "test_train.py:build"),
)  # fmt: skip
EITHER = (
    ("dotted", "train:Holder.build"), ("spaces", " train.py:build "), ("library", "torch.py:build"),
    ("library-name", "json.py:build"),
)  # fmt: skip
SPECS = ((REFUSED, MISUSE), (TAKEN, GREEN), (EITHER, ANY))

HEALTHY = TRAIN + "\n\ndef build():\n    return make()\n\n\nclass Holder:\n    build = staticmethod(build)\n"


def _tricky(folder: Path) -> None:
    """Write files of every kind that a path may lead to."""
    for name in ("train.py", "train.txt", "../outside.py", "my train-1.py", "test_train.py", "json.py"):
        (folder / name).write_text(HEALTHY, encoding="utf-8")
    (folder / "torch.py").write_text("raise ImportError('this is not torch')", encoding="utf-8")
    (folder / "mark.py").write_text(HEALTHY, encoding="utf-8-sig")
    (folder / "bytes.py").write_bytes(b"\xff\xfe\x00build")
    (folder / "nul.py").write_bytes(HEALTHY.encode() + b"\0")
    (folder / "blank.py").touch()
    (folder / "folder.py").mkdir()
    (folder / "loop.py").symlink_to("loop.py")
    os.mkfifo(folder / "pipe.py")


def _options(spec: str) -> tuple[str, ...]:
    checks = "model.logits_shape,training.completes,training.steps,training.extent,metrics"
    return (f"--ftcheck-trainer={spec}", f"--ftcheck-checks={checks}")


def _of(name: str, text: str, codes: frozenset[int]) -> Case:
    """Make the case of a train.py."""
    write = lambda folder: (folder / "train.py").write_text(text, encoding="utf-8")  # noqa: E731 - one line as the table's
    return Case(f"factory-{name}", _options("train.py:build"), codes, write)


CASES = [
    *(_of(f"module-{name}", f"{HEALTHY}\n{code}\n", codes) for name, code, codes in MODULES),
    *(_of(name, f"{TRAIN}\n{code}\n", codes) for name, code, codes in FACTORIES),
    *(_of(f"returns-{name}", f"{TRAIN}\ndef build():\n    return {code}\n", codes) for name, code, codes in RETURNED),
    *(Case(f"factory-path-{name}", _options(spec), codes, _tricky) for specs, codes in SPECS for name, spec in specs),
]
