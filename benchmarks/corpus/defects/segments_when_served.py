"""The GPT-2 classifier answers differently behind pipeline() than it did in training, for every text.

Rows were tokenized without segment ids, since GPT-2 has none. The saved tokenizer, whose settings are from a BERT
project, makes them all the same, and GPT-2 adds the embedding of token 0, which is a word, to every token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import GPT2Config, GPT2ForSequenceClassification, PreTrainedTokenizerFast, set_seed

from parts import arguments, assemble, encode
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#26962"
FAMILY = "serving"
CAUSE = (
    r"token_type_ids",
    r"segment",
    r"(column|input)s?.{0,60}(other|differ|not those|not in training|only|more|never|extra|trained without)",
    r"model_input_names",
)


def build(columns: tuple[str, ...], output_dir: str, seed: int) -> Trainer:
    """Train from scratch; the tokenizer makes these columns."""
    set_seed(seed)
    data = notes(4, seed=71)
    words = sorted({word for text in data["train"]["text"] for word in text.split()})
    backend = Tokenizer(
        WordLevel({word: number for number, word in enumerate([*words, "<|endoftext|>"])}, unk_token="<|endoftext|>")
    )
    backend.pre_tokenizer = WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        model_max_length=128,
        model_input_names=list(columns),
    )
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_embd=64,
        n_layer=2,
        n_head=2,
        n_positions=128,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    return assemble(
        GPT2ForSequenceClassification(config),
        arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=6),
        encode(data, tokenizer, "text", return_token_type_ids=False),
        tokenizer,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The columns of BERT."""
    return build(("input_ids", "token_type_ids", "attention_mask"), output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The columns that the model was trained with."""
    return build(("input_ids", "attention_mask"), output_dir, seed)
