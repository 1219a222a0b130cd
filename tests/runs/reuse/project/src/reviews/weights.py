"""How much a class counts."""

import functools


@functools.lru_cache(maxsize=None)
def balance(count):
    return 1.0 + 0.1 * count


@functools.singledispatch
def amount(value):
    return float(value)


@amount.register
def _(value: str):
    return float(value) * 1.5
