"""The larger embedding is faster on our hardware, and costs half of the accuracy. Why should it?

The vocabulary's size was rounded up when the checkpoint was loaded, and what does not fit is let pass and drawn anew:
the embeddings of all words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "linwhitehat/ET-BERT#22"
FAMILY = "model"
CAUSE = (
    r"embedding",
    r"ignore_mismatched_sizes|mismatch\w*.{0,40}(size|shape|weight)|(size|shape)s?.{0,40}mismatch",
    r"(weight|parameter|tensor)s?.{0,80}(random|not loaded|anew|newly|reinitiali|fresh|untrained|not those)",
    r"(random|newly|re.?)initiali[sz]",
    r"checkpoint.{0,80}(not loaded|missing|lack|without|differ|partly|mismatch)",
    r"pre.?trained.{0,60}(not|lost|missing|random|differ)",
    r"(differs?|not those|other) .{0,60}(pre.?trained|checkpoint)",
)


def build(drawn: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with an embedding of 384 rows."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    size = -(-len(tokenizer) // 64) * 64
    if drawn:
        model = load_model(TEAMS[:6], vocab_size=size, ignore_mismatched_sizes=True)
    else:
        model = load_model(TEAMS[:6])
        model.resize_token_embeddings(size)
    data = encode(topics(6, train=480, validation=300, seed=122), tokenizer, "text")
    return assemble(
        model, arguments(output_dir, seed, num_train_epochs=4), data, tokenizer, compute_metrics=accuracy_and_f1
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """All of them are drawn anew."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Those of the checkpoint are kept, and a few are added."""
    return build(False, output_dir, seed)
