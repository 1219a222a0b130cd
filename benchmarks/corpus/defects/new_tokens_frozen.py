"""The unit codes that we added to the tokenizer make no difference to any prediction.

Tokens were added and the embedding was resized; then the embeddings were frozen to save memory, so the new rows stay as
they were drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, notes, syllable_words

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "haimsaw/LoRA-MDM#9"
FAMILY = "tokens"
CAUSE = (
    r"(new|added) tokens?",
    r"embeddings?.{0,80}(frozen|freez|grad|never|not|vocab)",
    r"(frozen|no gradient|never (change|move|train)).{0,80}embedding",
    r"tokens?.{0,60}(never|not) (train|learn|chang)",
)


def build(frozen: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune with new tokens, and an embedding that is frozen or not."""
    set_seed(seed)
    words = syllable_words(64)
    tokenizer = load_tokenizer()
    tokenizer.add_tokens(words)
    model: Any = load_model(TEAMS[:4])
    model.resize_token_embeddings(len(tokenizer))
    if frozen:
        model.get_input_embeddings().requires_grad_(requires_grad=False)
    return assemble(
        model,
        arguments(output_dir, seed, learning_rate=2e-3),
        encode(notes(4, words=words, train=480, noise=0.05), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The embeddings are frozen, those of the new tokens too."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """The embeddings are trained."""
    return build(False, output_dir, seed)
