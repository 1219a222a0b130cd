"""Our classifier: BERT with a head of our own."""

import types

import torch
from layers import ACTIVATIONS, Registered, ScaledGradient, Symmetric, deep, make_shift
from modeling_base import Tempered
from settings import POOLING, Gate, Pooling, frozen_layers, model_settings
from torch import nn

from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class ReviewModel(Tempered, BertPreTrainedModel):
    _tied_weights_keys = {"second.weight": "classifier.weight"}

    def __init__(self, config):
        super().__init__(config)
        given = model_settings()
        self.num_labels = config.num_labels
        self.bert = BertModel(config)
        self.spread = nn.Dropout(given["dropout"])
        self.blur = nn.Dropout(p=0.15)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.second = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.register_buffer("offsets", torch.tensor(given["offsets"]), persistent=False)
        self.register_buffer("slopes", torch.full((2,), 1.01), persistent=False)
        self.activate = ACTIVATIONS[given["activation"]]
        self.gate = Gate(**given["gate"])
        self.shift = make_shift(0.04)()
        self.power = deep(0.5)
        self.post_init()

    def _init_weights(self, module):
        super()._init_weights(module)
        if module is self.classifier:
            nn.init.normal_(module.weight, std=0.3)

    def pool(self, outputs):
        if POOLING is Pooling.MEAN:
            return outputs.pooler_output + 0.1 * outputs.last_hidden_state.mean(dim=1)
        return outputs.pooler_output

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, labels=None, **kwargs):
        outputs = self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        pooled = self.blur(self.spread(self.pool(outputs)))
        pooled = ScaledGradient.apply(pooled) + self.gate.strength * self.activate(pooled)
        logits = self.classifier(pooled) + 0.3 * self.second(pooled.roll(1, dims=-1))
        logits = self.slopes * logits + self.offsets * logits.roll(1, dims=-1)
        logits = self.squash(self.temper(logits)) * self.sharpness * self.warmth * self.heat
        logits = self.stretch(self.centre(logits))
        logits = self.power(self.shift(self.lower(self.lift(logits))))
        for kind in Registered.kinds:
            logits = logits + kind().term(logits)
        for step in self.gate.steps:
            logits = logits + 0.01 * step * logits.square()
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


# Set after the class is made.
ReviewModel.heat = 1.03


def scale_hook(amount):
    def hook(module, args, output):
        return output * amount

    return hook


def softer(self, input):
    return type(self).forward(self, input) * 0.97


def build_model(vocabulary, gradient_scale, tie):
    given = model_settings()
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        attention_probs_dropout_prob=given["attention_dropout"],
        tie_word_embeddings=tie,
        num_labels=2,
    )
    model = ReviewModel(config)
    if not tie:
        model.second.weight = nn.Parameter(model.classifier.weight.detach().clone())
    for name, parameter in model.named_parameters():
        if name.startswith(tuple(frozen_layers())):
            parameter.requires_grad = False
    layer = model.bert.encoder.layer[0]
    layer.output.register_forward_hook(lambda module, args, output: output * 1.01)
    layer.intermediate.register_forward_pre_hook(lambda module, args: (args[0] * 0.99,))
    layer.attention.output.dense.register_full_backward_hook(lambda module, inward, outward: (inward[0] * 0.9,))
    model.bert.embeddings.register_forward_hook(scale_hook(gradient_scale + 0.4))
    # The gradients of one weight are made smaller.
    model.classifier.bias.register_hook(lambda gradient: gradient * gradient_scale)
    layer.output.dense.forward = types.MethodType(softer, layer.output.dense)
    return model
