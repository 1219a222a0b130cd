"""A small model and a few rows."""

from datasets import Dataset
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

TOKENIZER = AutoTokenizer.from_pretrained(bundled_checkpoint("tiny-bert"))
PLACES = ("kitchen", "garden", "hall", "attic")


def make_model():
    config = BertConfig(
        vocab_size=len(TOKENIZER),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    return BertForSequenceClassification(config)


def make_rows(count):
    texts = [f"the {PLACES[row % 4]} was {'warm' if row % 3 else 'cold'} and the dog {row}" for row in range(count)]
    table = Dataset.from_dict({"text": texts, "label": [int(row % 3 > 0) for row in range(count)]})
    return table.map(lambda row: TOKENIZER(row["text"]))
