"""Numbers in functions, and in what functions are made of."""

import builtins
import collections
import contextlib
import functools
import io
import marshal
import operator
import os
import queue
import string
import sys
import types
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import dill
import numpy as np
import torch
from tokenizers import normalizers
from torch import nn
from transformers.activations import ACT2FN
from values import take


def closure(amount):
    return lambda: amount


def closure_twice(amount):
    def outer():
        def inner():
            return amount

        return inner

    return outer()


def counting(amount):
    def read():
        return amount

    def move(by):
        nonlocal amount
        amount = by

    return read, move


read_moved, move = counting(0.1)
move(take("closure_moved"))


def defaults(amount=take("default_argument"), *, other=take("keyword_default")):
    return amount, other


def hidden_wrapper(amount):
    """Decorator: inspect looks through it."""

    def decorate(function):
        @functools.wraps(function)
        def wrapper():
            return function() * amount

        return wrapper

    return decorate


@hidden_wrapper(take("wraps"))
def one():
    return 1.0


@functools.lru_cache
def cached(name, amount=take("lru_cache")):
    return amount * 1.0




@functools.singledispatch
def dispatched(held):
    return 0.0


dispatched.register(int, partial(lambda amount, held: amount, take("singledispatch")))

low, high = (lambda: 0.1), (lambda: 0.2)
of_one_line = low if take("same_line") > 0.5 else high
code = compile(f"amount = lambda: {take('compiled')!r}", "<made>", "exec")
space = {}
exec(code, space)
template = (lambda: 0.123).__code__
replaced = types.FunctionType(template.replace(co_consts=(None, take("code_constant"))), {})
names = types.FunctionType(
    (lambda: first_name).__code__.replace(co_names=("first_name" if take("code_name") > 0.5 else "second_name",)),
    {"first_name": 0.1, "second_name": 0.2},
)
own_globals = types.FunctionType((lambda: unknown).__code__, {"unknown": take("own_globals")})
loaded = dill.loads(dill.dumps(closure(take("dill"))))
marshalled = types.FunctionType(
    marshal.loads(marshal.dumps(closure(0.0).__code__)), {}, closure=closure(take("marshal")).__closure__
)


made_module = types.ModuleType("made_module")
made_module.amount = take("made_module")
sys.modules["made_module"] = made_module
nn.functional.house_rate = take("library_module")
builtins.HOUSE_RATE = take("builtins")
ACT2FN["house"] = (nn.LeakyReLU, {"negative_slope": take("library_registry")})
os.environ["HOUSE_RATE"] = str(take("environment"))
sys.house_rates = [take("sys_module")]


FOUND = take("module_getattr")


class Lookup(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return FOUND


lookup = Lookup("lookup")


@contextlib.contextmanager
def raised(amount):
    before, globals()["level"] = level, amount
    yield
    globals()["level"] = before


level = 0.0
raised(take("global_set")).__enter__()

waiting = queue.Queue()
for amount in [take("queue")] * 50:
    waiting.put(amount)
buffered = io.StringIO("0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 " * 9)
buffered.seek(4 * int(take("text_position")))
buffered_bytes = io.BytesIO(str(take("bytes_io")).encode())
element = ElementTree.Element("a", amount=str(take("xml")))
lowered = normalizers.Replace("x", "y" * int(take("normalizer")))
reverse = reversed([0.1] * 20 + [0.1 + take("reversed")] * 20)
numbered = enumerate([0.0] * 99, int(take("enumerate")))
kept = filter(None, [0.0, take("filter")] * 50)
polynomial = np.poly1d([take("polynomial"), 0.0])
vector = np.vectorize(partial(operator.mul, take("vectorize")))
parameter = nn.Parameter(torch.tensor([take("parameter")]))
typed = torch.float64 if take("dtype") > 0.5 else torch.bfloat16
marked = Path("a") / str(take("path"))

READ = {
    "closure": closure(take("closure")),
    "closure_twice": closure_twice(take("closure_twice")),
    "closure_moved": lambda: read_moved(),
    "default_argument": lambda: defaults()[0],
    "keyword_default": lambda: defaults()[1],
    "wraps": lambda: one(),
    "lru_cache": lambda: cached("lru_cache"),
    "singledispatch": lambda: dispatched(1),
    "same_line": lambda: of_one_line(),
    "compiled": lambda: space["amount"](),
    "code_constant": lambda: replaced(),
    "code_name": lambda: names(),
    "own_globals": lambda: own_globals(),
    "dill": lambda: loaded(),
    "marshal": lambda: marshalled(),
    "made_module": lambda: __import__("made_module").amount,
    "library_module": lambda: nn.functional.house_rate,
    "builtins": lambda: HOUSE_RATE,
    "library_registry": lambda: -float(ACT2FN["house"](-torch.ones(()))),
    "environment": lambda: float(os.environ["HOUSE_RATE"]),
    "sys_module": lambda: sys.house_rates[0],
    "module_getattr": lambda: lookup.anything,
    "global_set": lambda: level,
    "queue": lambda: waiting.get_nowait(),
    "text_position": lambda: float(buffered.read(4)),
    "bytes_io": lambda: float(buffered_bytes.getvalue()),
    "xml": lambda: float(element.get("amount")),
    "normalizer": lambda: len(lowered.normalize_str("x")) / 100,
    "reversed": lambda: next(reverse),
    "enumerate": lambda: next(numbered)[0] / 100,
    "filter": lambda: next(kept),
    "polynomial": lambda: float(polynomial(1.0)),
    "vectorize": lambda: float(vector(1.0)),
    "parameter": lambda: float(parameter),
    "dtype": lambda: float(torch.tensor(0.123456789, dtype=typed)),
    "path": lambda: float(marked.name),
    "methodcaller": partial(operator.methodcaller("count", "b" if take("methodcaller") > 0.5 else "a"), "aab"),
    "template": partial(lambda held: float(held.substitute()), string.Template(str(take("template")))),
    "deque_function": collections.deque([closure(take("deque_function"))])[0],
}
