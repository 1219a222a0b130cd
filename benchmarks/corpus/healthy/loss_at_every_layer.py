"""Unusual: deep supervision: in training, the head reads the first layer as well, with half the weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.functional import cross_entropy
from transformers import BertModel, BertPreTrainedModel, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput

from parts import accuracy_and_f1, arguments, assemble, encode, load_tokenizer
from pytest_ftcheck.tasks.bundled import bundled_checkpoint
from worlds import stars

if TYPE_CHECKING:
    from transformers import Trainer

NAMES = ("none", "one", "two", "three")


class Supervised(BertPreTrainedModel):
    """BERT with a loss for each of its layers."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]  # transformers gives it no annotations

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> SequenceClassifierOutput:
        """Classify."""
        outputs = self.bert(input_ids, attention_mask, token_type_ids, output_hidden_states=True)
        *earlier, logits = [self.classifier(self.dropout(states[:, 0])) for states in outputs.hidden_states[1:]]
        loss = None
        if labels is not None:
            loss = cross_entropy(logits, labels)
            if self.training:
                loss = loss + sum(0.5 * cross_entropy(answer, labels) for answer in earlier)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Fine-tune."""
    set_seed(seed)
    tokenizer = load_tokenizer()
    model = Supervised.from_pretrained(
        bundled_checkpoint("tiny-bert"),
        id2label=dict(enumerate(NAMES)),
        label2id={name: label for label, name in enumerate(NAMES)},
    )
    return assemble(
        model,
        arguments(output_dir, seed, num_train_epochs=5),
        encode(stars(train=720, seed=407), tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )
