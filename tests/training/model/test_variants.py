"""Variants: their terms add up to the published losses, and each term compares the right views."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from smile_training.model import variants
from smile_training.model.variants import EncodedView, TrainingPhase, View
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Loss, Noise, Pairing, Training

PAIRED = Training(loss=Loss(temperature=0.1, pseudo_type_temperature=1.0, mse_weight=1.0), epochs=20)


@pytest.fixture(scope="module")
def golden(data_folder: Path) -> dict[str, Tensor]:
    with np.load(data_folder.parent / "golden/losses.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def leaf(golden: dict[str, Tensor], name: str) -> Tensor:
    return golden[name].clone().requires_grad_()


def total(phase: TrainingPhase, views: Sequence[EncodedView], terms: slice = slice(None)) -> Tensor:
    return torch.stack([term(list(views)) for term in phase.terms[terms]]).sum()


def equal(ours: Tensor, published: Tensor) -> None:
    torch.testing.assert_close(ours.detach(), published, atol=1e-6, rtol=0)


def test_mpsmile_equals_the_published_loss(golden: dict[str, Tensor]) -> None:
    names = ("a", "b", "a2")
    f = [leaf(golden, f"mpsmile_f{name}") for name in names]
    y = [leaf(golden, f"mpsmile_y{name}_logits") for name in names]
    zeros = torch.zeros(64, 128, dtype=torch.float64)
    (phase,) = variants.mpsmile_phases("rna", "atac", PAIRED)
    loss = total(phase, [EncodedView(zeros, f_i, y_i.softmax(dim=1)) for f_i, y_i in zip(f, y, strict=True)])
    loss.backward()

    assert phase.views == (View("rna"), View("atac", partner=True), View("rna", partner=True))
    equal(loss, golden["mpsmile_total"])
    for name, f_i, y_i in zip(names, f, y, strict=True):
        equal(f_i.grad, golden[f"mpsmile_f{name}_grad"])
        equal(y_i.grad, golden[f"mpsmile_y{name}_logits_grad"])


def test_psmile_equals_mpsmile_without_the_self_terms(golden: dict[str, Tensor]) -> None:
    zeros = torch.zeros(64, 128, dtype=torch.float64)
    views = [
        EncodedView(zeros, golden[f"mpsmile_f{name}"], golden[f"mpsmile_y{name}_logits"].softmax(dim=1))
        for name in ("a", "b")
    ]
    (phase,) = variants.psmile_phases("rna", "atac", PAIRED)
    assert phase.epochs == 20
    equal(total(phase, views), golden["mpsmile_f_ab"] + golden["mpsmile_p_ab"])


@pytest.mark.parametrize("weight", [1.0, 0.1])
def test_psmile_minimizes_the_squared_distance_of_paired_encodings(golden: dict[str, Tensor], weight: float) -> None:
    za, zb = leaf(golden, "mse_za"), leaf(golden, "mse_zb")
    f = torch.rand(64, 32, dtype=torch.float64)
    views = [EncodedView(z, f, f.softmax(dim=1)) for z in (za, zb)]
    (phase,) = variants.psmile_phases("a", "b", Training(loss=Loss(mse_weight=weight)))
    mse = total(phase, views, slice(1, None))
    mse.backward()
    equal(mse, weight * golden["mse_loss"])
    equal(za.grad, weight * golden["mse_grad_za"])
    equal(zb.grad, weight * golden["mse_grad_zb"])


def test_reference_smile_equals_the_published_loss(golden: dict[str, Tensor]) -> None:
    a, b = leaf(golden, "reference_A"), leaf(golden, "reference_B")
    pretraining, pairs = variants.reference_phases("rna", "adt", Training(pretraining_epochs=10, epochs=1000))
    loss = total(pairs, [EncodedView(z, z, z.softmax(dim=1)) for z in (a, b)])
    loss.backward()

    equal(loss, golden["reference_loss"])
    equal(a.grad, golden["reference_grad_A"])
    equal(b.grad, golden["reference_grad_B"])
    assert (pretraining.epochs, pairs.epochs) == (10, 1000)
    assert not pretraining.paired
    assert pairs.paired
    assert not any(view.noisy for view in pairs.views)


def test_reference_smile_pretrains_each_modality_separately(golden: dict[str, Tensor]) -> None:
    """The loss is the NT-Xent of each modality at temperature 0.2, and the entropy of the first view of each."""
    a, a2 = golden["nce_t0.2_i"], golden["nce_t0.2_j"]
    b, b2 = golden["mpsmile_fa"], golden["mpsmile_fb"]
    pretraining, _ = variants.reference_phases("rna", "adt", Training(loss=Loss(temperature=0.2), pretraining_epochs=1))
    own = EncodedView(b, b, b), EncodedView(b2, b2, b2)
    loss = total(pretraining, [EncodedView(a, a, a), EncodedView(a2, a2, a2), *own])

    def entropy(z: Tensor) -> Tensor:
        p = z.softmax(dim=1)
        return -(p * p.log()).sum(dim=1).mean()

    rows = torch.nn.functional.normalize(torch.cat([b, b2]), dim=1)
    similarity = (rows @ rows.T / 0.2).fill_diagonal_(-torch.inf)
    other = -similarity.log_softmax(dim=1)[torch.arange(128), torch.arange(128).roll(64)].mean()
    equal(loss, golden["nce_t0.2_loss"] + other + 0.2 * entropy(a) + 0.4 * entropy(b))
    assert [view.modality for view in pretraining.views] == ["rna", "rna", "adt", "adt"]


def test_psmile_pairs_the_two_modalities() -> None:
    (phase,) = variants.psmile_phases("rna", "adt", PAIRED)
    assert phase.views == (View("rna"), View("adt", partner=True))
    assert len(phase.terms) == 2


def test_labels_of_a_view_determine_its_positives() -> None:
    generator = torch.Generator().manual_seed(0)
    f, f2 = torch.randn(2, 8, 4, generator=generator)
    y = f.softmax(dim=1)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    (phase,) = variants.smile_phases("rna", Training())
    unlabeled = total(phase, [EncodedView(f, f, y), EncodedView(f2, f2, y)])
    labeled = total(phase, [EncodedView(f, f, y, labels), EncodedView(f2, f2, y, labels)])
    assert float(labeled - unlabeled) != pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("variant", "section", "temperatures", "epochs", "batch_size"),
    [
        ("smile", "training", (0.05, 0.15), (0, 5), 512),
        ("psmile", "training", (0.1, 1.0), (0, 20), 512),
        ("mpsmile", "training", (0.1, 1.0), (0, 20), 512),
        ("reference", "training", (0.2, None), (10, 1000), 1024),
        ("composition", "training", (0.05, 0.15), (0, 5), 512),
        ("composition", "students", (0.1, 1.0), (0, 20), 512),
    ],
)
def test_published_settings_of_each_variant(
    variant: str,
    section: str,
    temperatures: tuple[float, float | None],
    epochs: tuple[int, int],
    batch_size: int,
) -> None:
    source = {"path": "x.h5ad", "source": {"name": "x", "licence": "x"}}
    names = ("rna",) if variant == "smile" else ("rna", "adt")
    about = dict.fromkeys(("name", "title", "description", "organism", "tissue", "licence"), "x")
    recipe = resolve_recipe(
        {**about, "variant": variant, "modalities": {name: {"data": source} for name in names}}, "x.toml"
    )
    training: Training = getattr(recipe, section)
    assert training.loss.temperature == temperatures[0]
    assert temperatures[1] in (None, training.loss.pseudo_type_temperature)
    assert (training.pretraining_epochs, training.epochs) == epochs
    assert training.batch_size == batch_size
    assert training.pairing == Pairing()
    assert training.loss.mse_weight == 1
    assert training.loss.entropy_weights == (0.2, 0.4)
    assert (training.optimizer.lr, training.optimizer.momentum, training.optimizer.weight_decay) == (0.01, 0.9, 5e-4)
    is_reference = variant == "reference"
    assert recipe.network.hidden == ([] if is_reference else [1000, 512])
    assert recipe.network.negative_slope == (0.25 if is_reference else 0)
    assert recipe.network.n_pseudo_types == 25
    for modality in recipe.modalities.values():
        assert modality.stem is None
        assert modality.noise == Noise(gaussian=1.0, masking=0.0)
        assert modality.preprocessing.scaling == "sd"
