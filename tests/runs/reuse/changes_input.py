"""Changes of what the project reads: configuration, data, the environment and libraries that it patches."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.runs.reuse.workplace import Change
else:
    from workplace import Change


def added(text: str, path: str = "conftest.py") -> Callable[[Path], None]:
    """Add lines to the end of a file."""

    def act(folder: Path) -> None:
        file = folder / path
        file.write_text(file.read_text(encoding="utf-8") + "\n\n" + text + "\n", encoding="utf-8")

    return act


def other_folder(folder: Path) -> None:
    """Name another folder for the code that lies beside the project."""
    shutil.copytree(folder.parent / "beside", folder.parent / "other")
    rules = folder.parent / "other" / "house_rules.py"
    rules.write_text(rules.read_text(encoding="utf-8").replace("0.015", "0.018"), encoding="utf-8")
    (folder / "config" / "paths.txt").write_text("../other\n", encoding="utf-8")


def shadowed(folder: Path) -> None:
    """Put a module of the same name where it is found first."""
    text = (folder.parent / "beside" / "house_rules.py").read_text(encoding="utf-8")
    (folder / "house_rules.py").write_text(text.replace("0.015", "0.018"), encoding="utf-8")


def late_shadowed(folder: Path) -> None:
    """Put a module of the same name where it is found first, while the model trains."""
    text = (folder.parent / "beside" / "late_rules.py").read_text(encoding="utf-8")
    (folder / "late_rules.py").write_text(text.replace("0.025", "0.028"), encoding="utf-8")


CONFIGURATION = (
    Change("rate", "config/train.json", '"rate": 0.05', '"rate": 0.06', quick=True),
    Change("rate-of-the-head", "config/train.json", '"head_rate": 0.08', '"head_rate": 0.09'),
    Change("class-weights", "config/train.json", "2.5", "2.6"),
    Change("label-smoothing", "config/train.json", '"label_smoothing": 0.05', '"label_smoothing": 0.06'),
    Change("five-levels-deep", "config/train.json", '"amount": 0.3', '"amount": 0.4'),
    Change("argument-of-a-callback", "config/train.json", '"freeze_at": 1', '"freeze_at": 2'),
    Change("tied-weights", "config/train.json", "true", "false"),
    Change("momentum", "config/train.json", '"momentum": 0.9', '"momentum": 0.8'),
    Change("number-in-a-hook", "config/train.json", '"gradient_scale": 0.7', '"gradient_scale": 0.6'),
    Change("seed-of-a-generator", "config/train.json", '"noise_seed": 11', '"noise_seed": 12'),
    Change("dropout", "config/model.yaml", "\ndropout: 0.2", "\ndropout: 0.3"),
    Change("dropout-of-attention", "config/model.yaml", "attention_dropout: 0.1", "attention_dropout: 0.2"),
    Change("activation", "config/model.yaml", "softsign", "tanhshrink"),
    Change("buffer", "config/model.yaml", "-0.2]", "-0.3]"),
    Change("dataclass", "config/model.yaml", "strength: 0.6", "strength: 0.7"),
    Change("number-in-a-lambda", "config/schedule.ini", "decay = 0.5", "decay = 0.4"),
    Change("frozen-layers", "config/frozen.txt", "bert.embeddings.token_type_embeddings\n", ""),
    Change("formula", "config/formula.txt", "0.02", "0.03"),
    Change("length-of-the-rows", "pyproject.toml", "max_length = 24", "max_length = 6"),
    Change("seed-of-the-shuffle", "pyproject.toml", "shuffle_seed = 3", "shuffle_seed = 4"),
    Change("another-folder-for-code", act=other_folder),
    Change("module-that-is-found-first", act=shadowed),
    Change("module-that-is-found-first-late", act=late_shadowed),
)

FIRST, SECOND = (
    "the hall was literally bad and the cellar too,0\n",
    "an attic is quite good and clean and a garden too,1\nthe cellar was really warm! and her cat too,1\n",
)
SWAPPED = (FIRST + SECOND, SECOND + FIRST)

DATA = (
    Change(
        "label-of-a-row",
        "data/train.csv",
        "horse is not a good place! and his dog too,0",
        "horse is not a good place! and his dog too,1",
    ),
    Change("text-of-a-row", "data/train.csv", "the cellar was really warm!", "the cellar was so very warm!"),
    Change("order-of-the-rows", "data/train.csv", *SWAPPED),
    Change("row-of-the-evaluation", "data/validation.csv", "the hall was really warm! and", "the hall was cold and"),
    Change("label-of-the-evaluation", "data/validation.csv", "cold and the horse too,0", "cold and the horse too,1"),
    Change("file-read-while-training", "data/late.txt", "0.04", "0.05"),
)

ENVIRONMENT = (
    Change("variable-when-imported", environment={"LOSS_SCALE": "1.2"}),
    Change("variable-in-the-factory", environment={"MAX_GRAD_NORM": "0.05"}),
    Change("variable-in-the-loss", environment={"LATE_SHARE": "0.3"}),
    Change("variable-in-a-callback", environment={"NOISE_SCALE": "2"}),
    Change("variable-in-a-patch", environment={"OUTPUT_SCALE": "1.05"}),
)

LIBRARIES = (
    Change("patch-of-a-function", "conftest.py", "TANH_SLOPE = 0.9", "TANH_SLOPE = 0.8", quick=True),
    Change("patch-deep-in-a-layer", "conftest.py", "NORM_EPS = 1e-4", "NORM_EPS = 1e-3"),
    Change("patch-of-a-method", "conftest.py", "0.95", "0.94"),
    Change("patch-of-a-class", "conftest.py", '"OUTPUT_SCALE", "1.02"', '"OUTPUT_SCALE", "1.03"'),
    Change("hook-of-all-optimizers", "conftest.py", "0.9999", "0.9998"),
    Change(
        "new-patch-by-a-lambda",
        act=added(
            "_drop = nn.functional.dropout\n"
            "nn.functional.dropout = lambda input, p=0.5, *rest: _drop(input, p / 2, *rest)"
        ),
    ),
    Change(
        "new-patch-without-source",
        act=added(
            'space = {"inner": nn.functional.linear}\n'
            'exec("def linear(*args):\\n    return 1.01 * inner(*args)", space)\n'
            'nn.functional.linear = space["linear"]'
        ),
    ),
    Change(
        "new-hook-of-all-modules",
        act=added(
            "def larger(module, args):\n    if not isinstance(module, nn.Linear):\n        return None\n"
            "    return tuple(1.01 * arg if torch.is_floating_point(arg) else arg for arg in args)\n\n\n"
            "nn.modules.module.register_module_forward_pre_hook(larger)"
        ),
    ),
    Change(
        "new-patch-of-the-base-class-of-callbacks",
        act=added(
            "import transformers\n\n\ndef on_log(self, args, state, control, model=None, **kwargs):\n"
            "    model.classifier.weight.data.mul_(0.99)\n\n\ntransformers.TrainerCallback.on_log = on_log"
        ),
    ),
    Change(
        "new-patch-of-accelerate",
        act=added(
            "import accelerate\n\n_backward = accelerate.Accelerator.backward\n"
            "accelerate.Accelerator.backward = lambda self, loss, **kwargs: _backward(self, 1.1 * loss, **kwargs)"
        ),
    ),
    Change(
        "new-patch-of-the-optimizer",
        act=added(
            "import torch.optim.sgd as sgd\n\n_sgd = sgd.sgd\n"
            "sgd.sgd = lambda *args, **kwargs: _sgd(*args, **{**kwargs, 'lr': kwargs['lr'] * 0.9})"
        ),
    ),
    Change(
        "new-function-mode",
        act=added(
            "from torch.overrides import TorchFunctionMode\n\n\nclass Mode(TorchFunctionMode):\n"
            "    def __torch_function__(self, function, types, args=(), kwargs=None):\n"
            "        result = function(*args, **(kwargs or {}))\n"
            "        return result * 1.01 if function is nn.functional.gelu else result\n\n\nMode().__enter__()"
        ),
    ),
    Change(
        "new-kernel",
        act=added(
            "library = torch.library.Library('aten', 'IMPL')\n"
            "def softmax(input, dim, dtype=None):\n"
            "    return input.exp() / input.exp().sum(dim, keepdim=True) * 1.01\n\n\n"
            "library.impl('softmax.int', softmax, 'CompositeImplicitAutograd')"
        ),
    ),
)
