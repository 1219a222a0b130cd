"""Numbers in containers of every kind of the standard library and of numpy, pandas, scipy and torch."""

import array
import collections
import ctypes
import dataclasses
import datetime
import decimal
import fractions
import itertools
import operator
import random
import re
import struct
import types
import typing
import weakref
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from values import take

Pair = collections.namedtuple("Pair", ["first", "second"])


def place(name, size, dtype=float):
    """Many numbers, one of them of the table."""
    made = np.zeros(size, dtype=dtype)
    made[size // 2] = take(name)
    return made


counted = itertools.count(take("count"), 0.01)
cycled = itertools.cycle([take("cycle"), 0.2])
repeated = itertools.repeat(take("repeat"))
listed = iter([take("iterator")] * 50)
mapped = map(partial(operator.mul, take("map")), itertools.repeat(1.0))
zipped = zip(itertools.repeat(take("zip")), itertools.repeat(0.0))
chained = itertools.chain([take("chain")] * 50)
skipped = itertools.count()
for _ in range(int(take("skip"))):
    next(skipped)


def stream(first):
    amount = first
    while True:
        yield amount
        amount *= 0.9


streamed = stream(take("stream"))
advanced = stream(0.3)
for _ in range(int(take("advanced"))):
    next(advanced)
nested = (amount * 2 for amount in stream(take("nested")))

drawn = random.Random(int(take("random")))
drawn_numpy = np.random.default_rng(int(take("numpy_generator")))
drawn_old = np.random.RandomState(int(take("numpy_state")))
drawn_torch = torch.Generator().manual_seed(int(take("torch_generator")))
moved = np.random.default_rng(0)
moved.random(int(take("moved_generator")))

scaler = StandardScaler().fit(np.array([[0.0], [take("scaler") * 2]]))
ridge = Ridge(alpha=take("ridge")).fit([[0.0], [1.0]], [0.0, 1.0])
words = "|".join(f"word{number:04d}" for number in range(300))
pattern = re.compile(rf"\b({words}|number{int(take('pattern'))})\b")
flagged = re.compile("THIRTY", re.IGNORECASE if take("pattern_flags") > 0.5 else 0)
owner = collections.UserString("owner")
owner.amount = take("weak_reference")
reference = weakref.ref(owner)
registry = weakref.WeakKeyDictionary({Pair: take("weak_dictionary")})


@dataclasses.dataclass(eq=False)
class Quiet:
    shown: float = 0.0
    hidden: float = dataclasses.field(default=0.0, repr=False, compare=False)


Typed = typing.Annotated[float, take("annotated")]

READ = {
    "array": partial(lambda held: held[1], array.array("d", [0.0, take("array")])),
    "deque": partial(lambda held: held[0], collections.deque([take("deque")], maxlen=4)),
    "ordered": partial(lambda held: next(iter(held.values())), collections.OrderedDict(a=take("ordered"))),
    "default": partial(lambda held: held["absent"], collections.defaultdict(partial(float, take("default")))),
    "default_factory": partial(lambda held: held["absent"], collections.defaultdict(lambda: factory_amount)),
    "counter": partial(lambda held: held["a"], collections.Counter({"a": take("counter")})),
    "chainmap": partial(lambda held: held["a"], collections.ChainMap({}, {"a": take("chainmap")})),
    "userdict": partial(lambda held: held["a"], collections.UserDict(a=take("userdict"))),
    "namedtuple": partial(lambda held: held.second, Pair(0.0, take("namedtuple"))),
    "namespace": partial(lambda held: held.amount, types.SimpleNamespace(amount=take("namespace"))),
    "proxy": partial(lambda held: held["a"], types.MappingProxyType({"a": take("proxy")})),
    "frozenset": partial(lambda held: sum(held), frozenset([take("frozenset"), 0.01])),
    "set": partial(lambda held: sum(held), {take("set"), 0.02}),
    "dict_key": partial(lambda held: next(iter(held)), {take("dict_key"): 0}),
    "bytes": partial(lambda held: struct.unpack("d", held)[0], struct.pack("d", take("bytes"))),
    "bytearray": partial(lambda held: struct.unpack("d", held)[0], bytearray(struct.pack("d", take("bytearray")))),
    "fraction": partial(float, fractions.Fraction(int(take("fraction")), 7)),
    "decimal": partial(float, decimal.Decimal(str(take("decimal")))),
    "complex": partial(lambda held: held.imag, complex(0.0, take("complex"))),
    "timedelta": partial(lambda held: held.total_seconds(), datetime.timedelta(seconds=take("timedelta"))),
    "range": partial(lambda held: len(held) / 100, range(int(take("range")))),
    "slice": partial(lambda held: held.stop / 100, slice(None, int(take("slice")))),
    "itemgetter": partial(lambda held: held([0.1, 0.2, 0.3]), operator.itemgetter(int(take("itemgetter")))),
    "attrgetter": partial(
        lambda held: held(Pair(0.1, 0.2)), operator.attrgetter("second" if take("attrgetter") > 0.5 else "first")
    ),
    "partial": partial(operator.mul, 1.0, take("partial")),
    "partial_keyword": partial(lambda *, amount: amount, amount=take("partial_keyword")),
    "ctypes": partial(lambda held: held.value, ctypes.c_double(take("ctypes"))),
    "count": lambda: next(counted),
    "cycle": lambda: next(cycled),
    "repeat": lambda: next(repeated),
    "iterator": lambda: next(listed),
    "map": lambda: next(mapped),
    "zip": lambda: next(zipped)[0],
    "chain": lambda: next(chained),
    "skip": lambda: next(skipped) / 100,
    "stream": lambda: next(streamed),
    "advanced": lambda: next(advanced),
    "nested": lambda: next(nested),
    "random": lambda: drawn.random(),
    "numpy_generator": lambda: drawn_numpy.random(),
    "numpy_state": lambda: drawn_old.rand(),
    "torch_generator": lambda: float(torch.rand((), generator=drawn_torch)),
    "moved_generator": lambda: moved.random(),
    "scaler": lambda: float(scaler.mean_[0]),
    "ridge": lambda: float(ridge.predict([[1.0]])[0]),
    "pattern": lambda: 0.1 if pattern.search("so number7 it is") else 0.2,
    "pattern_flags": lambda: 0.1 if flagged.match("thirty") else 0.2,
    "weak_reference": lambda: reference().amount,
    "weak_dictionary": lambda: registry[Pair],
    "dataclass_hidden": partial(lambda held: held.hidden, Quiet(hidden=take("dataclass_hidden"))),
    "annotated": lambda: Typed.__metadata__[0],
    "numpy_middle": partial(lambda held: held.sum(), place("numpy_middle", 5001)),
    "numpy_half": partial(lambda held: float(held.max()), place("numpy_half", 1201, np.float16)),
    "numpy_objects": partial(lambda held: held[0]["a"], np.array([{"a": take("numpy_objects")}], dtype=object)),
    "numpy_structured": partial(
        lambda held: held["b"][0], np.array([(0, take("numpy_structured"))], dtype=[("a", "i4"), ("b", "f8")])
    ),
    "numpy_scalar": partial(float, np.float64(take("numpy_scalar"))),
    "numpy_masked": partial(lambda held: float(held.sum()), np.ma.array([0.3, take("numpy_masked")], mask=[1, 0])),
    "numpy_view": partial(lambda held: float(held[::2].sum()), place("numpy_view", 4001)[::-1]),
    "series": partial(lambda held: held.iloc[-1], pd.Series([0.0, take("series")])),
    "frame": partial(lambda held: held["a"].sum(), pd.DataFrame({"a": place("frame", 3001)})),
    "frame_index": partial(lambda held: held.index[0], pd.DataFrame({"a": [1]}, index=[take("frame_index")])),
    "arrow": partial(lambda held: held["a"][0].as_py(), pa.table({"a": [take("arrow")]})),
    "sparse": partial(lambda held: held.sum(), scipy.sparse.csr_matrix(place("sparse", 2001))),
    "tensor_middle": partial(lambda held: float(held.sum()), torch.from_numpy(place("tensor_middle", 5001))),
    "tensor_sparse": partial(
        lambda held: float(held.to_dense().sum()), torch.from_numpy(place("tensor_sparse", 2001)).to_sparse()
    ),
    "tensor_bfloat16": partial(lambda held: float(held.sum()), torch.tensor([take("tensor_bfloat16")]).bfloat16()),
    "tensor_expanded": partial(lambda held: float(held[2]), torch.tensor([take("tensor_expanded")]).expand(9)),
    "tensor_gradient": partial(lambda held: float(held.requires_grad) / 10, torch.ones(1)),
    "long_list": partial(sum, place("long_list", 4001).tolist()),
    "long_string": partial(lambda held: held.count("b") / 100, "a" * 9000 + "b" * int(take("long_string")) + "a" * 99),
    "long_dict": partial(lambda held: held[900], dict(enumerate(place("long_dict", 1801).tolist()))),
}
READ["tensor_gradient"].args[0].requires_grad = take("tensor_gradient") > 0.5
factory_amount = take("default_factory")

deep = [take("deep_list")]
for _ in range(60):
    deep = [deep]


def deepest():
    found = deep
    while isinstance(found, list):
        found = found[0]
    return found


READ["deep_list"] = deepest
knot = {"amount": take("knot")}
knot["self"] = knot
READ["knot"] = lambda: knot["self"]["self"]["amount"]
