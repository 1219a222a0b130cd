"""Windows instead of truncation made it worse, and the more windows a document has, the worse it is.

A document becomes several rows. The labels are repeated so that there are enough of them, as if every document had the
same number of windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import BertConfig, BertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, word_tokenizer
from worlds import TEAMS, notes

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = ""
FAMILY = "tokens"
CAUSE = (
    r"window|chunk|overflow|\bstride",
    r"document",
    r"(label|target|class)(es|s)?.{0,100}(misalign|shift|mismatch|disagree|contradict|conflict|inconsisten|not match)",
    r"(contradict|conflict|inconsistent|noisy|shuffled|misaligned|wrong|random)\w*.{0,60}(label|target|class)",
    r"mislabel|labels? of (an)?other (row|text|document)",
    r"label.{0,60}(disagree|contradict|not fit|do not follow|unrelated|look random)",
)


def build(by_document: bool, output_dir: str, seed: int) -> Trainer:
    """Train from scratch on windows of sixteen tokens."""
    set_seed(seed)
    data = notes(4, train=400, validation=160, seed=116, length=(14, 44))
    tokenizer = word_tokenizer(data["train"]["text"])

    def windows(batch: dict[str, Any]) -> dict[str, Any]:
        cut: Any = tokenizer(batch["text"], truncation=True, max_length=18, stride=2, return_overflowing_tokens=True)
        documents = cut.pop("overflow_to_sample_mapping")
        if by_document:
            labels = [batch["label"][document] for document in documents]
        else:
            times = -(-len(documents) // len(batch["label"]))
            labels = [label for label in batch["label"] for _ in range(times)][: len(documents)]
        return {**cut, "labels": labels, "document": [batch["number"][document] for document in documents]}

    data = data.map(lambda _, number: {"number": number}, with_indices=True)
    data = data.map(windows, batched=True, batch_size=None, remove_columns=["text", "label", "number"])
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
    return assemble(model, args, data, tokenizer, compute_metrics=accuracy_and_f1)


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Labels are repeated evenly."""
    return build(False, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """A window has the label of its document."""
    return build(True, output_dir, seed)
