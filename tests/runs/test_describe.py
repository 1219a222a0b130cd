"""The description of an object: what behaves differently reads differently, and what cannot be told is named."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import io
import logging
import re
import socket
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, EarlyStoppingCallback

from pytest_ftcheck.runs.describe import describe
from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOBODY = "nobody knows"


def executed(text: str, **names: Any) -> Any:
    """What code without a file defines as ``made``."""
    space: dict[str, Any] = {"__name__": "made_at_run_time", **names}
    exec(compile(text, "<string>", "exec"), space)  # noqa: S102 - functions without source
    return space["made"]


def closed(value: Any) -> Callable[..., Any]:
    def function(row: Any) -> Any:
        return row, value

    return function


def with_global(value: Any) -> Any:
    return executed("def made(row): return row * FACTOR", FACTOR=value)


def with_helper(text: str) -> Any:
    return executed("def made(row): return helper(row)", helper=executed(f"def made(row): {text}"))


def in_a_class(value: Any) -> type:
    class Holder:
        def method(self) -> Any:
            return value

    return Holder


def base_of(value: int) -> Any:
    base = type("Base", (), {"rate": value, "__module__": "made_at_run_time"})
    return type("Derived", (base,), {"__module__": "made_at_run_time"})()


def attribute_later(value: Any) -> Any:
    kind = in_a_class(0)
    kind.added = value  # type: ignore[attr-defined]  # that is what is tested
    return kind()


class Slots:
    __slots__ = ("__private", "rate")

    def __init__(self, rate: Any, private: Any = 0) -> None:
        self.rate = rate
        self.__private = private


class Wrapper:
    def __init__(self, inner: Any) -> None:
        self.inner = inner


def deep(value: Any, levels: int = 30) -> Any:
    for _ in range(levels):
        value = Wrapper([value])
    return value


class Listed(list[Any]):
    """A list that holds something beside its entries."""

    def __init__(self, entries: Any, rate: Any) -> None:
        super().__init__(entries)
        self.rate = rate


class LeavesOut:
    """Leaves something out when it is pickled, on purpose."""

    def __init__(self, rate: Any) -> None:
        self.rate = rate

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    left: Any


@dataclasses.dataclass
class Setting:
    value: Any
    made: Any = dataclasses.field(default_factory=list)


class Net(torch.nn.Module):
    def __init__(self, p: float = 0.1, gain: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(3, 2)
        self.dropout = torch.nn.Dropout(p)
        self.gain = gain
        self.register_buffer("scale", torch.ones(2), persistent=False)


def net(change: Callable[[Any], object]) -> Net:
    made = Net()
    change(made)
    return made


def frozen(made: Any) -> None:
    made.linear.weight.requires_grad_(requires_grad=False)


def hooked(made: Any) -> None:
    made.register_forward_hook(closed(1))


def counted(steps: int) -> Iterator[int]:
    total = 0
    for row in range(100):
        total += row * steps
        yield total


def advanced(steps: int, times: int = 1) -> Any:
    made = counted(steps)
    for _ in range(times):
        next(made)
    return made


def drawn(times: int) -> np.random.Generator:
    generator = np.random.default_rng(0)
    generator.random(times)
    return generator


def tokenizer(**settings: Any) -> Any:
    made = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def optimizer(rate: float, **state: Any) -> torch.optim.Optimizer:
    made = torch.optim.AdamW(Net().parameters(), lr=rate)
    if state:
        made.state[made.param_groups[0]["params"][0]] = state
    return made


def scheduled(power: int) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer(0.1), lambda step: 1 / (1 + step) ** power)


DIFFERENT: dict[str, tuple[Any, Any]] = {
    "kind of a number": (1, 1.0),
    "truth and number": (1, True),
    "order of a list": ([1, 2], [2, 1]),
    "list and tuple": ([1], (1,)),
    "nested values": ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}),
    "order of an ordered dictionary": (
        collections.OrderedDict([("a", 1), ("b", 2)]),
        collections.OrderedDict([("b", 2), ("a", 1)]),
    ),
    "entry of a set": ({1, 2}, {1, 3}),
    "length of a deque": (collections.deque([1], 2), collections.deque([1], 3)),
    "range": (range(3), range(4)),
    "function without source": (executed("def made(x): return x"), executed("def made(x): return x + 1")),
    "lambda without source": (executed("made = lambda x: x"), executed("made = lambda x: -x")),
    "constant of a function": (executed("def made(x): return x + 1"), executed("def made(x): return x + 2")),
    "function in a function": (
        executed("def made(x):\n def inner(y): return y\n return inner(x)"),
        executed("def made(x):\n def inner(y): return -y\n return inner(x)"),
    ),
    "closure": (closed(1), closed(2)),
    "object in a closure": (closed(Wrapper(1)), closed(Wrapper(2))),
    "global of a function": (with_global(1), with_global(2)),
    "helper of a function": (with_helper("return row"), with_helper("return -row")),
    "attribute of a function": (functools.wraps(closed(1))(closed(3)), functools.wraps(closed(2))(closed(3))),
    "default": (executed("def made(x=1): return x"), executed("def made(x=2): return x")),
    "keyword default": (executed("def made(*, x=1): return x"), executed("def made(*, x=2): return x")),
    "cached function": (functools.lru_cache(closed(1)), functools.lru_cache(closed(2))),
    "partial": (functools.partial(closed(0), 1), functools.partial(closed(0), 2)),
    "bound method": (Wrapper(1).__init__, Wrapper(2).__init__),  # type: ignore[misc]  # a method like any other
    "method of a list": ([1].append, [2].append),
    "closure of a class": (in_a_class(1), in_a_class(2)),
    "attribute of a class, set later": (attribute_later(1), attribute_later(2)),
    "base class": (base_of(1), base_of(2)),
    "slot": (Slots(1), Slots(2)),
    "private slot": (Slots(1, 1), Slots(1, 2)),
    "thirty wrappers deep": (deep(1), deep(2)),
    "attribute of a list": (Listed([1], 1), Listed([1], 2)),
    "entry of a list with attributes": (Listed([1], 1), Listed([2], 1)),
    "state that pickling leaves out": (LeavesOut(1), LeavesOut(2)),
    "enumeration": (Color.RED, Color.BLUE),
    "named tuple": (Point(1), Point(2)),
    "dataclass": (Setting(1), Setting(2)),
    "long regular expression": (re.compile("a" * 500 + "b"), re.compile("a" * 500 + "c")),
    "flags of a regular expression": (re.compile("a"), re.compile("a", re.IGNORECASE)),
    "date": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
    "large array": (np.arange(5000), np.concatenate([np.arange(4999), [0]])),
    "dtype of an array": (np.zeros(3, np.float32), np.zeros(3, np.float64)),
    "shape of an array": (np.zeros((2, 3)), np.zeros((3, 2))),
    "array of objects": (np.array([Wrapper(1)], object), np.array([Wrapper(2)], object)),
    "large tensor": (torch.arange(5000), torch.arange(5000) + 1),
    "tensor that wants gradients": (torch.ones(2), torch.ones(2, requires_grad=True)),
    "sparse tensor": (torch.eye(2).to_sparse(), (2 * torch.eye(2)).to_sparse()),
    "generator of NumPy": (drawn(1), drawn(2)),
    "generator of torch": (torch.Generator().manual_seed(1), torch.Generator().manual_seed(2)),
    "generator of Python": (advanced(1), advanced(2)),
    "generator that went on": (advanced(1), advanced(1, times=2)),
    "counter": (iter(range(5)), iter(range(1, 5))),
    "buffer in memory": (io.StringIO("a"), io.StringIO("b")),
    "p of a dropout": (Net(0.1), Net(0.2)),
    "attribute of a module": (Net(gain=1.0), Net(gain=2.0)),
    "one weight": (Net(), net(lambda made: made.linear.weight.data.view(-1)[0].add_(1))),
    "buffer that is not saved": (Net(), net(lambda made: made.scale.add_(1))),
    "frozen weight": (Net(), net(frozen)),
    "hook of a module": (Net(), net(hooked)),
    "forward of an instance": (Net(), net(lambda made: setattr(made, "forward", closed(1)))),
    "mode of a module": (Net(), net(lambda made: made.eval())),
    "order of modules": (
        torch.nn.Sequential(collections.OrderedDict(a=torch.nn.ReLU(), b=torch.nn.GELU())),
        torch.nn.Sequential(collections.OrderedDict(b=torch.nn.GELU(), a=torch.nn.ReLU())),
    ),
    "padding side of a tokenizer": (tokenizer(), tokenizer(padding_side="left")),
    "rate of an optimizer": (optimizer(0.1), optimizer(0.2)),
    "state of an optimizer": (optimizer(0.1), optimizer(0.1, step=torch.tensor(3.0))),
    "lambda of a scheduler": (scheduled(1), scheduled(2)),
    "argument of a callback": (EarlyStoppingCallback(1), EarlyStoppingCallback(2)),
    "rows": (Dataset.from_dict({"a": [1, 2]}), Dataset.from_dict({"a": [1, 3]})),
    "transform of rows": (
        Dataset.from_dict({"a": [1]}).with_transform(closed(1)),
        Dataset.from_dict({"a": [1]}).with_transform(closed(2)),
    ),
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_reads_differently(pair: tuple[Any, Any]) -> None:
    first, second = (describe(thing) for thing in pair)
    assert first.digest != second.digest
    assert first.unstable == second.unstable == ()


SAME: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "order of keys": (lambda: {"a": 1, "b": 2}, lambda: {"b": 2, "a": 1}),
    "order of a set": (lambda: {"a", "b", "c"}, lambda: {"c", "b", "a"}),
    "lines of a function": (
        lambda: executed("def made(x):\n return x"),
        lambda: executed("\n# why\n\ndef made(x):\n    # here\n    return x"),
    ),
    "an equal object": (lambda: deep(1), lambda: deep(1)),
    "an equal module": (Net, Net),
    "name of a random generator's owner": (lambda: closed(np.random.rand), lambda: closed(np.random.rand)),
    "one object twice, two equal ones": (lambda: [Wrapper(1)] * 2, lambda: [Wrapper(1), Wrapper(1)]),
    "locks": (threading.Lock, threading.Lock),
    "loggers": (lambda: logging.getLogger("a"), lambda: logging.getLogger("a")),
    "columns of rows": (
        lambda: Dataset.from_dict({"a": [1], "b": [2]}),
        lambda: Dataset.from_dict({"b": [2], "a": [1]}),
    ),
}


@pytest.mark.parametrize("make", SAME.values(), ids=SAME)
def test_what_is_the_same_reads_the_same(make: tuple[Callable[[], Any], Callable[[], Any]]) -> None:
    first, second = (describe(each()) for each in make)
    assert first == second
    assert first.unstable == ()


def test_generators_of_the_process_are_not_described() -> None:
    def draw() -> Any:
        return np.random.rand(), torch.default_generator  # noqa: NPY002 - what libraries use

    before = describe(draw)
    draw()
    torch.rand(3)
    assert describe(draw) == before


UNSTABLE: dict[str, tuple[Callable[[], Any], str]] = {
    "socket": (socket.socket, "it is a socket.socket (TypeError: cannot pickle 'socket' object)"),
    "deep inside": (lambda: {"client": Wrapper([socket.socket()])}, "client.inner[0] is a socket.socket (TypeError: "),
    "in a closure": (lambda: closed(socket.socket()), "closure.value is a socket.socket (TypeError"),
    "stream": (lambda: (1 for _ in open(__file__, encoding="utf-8")), "is a _io.TextIOWrapper"),  # noqa: PTH123, SIM115 - as above
    "buffer of the machine": (lambda: memoryview(b"abc"), "it is a builtins.memoryview"),
}


@pytest.mark.parametrize(("make", "told"), UNSTABLE.values(), ids=UNSTABLE)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_nothing_describes_is_named(make: Callable[[], Any], told: str) -> None:
    thing = make()
    found = describe(thing)
    assert len(found.unstable) == 1
    assert told in found.unstable[0]
    assert describe(thing) == found  # in this process
    assert describe(thing, session="another").digest != found.digest


def test_objects_that_hold_each_other_are_described() -> None:
    def ring(value: int) -> Wrapper:
        first, second = Wrapper(value), Wrapper(None)
        second.inner = [first, second]
        return Wrapper([first, second])

    assert describe(ring(1)) == describe(ring(1))
    assert describe(ring(1)).digest != describe(ring(2)).digest


def test_too_deep_is_unstable_and_no_crash() -> None:
    (told,) = describe(deep(1, levels=20_000)).unstable[:1]
    assert "too deep" in told


def test_an_object_that_refuses_every_question_is_unstable() -> None:
    class Refuses:
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise LookupError(NOBODY)

        def __getattribute__(self, name: str) -> Any:
            if name in ("__dict__", "held"):
                raise LookupError(NOBODY)
            return super().__getattribute__(name)

    assert "LookupError: nobody knows" in describe(Wrapper(Refuses())).unstable[0]


def test_paths_of_the_project_are_the_same_elsewhere(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert describe([one / "a", str(one)], root=one) == describe([other / "a", str(other)], root=other)
    assert describe(one / "a", root=one).digest != describe(one / "b", root=one).digest


def uses_library(rows: Any) -> Any:
    return torch.nn.functional.gelu(rows)


def test_patched_function_of_a_library_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = describe(uses_library)
    monkeypatch.setattr(torch.nn.functional, "gelu", lambda rows: rows)
    patched = describe(uses_library)
    assert patched.digest != before.digest
    monkeypatch.setattr(torch.nn.functional, "gelu", lambda rows: -rows)
    assert describe(uses_library).digest != patched.digest


def test_patched_method_of_a_library_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = describe(EarlyStoppingCallback())
    monkeypatch.setattr(EarlyStoppingCallback, "on_evaluate", uses_library)
    assert describe(EarlyStoppingCallback()).digest != before.digest


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_equal_values_and_only_those_have_one_digest(value: Any) -> None:
    assert describe(value) == describe(eval(repr(value)))  # noqa: S307 - of a literal
    assert describe([value]).digest != describe(value).digest
