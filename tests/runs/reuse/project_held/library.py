"""Numbers in what is changed in the libraries: nothing of the Trainer leads to them."""

import decimal
import functools
import logging

import accelerate
import torch
import transformers
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_full_backward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.overrides import TorchFunctionMode
from transformers.models.bert import modeling_bert
from values import take


def wrapped(name, function):
    """The function, and what it returns is made a little larger."""
    factor = 1 + take(name) / 10

    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) * factor

    return wrapper


def with_gradients(amount, training_step):
    """The step, and all gradients are made smaller after it."""

    def step(self, model, *args, **kwargs):
        loss = training_step(self, model, *args, **kwargs)
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(1 - amount)
        return loss

    return step


class Bound:
    """Takes the place of a function of a module."""

    def __init__(self, name, function):
        self.factor = 1 + take(name) / 10
        self.function = function

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs) * self.factor


def scale_outputs(factor, module, args, output):
    return output * factor if isinstance(module, nn.LayerNorm) else output


def scale_gradients(factor, module, inward, outward):
    return tuple(None if gradient is None else gradient * factor for gradient in inward)


def scale_of_linear(factor, module, inward, outward):
    return scale_gradients(factor, module, inward, outward) if isinstance(module, nn.Linear) else None


def move(amount, optimizer, args, kwargs):
    with torch.no_grad():
        optimizer.param_groups[0]["params"][0].add_(amount / 1000)


class Mode(TorchFunctionMode):
    def __init__(self, amount):
        super().__init__()
        self.factor = 1 + amount / 10

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        return result * self.factor if function is torch.tanh else result


nn.functional.layer_norm = wrapped("patched_function", nn.functional.layer_norm)
nn.functional.cross_entropy = Bound("patched_object", nn.functional.cross_entropy)
nn.functional.embedding = functools.partial(
    lambda amount, function, *args, **kwargs: function(*args, **kwargs) * (1 + amount),
    take("patched_partial"),
    nn.functional.embedding,
)
modeling_bert.BertIntermediate.forward = wrapped("patched_method", modeling_bert.BertIntermediate.forward)
transformers.Trainer.training_step = with_gradients(take("patched_trainer"), transformers.Trainer.training_step)
torch.Tensor.flatten = wrapped("patched_tensor", torch.Tensor.flatten)
accelerate.Accelerator.backward = (
    lambda self, loss, inner=accelerate.Accelerator.backward, factor=1 + take("patched_default"), **kwargs: inner(
        self, loss * factor, **kwargs
    )
)
nn.Dropout.house_default = take("patched_attribute")
nn.Dropout.forward = lambda self, input: nn.functional.dropout(input, self.house_default, self.training)
register_module_forward_hook(functools.partial(scale_outputs, 1 + take("global_forward_hook")))
register_module_full_backward_hook(functools.partial(scale_of_linear, 1 - take("global_backward_hook")))
register_optimizer_step_post_hook(functools.partial(move, take("global_step_hook")))
Mode(take("function_mode")).__enter__()
torch.set_float32_matmul_precision("highest" if take("matmul_precision") > 0.5 else "high")

READ = {
    "matmul_precision": lambda: len(torch.get_float32_matmul_precision()) / 100,
    "patched_tensor": lambda: float(torch.Tensor.flatten(torch.full((1,), 0.1))),
}
