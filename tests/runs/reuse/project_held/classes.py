"""Numbers in objects whose class hides them in one way or another."""

import abc
import enum
import functools
import types

import attrs
import numpy as np
import pydantic
import torch
from values import take


class Slotted:
    __slots__ = ("amount",)

    def __init__(self, amount):
        self.amount = amount


class SlottedBelow(Slotted):
    __slots__ = ("other",)


class SlottedWithDict(Slotted):
    pass


class WithoutState:
    """Pickles without its number."""

    def __init__(self, amount):
        self.amount = amount

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        pass


class Reduced:
    """Pickles as a call without its number."""

    def __init__(self, amount=0.0):
        self.amount = amount

    def __reduce__(self):
        return (Reduced, ())


class Alike:
    """All of them are equal and look the same."""

    def __init__(self, amount):
        self.amount = amount

    def __eq__(self, other):
        return isinstance(other, Alike)

    def __hash__(self):
        return 1

    def __repr__(self):
        return "Alike()"

    def __deepcopy__(self, memo):
        return self


class Behind:
    """Answers for what it holds."""

    def __init__(self, amount):
        object.__setattr__(self, "_held", types.SimpleNamespace(amount=amount))

    def __getattr__(self, name):
        return getattr(object.__getattribute__(self, "_held"), name)

    @property
    def __class__(self):
        return dict

    @property
    def __dict__(self):
        return {}


class Meta(type):
    """Its classes share a number."""

    shared = 0.0

    @property
    def amount(cls):
        return cls.shared


class Made(metaclass=Meta):
    pass


Meta.shared = take("metaclass")


class Above:
    amount = 0.0


class Below(Above):
    pass


Above.amount = take("base_attribute")


class Constant:
    """Descriptor with a number of its own."""

    def __init__(self, amount):
        self.amount = amount

    def __get__(self, instance, owner):
        return self.amount


class Described:
    amount = Constant(take("descriptor"))
    computed = property(functools.partial(lambda amount, self: amount, take("property")))
    plain = staticmethod(functools.partial(lambda amount: amount, take("staticmethod")))
    of_class = classmethod(functools.partial(lambda amount, cls: amount, take("classmethod")))

    @functools.cached_property
    def kept(self, amount=take("cached")):
        return amount * 1.0


class Plugin(abc.ABC):
    plugins = {}

    def __init_subclass__(cls, amount, **kwargs):
        super().__init_subclass__(**kwargs)
        Plugin.plugins[cls.__name__] = amount


Plugged = type("Plugged", (Plugin,), {}, amount=take("init_subclass"))
ByType = type("ByType", (), {"amount": take("type_call")})


class First:
    amount = 0.1


class Second:
    amount = 0.2


Order = type("Order", (First, Second) if take("base_order") > 0.5 else (Second, First), {})


class Mapping(dict):
    def __missing__(self, key):
        return self.absent


class Sequence(list):
    pass


class Text(str):
    pass


class Number(float):
    pass


class Marked(np.ndarray):
    pass


class Kind(enum.Enum):
    ONLY = take("enum")
    OTHER = "other"


Kind.OTHER.amount = take("enum_attribute")


class Settings(pydantic.BaseModel):
    amount: float = 0.0
    _private: float = pydantic.PrivateAttr(default=0.0)


@attrs.define
class Plain:
    amount: float = attrs.field(repr=False, eq=False)


def with_attribute(made, amount):
    made.absent = made.amount = amount
    return made


def hidden_member(amount):
    settings = Settings()
    settings._private = amount
    return settings


def held_module(amount):
    module = torch.nn.Module()
    module.plain = amount
    return module


def outside_model(name):
    """A dropout that no model holds: nothing sets its mode but this."""
    made = torch.nn.Dropout(0.5)
    return made.train(take(name) > 0.5)


mode = outside_model("module_mode")
dropped = torch.nn.AlphaDropout(take("module_dropout"))
hooked = torch.nn.Identity()
hooked.register_forward_hook(functools.partial(lambda amount, module, args, output: output * amount, take("hook")))
ordered = torch.nn.Sequential(*([torch.nn.Softplus(), torch.nn.Tanh()][:: 1 if take("module_order") > 0.5 else -1]))
normal = torch.distributions.Normal(take("distribution"), 1.0)
instance = Slotted(0.0)
twin = types.SimpleNamespace(amount=take("instance_method"))
patched = types.SimpleNamespace()
patched.read = types.MethodType(lambda self: self.amount, twin)

READ = {
    "slots": functools.partial(lambda held: held.amount, Slotted(take("slots"))),
    "slots_inherited": functools.partial(lambda held: held.amount, SlottedBelow(take("slots_inherited"))),
    "slots_and_dict": functools.partial(lambda held: held.amount, SlottedWithDict(take("slots_and_dict"))),
    "getstate": functools.partial(lambda held: held.amount, WithoutState(take("getstate"))),
    "reduce": functools.partial(lambda held: held.amount, Reduced(take("reduce"))),
    "alike": functools.partial(lambda held: held.amount, Alike(take("alike"))),
    "behind": functools.partial(lambda held: held.amount, Behind(take("behind"))),
    "metaclass": lambda: Made.amount,
    "base_attribute": lambda: Below().amount,
    "descriptor": lambda: Described().amount,
    "property": lambda: Described().computed,
    "staticmethod": lambda: Described.plain(),
    "classmethod": lambda: Described.of_class(),
    "cached": lambda: Described().kept,
    "init_subclass": lambda: Plugin.plugins["Plugged"],
    "type_call": lambda: ByType().amount,
    "base_order": lambda: Order.amount,
    "dict_attribute": functools.partial(lambda held: held["x"], with_attribute(Mapping(), take("dict_attribute"))),
    "list_attribute": functools.partial(lambda held: held.amount, with_attribute(Sequence(), take("list_attribute"))),
    "text_attribute": functools.partial(lambda held: held.amount, with_attribute(Text("a"), take("text_attribute"))),
    "number_attribute": functools.partial(
        lambda held: held.amount, with_attribute(Number(1), take("number_attribute"))
    ),
    "array_attribute": functools.partial(
        lambda held: held.amount, with_attribute(np.zeros(1).view(Marked), take("array_attribute"))
    ),
    "tensor_attribute": functools.partial(
        lambda held: held.amount, with_attribute(torch.zeros(1), take("tensor_attribute"))
    ),
    "function_attribute": functools.partial(
        lambda held: held.amount, with_attribute(lambda: None, take("function_attribute"))
    ),
    "error": functools.partial(lambda held: held.args[0], ValueError(take("error"))),
    "enum": lambda: Kind.ONLY.value,
    "enum_attribute": lambda: Kind.OTHER.amount,
    "pydantic": functools.partial(lambda held: held.amount, Settings(amount=take("pydantic"))),
    "pydantic_private": functools.partial(lambda held: held._private, hidden_member(take("pydantic_private"))),
    "attrs": functools.partial(lambda held: held.amount, Plain(take("attrs"))),
    "module_attribute": functools.partial(lambda held: held.plain, held_module(take("module_attribute"))),
    "module_mode": lambda: float(mode(torch.ones(64)).std()) / 10,
    "module_dropout": lambda: float(dropped(torch.ones(640)).max()) / 10,
    "module_order": lambda: float(ordered(torch.tensor(-0.5))) + 0.5,
    "hook": lambda: float(hooked(torch.tensor(1.0))),
    "distribution": lambda: float(normal.mean),
    "instance_method": lambda: patched.read(),
}
