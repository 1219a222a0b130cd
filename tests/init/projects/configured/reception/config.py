"""Runs a function with the configuration, by hydra where it is installed."""

import functools
import json
from pathlib import Path
from types import SimpleNamespace

import yaml

try:
    import hydra
except ImportError:
    hydra = None


def main(config_path, config_name, version_base=None):
    if hydra is not None:
        return hydra.main(config_path=config_path, config_name=config_name, version_base=version_base)

    def decorate(function):
        @functools.wraps(function)
        def run():
            file = Path(__file__).parent / config_path / f"{config_name}.yaml"
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
            return function(json.loads(json.dumps(values), object_hook=lambda keys: SimpleNamespace(**keys)))

        return run

    return decorate
