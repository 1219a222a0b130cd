"""Faster masks and kept memory on a CPU: as random as PyTorch's, and gone afterwards."""

from __future__ import annotations

import platform
import resource
import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pytest_ftcheck.training import cpu
from pytest_ftcheck.training.cpu import fast_cpu, freed_memory_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = (300, 401)
"""More elements than are left to PyTorch, and no multiple of the four that a word gives."""
SMALL = (3, 7)


@pytest.fixture
def _fast() -> Iterator[None]:
    with fast_cpu("cpu"):
        yield


@pytest.fixture
def _by_onednn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a processor of AMD, whatever this one is."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this PyTorch has no oneDNN")
    monkeypatch.setattr(cpu, "mkl_is_slow", lambda: True)
    with fast_cpu("cpu"):
        yield


def drawn(probability: float, shape: tuple[int, ...] = LARGE, seed: int = 0) -> torch.Tensor:
    return torch.empty(shape).bernoulli_(probability, generator=torch.Generator().manual_seed(seed))


@pytest.mark.usefixtures("_fast")
@pytest.mark.parametrize("shape", [LARGE, SMALL], ids=["large", "small"])
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_as_many_ones_as_asked_for(shape: tuple[int, ...], probability: float) -> None:
    masks = torch.stack([drawn(probability, shape, seed) for seed in range(20)])
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert binomtest(int(masks.sum()), masks.numel(), probability).pvalue > 1e-4


@pytest.mark.usefixtures("_fast")
@pytest.mark.parametrize("shape", [LARGE, SMALL, (0,), ()], ids=str)
def test_certainties_are_certain(shape: tuple[int, ...]) -> None:
    assert drawn(0.0, shape).sum() == 0
    assert drawn(1.0, shape).sum() == torch.empty(shape).numel()


@pytest.mark.usefixtures("_fast")
def test_a_probability_that_rounds_to_certainty_is_one() -> None:
    assert drawn(1 - 1e-9).all()


@pytest.mark.usefixtures("_fast")
@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_what_is_no_probability_is_refused_as_pytorch_does(probability: float) -> None:
    with pytest.raises(RuntimeError, match=r"expects p to be in \[0, 1\]"):
        drawn(probability)


@pytest.mark.usefixtures("_fast")
def test_neighbours_and_seeds_are_independent() -> None:
    one, other = drawn(0.5, seed=1).flatten(), drawn(0.5, seed=2).flatten()
    for first, second in ((one[:-1], one[1:]), (one[:-4], one[4:]), (one, other)):
        assert binomtest(int((first == second).sum()), len(first)).pvalue > 1e-4


@pytest.mark.usefixtures("_fast")
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.bool, torch.int64])
def test_every_dtype_and_layout_is_filled(dtype: torch.dtype) -> None:
    tensor = torch.empty(LARGE, dtype=dtype).t()
    assert tensor.bernoulli_(0.9) is tensor
    assert 0.88 < tensor.double().mean() < 0.92


@pytest.mark.usefixtures("_fast")
@given(seed=st.integers(0, 2**32 - 1))
def test_the_state_of_pytorchs_generator_determines_what_follows(seed: int) -> None:
    torch.manual_seed(seed)
    rows = torch.ones(LARGE, requires_grad=True)
    torch.nn.functional.dropout(rows)
    state = torch.get_rng_state()
    first = [torch.nn.functional.dropout(rows), torch.rand(3)]
    torch.set_rng_state(state)
    again = [torch.nn.functional.dropout(rows), torch.rand(3)]
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))


def test_dropout_keeps_its_scale_and_its_gradient() -> None:
    rows = torch.ones(LARGE, requires_grad=True)
    with fast_cpu("cpu"):
        dropped = torch.nn.functional.dropout(rows, 0.2)
        dropped.sum().backward()
    assert rows.grad is not None
    assert torch.equal(rows.grad, dropped.detach())
    assert set(dropped.unique().tolist()) == {0.0, 1.25}


def test_pytorchs_own_masks_are_back_afterwards() -> None:
    before = drawn(0.5)
    with fast_cpu("cpu"), fast_cpu("cpu"):
        assert not torch.equal(drawn(0.5), before)
    assert torch.equal(drawn(0.5), before)


def test_warnings_of_what_is_trained_are_heard() -> None:
    with pytest.warns(UserWarning, match="of the model's own"), fast_cpu("cpu"):
        warnings.warn("of the model's own", UserWarning, stacklevel=1)


def test_an_error_inside_gives_them_back_too() -> None:
    before = drawn(0.5)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), fast_cpu("cpu"):
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert torch.equal(drawn(0.5), before)


def test_on_another_device_nothing_changes() -> None:
    before = drawn(0.5)
    with fast_cpu("cuda"):
        assert torch.equal(drawn(0.5), before)


SIDES = {"large": (250, 180, 130), "small": (5, 4, 3), "no rows": (0, 400, 300)}


@pytest.mark.usefixtures("_by_onednn")
@pytest.mark.parametrize("sides", SIDES.values(), ids=SIDES)
@pytest.mark.parametrize("transposed", [(False, False), (True, False), (False, True), (True, True)], ids=str)
def test_products_are_as_exact_as_pytorchs(sides: tuple[int, int, int], transposed: tuple[bool, bool]) -> None:
    m, k, n = sides
    torch.manual_seed(0)
    left = torch.randn(k, m).t() if transposed[0] else torch.randn(m, k)
    right = torch.randn(n, k).t() if transposed[1] else torch.randn(k, n)
    added = torch.randn(n)
    exact = left.double() @ right.double()
    torch.testing.assert_close(torch.mm(left, right).double(), exact, rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.addmm(added, left, right).double(), exact + added, rtol=0, atol=1e-4)
    whole = torch.randn(m, n)
    torch.testing.assert_close(
        torch.addmm(whole, left, right, beta=0.5, alpha=2).double(), 2 * exact + 0.5 * whole, rtol=0, atol=2e-4
    )


@pytest.mark.usefixtures("_by_onednn")
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64])
def test_other_dtypes_are_multiplied_as_ever(dtype: torch.dtype) -> None:
    left, right = torch.arange(12).reshape(3, 4).to(dtype), torch.arange(8).reshape(4, 2).to(dtype)
    assert torch.mm(left, right).dtype is dtype
    assert torch.mm(left, right).tolist() == [[28, 34], [76, 98], [124, 162]]
    assert torch.addmm(torch.ones(2, dtype=dtype), left, right)[0].tolist() == [29, 35]


@pytest.mark.usefixtures("_by_onednn")
def test_a_linear_layer_has_the_same_gradients() -> None:
    torch.manual_seed(0)
    layer, rows = torch.nn.Linear(300, 200), torch.randn(4, 40, 300, requires_grad=True)
    layer(rows).square().mean().backward()
    found = [rows.grad, *(parameter.grad for parameter in layer.parameters())]
    exact_rows = rows.detach().double().requires_grad_()
    exact = torch.nn.Linear(300, 200).double()
    exact.load_state_dict(layer.state_dict())
    exact(exact_rows).square().mean().backward()
    for ours, theirs in zip(found, [exact_rows.grad, *(p.grad for p in exact.parameters())], strict=True):
        assert ours is not None
        assert theirs is not None
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-8)


@pytest.mark.usefixtures("_by_onednn")
def test_what_cannot_be_multiplied_is_refused() -> None:
    for shapes in (((400, 300), (400, 300)), ((2, 3), (2, 3))):
        with pytest.raises(RuntimeError):
            torch.mm(*(torch.ones(shape) for shape in shapes))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory in its own way")
def test_a_large_block_is_not_asked_for_anew() -> None:
    def faults() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(5):
            torch.zeros(2**24)  # 64 MiB
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with freed_memory_kept():
        faults()  # finds its place
        kept = faults()
    # Pages of at most 2 MiB: 32 of them for each block.
    assert kept < 32 * 5 <= faults()
