"""Losses compared with the published implementation and with the formulas."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_training.model.losses import nt_xent, pseudo_type_loss, supervised_nt_xent


@pytest.fixture(scope="module")
def golden(data_folder: Path) -> dict[str, Tensor]:
    with np.load(data_folder.parent / "golden/losses.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def views(n: int = 12, d: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, n, d, generator=generator, dtype=torch.float64)
    return first.requires_grad_(), second.requires_grad_()


def loss_by_pairs(view_a: Tensor, view_b: Tensor, positives: list[set[int]], temperature: float) -> Tensor:
    """Compute Khosla et al. 2020, equation 2, pair by pair, with the mean over rows instead of the sum."""
    z = torch.cat([view_a, view_b])
    z = z / z.norm(dim=1, keepdim=True)
    loss = torch.zeros((), dtype=z.dtype)
    for i in range(len(z)):
        others = sum(torch.exp(z[i] @ z[a] / temperature) for a in range(len(z)) if a != i)
        for p in positives[i]:
            loss = loss - torch.log(torch.exp(z[i] @ z[p] / temperature) / others) / len(positives[i])
    return loss / len(z)


@pytest.mark.parametrize("temperature", ["0.05", "0.1", "0.2", "0.5"])
def test_nt_xent_equals_the_published_loss(golden: dict[str, Tensor], temperature: str) -> None:
    i, j, loss, grad_i, grad_j = (
        golden[f"nce_t{temperature}_{part}"] for part in ("i", "j", "loss", "grad_i", "grad_j")
    )
    i, j = i.clone().requires_grad_(), j.clone().requires_grad_()

    ours = nt_xent(i, j, temperature=float(temperature))
    ours.backward()

    torch.testing.assert_close(ours.detach(), loss, atol=1e-6, rtol=0)
    torch.testing.assert_close(i.grad, grad_i, atol=1e-6, rtol=0)
    torch.testing.assert_close(j.grad, grad_j, atol=1e-6, rtol=0)


@pytest.mark.parametrize("temperature", ["0.15", "1.0"])
def test_pseudo_type_loss_equals_the_published_loss(golden: dict[str, Tensor], temperature: str) -> None:
    key = f"cluster_t{temperature}_"
    i, j = (golden[key + name].clone().requires_grad_() for name in ("logits_i", "logits_j"))

    ours = pseudo_type_loss(i.softmax(dim=1), j.softmax(dim=1), temperature=float(temperature))
    ours.backward()

    torch.testing.assert_close(ours.detach(), golden[key + "loss"], atol=1e-6, rtol=0)
    torch.testing.assert_close(i.grad, golden[key + "grad_i"], atol=1e-6, rtol=0)
    torch.testing.assert_close(j.grad, golden[key + "grad_j"], atol=1e-6, rtol=0)


@pytest.mark.parametrize("labels", [[0, 1, 0, 1, 2, 2, 2, 0, 1, 3, 0, 0], [0, -1, 0, -1, 1, 1, -1, 2, -1, 2, 2, 5]])
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_supervised_loss_equals_equation_2_of_khosla(labels: list[int], temperature: float) -> None:
    """The only positive of an unlabeled cell (-1) is its own other view."""
    n = len(labels)
    positives = [
        {
            j
            for j in range(2 * n)
            if j != i and (j % n == i % n or (labels[i % n] >= 0 and labels[j % n] == labels[i % n]))
        }
        for i in range(2 * n)
    ]
    a, b = views(n)
    expected = loss_by_pairs(a, b, positives, temperature)
    expected_gradients = torch.autograd.grad(expected, (a, b))

    ours = supervised_nt_xent(a, b, torch.tensor(labels), temperature=temperature)
    gradients = torch.autograd.grad(ours, (a, b))

    torch.testing.assert_close(ours, expected, atol=1e-9, rtol=0)
    torch.testing.assert_close(gradients, expected_gradients, atol=1e-9, rtol=0)


@pytest.mark.parametrize("labels", [list(range(12)), [-1] * 12])
def test_supervised_loss_without_shared_labels_equals_nt_xent(labels: list[int]) -> None:
    a, b = views()
    torch.testing.assert_close(
        supervised_nt_xent(a, b, torch.tensor(labels), temperature=0.1),
        nt_xent(a, b, temperature=0.1),
        atol=1e-12,
        rtol=0,
    )


def test_losses_ignore_length_and_order_of_views() -> None:
    a, b = views()
    swapped = nt_xent(b * 7, a * 0.01, temperature=0.2)
    torch.testing.assert_close(swapped, nt_xent(a, b, temperature=0.2), atol=1e-12, rtol=0)


def test_float32_loss_is_finite_at_a_very_low_temperature() -> None:
    a, b = (view.detach().float().requires_grad_() for view in views())
    loss = supervised_nt_xent(a, b, torch.tensor([0, 0, 1, 1, -1, -1, 2, 2, 2, 3, 3, 3]), temperature=1e-4)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(a.grad).all()
    assert torch.isfinite(b.grad).all()
