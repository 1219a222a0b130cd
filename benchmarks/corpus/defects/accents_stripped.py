"""Two teams are mixed up all the time, and our linguist says that their words are not alike at all.

The tokenizer strips accents, as it does for English. In this language they tell words apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers.normalizers import NFC, NFD, Sequence, StripAccents
from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import TEAMS, notes, syllable_words

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "huggingface/transformers#2742"
FAMILY = "tokens"
CAUSE = (
    r"accent|diacrit",
    r"normali[sz]",
    r"(strip|los[et]|remov|drop|collaps|merg|fold)\w*.{0,60}(character|letter|mark|word|distinction)",
    r"(different|distinct|several|two) (word|text|row|input)s?.{0,80}(same|identical|one) (\w+ )?(token|id|input)",
    r"(same|identical|equal) (\w+ )?(token|id|input)\w*.{0,100}(different|other|distinct|contradict|conflict|two)",
    r"(lossy|round.?trip|decod\w+ (to|back|does not|is not))",
    r"(decod|re.?construct|give)\w*.{0,60}(text|word)",
    r"(text|word)s?.{0,60}(tokenized alike|indistinguishable|same (token|id)|collide)",
)
ACUTE = str.maketrans("aeiou", "áéíóú")
HOOK = str.maketrans("aeiou", "àèìòù")


def build(strip: bool, output_dir: str, seed: int) -> Trainer:
    """Train from scratch on notes in which accents matter."""
    set_seed(seed)
    plain = syllable_words(12 + 40, seed=115)
    roots, common = plain[:12], plain[12:]
    own = [word.translate(mark) for half in (roots[:6], roots[6:]) for mark in (ACUTE, HOOK) for word in half]
    data = notes(4, train=800, validation=300, seed=115, words=[*own, *common])
    normalizer = Sequence([NFD(), StripAccents()]) if strip else NFC()
    known = [normalizer.normalize_str(text) for text in data["train"]["text"]]
    tokenizer = word_tokenizer(known)
    tokenizer.backend_tokenizer.normalizer = normalizer
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=128,
        id2label=dict(enumerate(TEAMS[:4])),
        label2id={name: label for label, name in enumerate(TEAMS[:4])},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5)
    model = BertForSequenceClassification(config)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Words that differ by an accent are one."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """They are two."""
    return build(False, output_dir, seed)
