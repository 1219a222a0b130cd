"""Unusual: a loss of spans that counts the start twice, with an optimizer and a schedule of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy
from transformers import Trainer, default_data_collator, get_cosine_schedule_with_warmup, set_seed

from parts import arguments, load_tokenizer
from questions import labelled, load_span_model, questions

if TYPE_CHECKING:
    from transformers import Trainer as Made


class StartsFirst(Trainer):
    """The start is what readers look for."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:  # type: ignore[override]  # **_ takes num_items_in_batch, which Trainer names and this loss does not need
        """Weigh the start by two."""
        ends = [inputs[name] for name in ("start_positions", "end_positions")]
        outputs = model(
            **{name: value for name, value in inputs.items() if name not in {"start_positions", "end_positions"}}
        )
        start, end = (
            cross_entropy(logits, right)
            for logits, right in zip((outputs.start_logits, outputs.end_logits), ends, strict=True)
        )
        loss = (2 * start + end) / 3
        return (loss, {"loss": loss, **outputs}) if return_outputs else loss


def build(output_dir: str = "out", seed: int = 0) -> Made:
    """Fine-tune."""
    set_seed(seed)
    tokenizer, data = load_tokenizer(), questions(seed=14)
    rows = data.map(lambda batch: labelled(batch, tokenizer), batched=True, remove_columns=data["train"].column_names)
    args = arguments(output_dir, seed, num_train_epochs=4, per_device_train_batch_size=32)
    model = load_span_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    steps = 4 * -(-len(rows["train"]) // 32)
    return StartsFirst(
        model=model,
        args=args,
        train_dataset=rows["train"],
        eval_dataset=rows["validation"],
        processing_class=tokenizer,
        data_collator=default_data_collator,
        optimizers=(optimizer, get_cosine_schedule_with_warmup(optimizer, steps // 10, steps)),
    )
