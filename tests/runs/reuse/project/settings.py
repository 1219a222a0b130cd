"""All settings of the fine-tune, from wherever they come."""

import configparser
import enum
import json
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

HERE = Path(__file__).parent

# Read when the module is imported.
LOSS_SCALE = float(os.environ.get("LOSS_SCALE", "1.0"))


class Pooling(enum.Enum):
    FIRST = "first"
    MEAN = "mean"


POOLING = Pooling.MEAN


class Bounds(NamedTuple):
    low: float = -4.0
    high: float = 4.0


@dataclass
class Gate:
    strength: float
    steps: list = field(default_factory=lambda: [0.3, 0.4])


class Budget:
    __slots__ = ("share",)

    def __init__(self, share):
        self.share = share


BOUNDS = Bounds(high=0.5)
BUDGET = Budget(0.25)


def train_settings():
    return json.loads((HERE / "config" / "train.json").read_text())


def model_settings():
    return yaml.safe_load((HERE / "config" / "model.yaml").read_text())


def schedule_settings():
    parser = configparser.ConfigParser()
    parser.read(HERE / "config" / "schedule.ini")
    return {name: float(value) for name, value in parser["schedule"].items()}


def project_settings():
    with open(HERE / "pyproject.toml", "rb") as file:
        return tomllib.load(file)["tool"]["reviews"]


def frozen_layers():
    return [line.strip() for line in open(HERE / "config" / "frozen.txt") if line.strip()]
