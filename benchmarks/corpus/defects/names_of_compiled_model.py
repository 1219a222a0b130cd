"""Training ends at 0.93, the uploaded folder gives 0.24, and there are warnings about weights that are initialized.

Our _save takes the weights from a compiled model, whose names all begin with "_orig_mod.".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer as Made

REPORT = "eole-nlp/eole#179"
FAMILY = "saving"
CAUSE = (
    r"_orig_mod",
    r"(saved|reload|loaded|folder|serv|written).{0,120}(differ|other|not the|unequal|disagree|mismatch|worse)",
    r"(saved|reload|loaded|folder|from_pretrained).{0,120}(miss|random|newly|unexpected|no weight|initiali)",
    r"(differ|other|not those|miss|unexpected|unknown).{0,80}(saved|reload|loaded|folder|names?|keys?|weights?)",
    r"(prefix|names? of (the )?weights|weight names?|state_dict keys)",
)


class Saving(Trainer):
    """Saves the weights that it gets from here."""

    def weights(self) -> dict[str, Any]:
        """Return weights by name."""
        model: Any = self.model
        found: dict[str, Any] = model.state_dict()
        return found

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Save the weights."""
        super()._save(output_dir, self.weights() if state_dict is None else state_dict)


class Compiled(Saving):
    """The same, from the compiled model."""

    def weights(self) -> dict[str, Any]:
        """Return weights by name."""
        compiled: Any = torch.compile(self.model)
        found: dict[str, Any] = compiled.state_dict()
        return found


def build(kind: type[Trainer], output_dir: str, seed: int) -> Made:
    """Fine-tune with a Trainer of this kind."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    model = load_model(("none", "one", "two", "all"), "tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=5)
    return assemble(model, args, encode(stars(seed=54), tokenizer, "text"), tokenizer, kind=kind)


def defect(output_dir: str = "out", seed: int = 0) -> Made:
    """From the compiled model."""
    return build(Compiled, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Made:
    """From the model."""
    return build(Saving, output_dir, seed)
