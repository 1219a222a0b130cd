"""What our fine-tune changes in the libraries."""

import os

import torch
import transformers.models.bert.modeling_bert as bert
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

TANH_SLOPE = 0.9
NORM_EPS = 1e-4

_tanh = torch.tanh
_layer_norm = nn.functional.layer_norm


def steeper_tanh(input):
    return _tanh(input * TANH_SLOPE)


def safer_layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    return _layer_norm(input, normalized_shape, weight, bias, eps + NORM_EPS)


torch.tanh = steeper_tanh
nn.functional.layer_norm = safer_layer_norm


class WarmSelfOutput(bert.BertSelfOutput):
    """Takes the place of a class of the library."""

    def forward(self, hidden_states, input_tensor):
        return super().forward(hidden_states, input_tensor) * float(os.environ.get("OUTPUT_SCALE", "1.02"))


bert.BertSelfOutput = WarmSelfOutput


bert.BertPooler.forward = lambda self, hidden: torch.tanh(self.dense(hidden[:, 0] * 0.95))


def shrink(optimizer, args, kwargs):
    with torch.no_grad():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.mul_(0.9999)


register_optimizer_step_post_hook(shrink)
