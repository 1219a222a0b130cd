"""What a user of examples/csv_trainer would run in its folder: build the Trainer, train, evaluate once. No checks."""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path

from transformers import set_seed


def main() -> None:
    """Train and evaluate, with the seed of a session."""
    sys.path.insert(0, str(Path.cwd()))
    set_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        trainer = import_module("train").build_trainer(seed=0, output_dir=folder)
        trainer.train()
        print(trainer.evaluate())


if __name__ == "__main__":
    main()
