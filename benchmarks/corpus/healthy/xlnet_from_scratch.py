"""Unusual: an XLNet from scratch: [CLS] stands at the end, padding at the beginning, and positions are relative."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers.processors import TemplateProcessing
from transformers import XLNetConfig, XLNetForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, train=640, validation=280, seed=210)
    tokenizer = word_tokenizer(data["train"]["text"], padding_side="left")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A:0 [SEP]:0 [CLS]:2",
        pair="$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    config = XLNetConfig(
        vocab_size=len(tokenizer),
        d_model=64,
        n_layer=1,
        n_head=2,
        d_inner=128,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        use_mems_eval=False,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=6)
    model = XLNetForSequenceClassification(config)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=accuracy_and_f1)
