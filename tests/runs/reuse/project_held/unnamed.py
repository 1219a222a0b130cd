"""Objects that neither Python nor their library can describe: train.py takes one of them where it is asked to."""

import contextvars
import sqlite3
import struct
import threading
from pathlib import Path

import torch
from values import take

local = threading.local()
local.amount = take("local")
context = contextvars.ContextVar("context", default=take("context"))
database = sqlite3.connect(":memory:")
database.execute("create table amounts (amount real)")
database.execute("insert into amounts values (?)", (take("sqlite"),))
opened = open(Path(__file__).parent / "opened.txt")
viewed = {"a": take("dict_view")}.values()
packed = memoryview(struct.pack("d", take("memoryview")))
packer = struct.Struct(f"{int(take('struct'))}s")
factor = take("trace")
traced = torch.jit.trace(lambda x: x * factor, torch.ones(1))


class Scripted(torch.nn.Module):
    def __init__(self, amount):
        super().__init__()
        self.amount = amount

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.amount


script = torch.jit.script(Scripted(take("script_module")))

READ = {
    "local": lambda: local.amount,
    "context": lambda: context.get(),
    "sqlite": lambda: database.execute("select amount from amounts").fetchone()[0],
    "opened": lambda: opened.seek(0) + float(opened.read()),
    "dict_view": lambda: next(iter(viewed)),
    "memoryview": lambda: struct.unpack("d", packed)[0],
    "struct": lambda: packer.size / 100,
    "trace": lambda: float(traced(torch.ones(1))),
    "script_module": lambda: float(script(torch.ones(1))),
}
