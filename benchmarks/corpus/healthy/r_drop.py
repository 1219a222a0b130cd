"""Unusual: R-Drop: every batch goes through the model twice, and the two answers are drawn to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.nn.functional import kl_div, log_softmax
from transformers import Trainer, set_seed

from parts import arguments, assemble, encode, load_model, load_tokenizer
from worlds import reviews

if TYPE_CHECKING:
    from transformers import Trainer as Made


class TwoPasses(Trainer):
    """Adds the distance between two passes with different dropout, in training."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Mean cross entropy of both passes, and their distance."""
        outputs = model(**inputs)
        loss = outputs.loss
        if model.training:
            other = model(**inputs)
            first, second = log_softmax(outputs.logits, dim=-1), log_softmax(other.logits, dim=-1)
            apart = kl_div(first, second, reduction="batchmean", log_target=True)
            apart = apart + kl_div(second, first, reduction="batchmean", log_target=True)
            loss = (loss + other.loss) / 2 + apart / 4
        return (loss, outputs) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = encode(reviews(train=320), tokenizer, "text")
    return assemble(load_model(), arguments(output_dir, seed), data, tokenizer, kind=TwoPasses)
