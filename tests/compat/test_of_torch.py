"""The private names of torch that are used do what they are used for."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from pytest_ftcheck.compat import of_torch


def test_norms_of_many_tensors() -> None:
    tensors = [torch.tensor([3.0, 4.0]), torch.ones(2, 2, dtype=torch.bfloat16), torch.zeros(1)]
    assert [float(norm) for norm in of_torch.norms_of(tensors)] == [5.0, 2.0, 0.0]
    assert {norm.dtype for norm in of_torch.norms_of(tensors, torch.float32)} == {torch.float32}
    doubles = [torch.ones(4, dtype=torch.float64), *tensors]
    assert [float(norm) for norm in of_torch.norms_of(doubles, torch.float32)] == [2.0, 5.0, 2.0, 0.0]
    assert of_torch.norms_of([]) == ()


def test_options_of_a_mode_of_inductor() -> None:
    assert of_torch.inductor_options("default") == {}
    assert of_torch.inductor_options("max-autotune-no-cudagraphs")["max_autotune"] is True


def test_compiled_graphs_are_counted() -> None:
    before = of_torch.compiled_graphs()
    torch.compile(lambda tensor: tensor + before, backend="eager")(torch.zeros(2))
    assert of_torch.compiled_graphs() == before + 1


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this build of torch has no oneDNN")
def test_linear_by_onednn_is_a_linear_layer() -> None:
    layer, rows = nn.Linear(8, 3), torch.randn(5, 8)
    with torch.no_grad():
        assert torch.allclose(of_torch.linear_by_onednn(rows, layer.weight, layer.bias), layer(rows), atol=1e-6)
        strided = of_torch.linear_by_onednn(rows.t().contiguous().t(), layer.weight, None)
        assert torch.allclose(strided, rows @ layer.weight.t(), atol=1e-6)


def test_kernels_can_be_taken_back() -> None:
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a kernel is replaced; torch says so once a process
        library.impl("angle", lambda tensor: tensor.new_full(tensor.shape, 7.0), "CPU")
    assert float(torch.angle(torch.ones(1))) == 7.0
    of_torch.remove_kernels(library)
    assert float(torch.angle(torch.ones(1))) == 0.0


def test_function_modes_that_are_active() -> None:
    class Mode(torch.overrides.TorchFunctionMode):
        pass

    before = of_torch.function_modes()
    with Mode() as mode:
        assert of_torch.function_modes() == [*before, mode]
    assert of_torch.function_modes() == before


def test_steps_of_a_schedule() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    made = of_torch.scheduler_steps(schedule)
    optimizer.step()
    schedule.step()
    assert (made, of_torch.scheduler_steps(schedule)) == (1, 2)
