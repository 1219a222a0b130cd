"""Unusual: mixup of word embeddings and targets, in training only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy, one_hot
from transformers import Trainer, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer as Made


class Mixed(Trainer):
    """Mixes each row with another one of its batch."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as users write it
        """Cross entropy with mixed targets, where the model trains."""
        labels, ids, mask = inputs["labels"], inputs["input_ids"], inputs["attention_mask"]
        if not model.training:
            outputs = model(input_ids=ids, attention_mask=mask)
            loss = cross_entropy(outputs.logits, labels)
            return (loss, outputs) if return_outputs else loss
        order = torch.randperm(len(labels), device=labels.device)
        part = float(torch.distributions.Beta(0.3, 0.3).sample())
        words = model.get_input_embeddings()(ids)
        targets = one_hot(labels, model.config.num_labels).float()
        outputs = model(
            inputs_embeds=part * words + (1 - part) * words[order], attention_mask=torch.maximum(mask, mask[order])
        )
        loss = cross_entropy(outputs.logits, part * targets + (1 - part) * targets[order])
        return (loss, outputs) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = encode(topics(4), tokenizer, "text")
    model = load_model(TEAMS[:4], "tiny-distilbert")
    args = arguments(output_dir, seed, num_train_epochs=4)
    return assemble(model, args, data, tokenizer, kind=Mixed, compute_metrics=accuracy_and_f1)
