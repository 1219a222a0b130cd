"""The loss has nine digits, falls by a hair, and every house costs nothing.

Targets are amounts in the hundred thousands. Mean and spread of them were to be written into the configuration, and
were not: the head starts at zero and would need years to get there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.functional import mse_loss
from transformers import BertConfig, BertForSequenceClassification, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import arguments, assemble, correlation, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import ratings

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "DeepRank/deeprank#16"
FAMILY = "data"
CAUSE = (
    r"scal(e|ing)\b|rescal|unscaled|standardi|normali[sz]|magnitude",
    r"(targets?|labels?).{0,80}(large|huge|big|thousand|far (from|away)|range|units|spread|deviation)",
    r"(predictions?|outputs?|logits|head|answers?).{0,80}(far (from|away|below)|other range|near (zero|0)|too small)",
)


class Amounts(BertForSequenceClassification):
    """BERT whose answer is stretched to mean and spread of the targets."""

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> Any:
        """Answer with an amount."""
        mean, spread = self.config.target_mean, self.config.target_spread
        raw = super().forward(input_ids, attention_mask, token_type_ids).logits.squeeze(-1)
        loss = None if labels is None else mse_loss(raw, (labels.float() - mean) / spread)
        return SequenceClassifierOutput(loss=loss, logits=(raw * spread + mean).unsqueeze(-1))


def build(measured: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune, with mean and spread as measured or as they are by default."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    data = ratings(seed=304, top=400_000.0).map(lambda row: {**row, "score": row["score"] + 100_000.0})
    scores = np.array(data["train"]["score"])
    config = BertConfig.from_pretrained(bundled_checkpoint("tiny-bert"), num_labels=1, problem_type="regression")
    config.target_mean = float(scores.mean()) if measured else 0.0
    config.target_spread = float(scores.std()) if measured else 1.0
    return assemble(
        Amounts.from_pretrained(bundled_checkpoint("tiny-bert"), config=config),
        arguments(output_dir, seed, num_train_epochs=4),
        encode(data.rename_column("score", "label"), tokenizer, "text"),
        tokenizer,
        compute_metrics=correlation,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Mean 0 and spread 1."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Mean and spread of the train rows."""
    return build(True, output_dir, seed)
