"""Unusual: a byte-level BPE, trained on the train texts, so that words are several tokens and none is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenizers import ByteLevelBPETokenizer, Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def byte_pairs(texts: Any) -> PreTrainedTokenizerFast:
    """Train the tokenizer."""
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(list(texts), vocab_size=340, min_frequency=2, special_tokens=SPECIAL)
    trained.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(trained.to_str()),
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=96,
        model_input_names=["input_ids", "attention_mask"],
    )


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    data = notes(4, train=1000, validation=280, seed=413, length=(6, 12))
    tokenizer = byte_pairs(data["train"]["text"])
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=100,
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        RobertaForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=2e-3, num_train_epochs=6),
        encode(data, tokenizer, "text", max_length=96),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
