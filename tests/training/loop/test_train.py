"""Training of every variant on simulated pairs: what learns, what stands still, what finds its match."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import torch

from smile_runtime.errors import RecipeError
from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.data.label_columns import Labels
from smile_training.evaluation.metrics import foscttm
from smile_training.loop.checkpoint import Checkpoint
from smile_training.loop.learner import Learner, teacher
from smile_training.loop.train import Run, train_encoders
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Noise, Recipe

N_CELLS = 160
SOURCE = {"path": "x.h5ad", "source": {"name": "simulated", "licence": "CC0-1.0"}}
ABOUT = dict.fromkeys(("name", "title", "description", "organism", "tissue", "licence"), "x")
STEM = {"stem": {"n_components": 8}, "noise": {"gaussian": 0.15}}


def measured(name: str, seed: int, n_features: int, *, cells: slice = slice(None)) -> Cells:
    """Return counts in which cells of four kinds, and their place along a gradient, show in either modality."""
    rng = np.random.default_rng(seed)
    kind, place = np.arange(N_CELLS) % 4, np.arange(N_CELLS) / N_CELLS
    loading = rng.normal(0, 1, (5, n_features))
    state = np.column_stack([np.eye(4)[kind] * 1.5, place * 2])
    raw = rng.poisson(np.exp(state @ loading * 0.6)).astype(np.float32)
    totals = raw.sum(axis=1, keepdims=True)
    whole = Cells(
        raw=scipy.sparse.csr_matrix(raw),
        size_factor=(1e4 / totals if name == "rna" else np.ones_like(totals)).astype(np.float32),
        features=tuple(f"{name}{each}" for each in range(n_features)),
        names=np.array([f"cell{each}" for each in range(N_CELLS)], dtype=object),
        batches=np.zeros(N_CELLS, np.int64),
        batch_names=("all",),
        columns=(Labels.from_ids("kind", "abcd", kind),),
    )
    return whole.subset(np.arange(N_CELLS)[cells])


@pytest.fixture(scope="module")
def pairs() -> Dataset:
    return Dataset({"rna": measured("rna", 0, 60), "adt": measured("adt", 1, 40)})


def recipe(variant: str, modalities: tuple[str, ...] = ("rna", "adt"), **fields: Any) -> Recipe:
    training = {"epochs": 30, "batch_size": 64, **fields.pop("training", {})}
    both = {"training": training} if variant != "composition" else {"training": training, "students": training}
    tables = {
        name: {"data": SOURCE, **({"kind": "adt"} if name not in ("rna", "adt") else {}), **STEM} for name in modalities
    }
    network = {"hidden": [32], "n_latent": 16, **fields.pop("network", {})}
    return resolve_recipe(
        {**ABOUT, "variant": variant, "modalities": tables, "network": network, **both, **fields}, "x"
    )


def train(dataset: Dataset, settings: Recipe, **options: Any) -> dict[str, TrainedEncoder]:
    return train_encoders(dataset, settings, Run(torch.device("cpu"), 0), **options)


def weights(encoder: TrainedEncoder) -> dict[str, np.ndarray]:
    return {name: tensor.clone().numpy() for name, tensor in encoder.network.state_dict().items()}


def match(dataset: Dataset, encoders: dict[str, TrainedEncoder], first: str = "rna", second: str = "adt") -> float:
    rows, others = dataset.pairs(first, second)
    return foscttm(
        encoders[first].embed(dataset.cells[first])[rows], encoders[second].embed(dataset.cells[second])[others]
    )


@pytest.mark.parametrize("variant", ["psmile", "mpsmile", "composition"])
def test_pairs_find_one_another(pairs: Dataset, variant: str) -> None:
    encoders = train(pairs, recipe(variant))
    assert match(pairs, encoders) < 0.12
    turned = Dataset({"rna": pairs.cells["rna"], "adt": measured("adt", 1, 40, cells=slice(None, None, -1))})
    again = train(turned, recipe(variant))
    assert match(turned, again) < 0.12  # by name, whatever the order


def test_reference_smile_brings_pairs_together(pairs: Dataset) -> None:
    fields = {"training": {"epochs": 150, "pretraining_epochs": 5, "loss": {"temperature": 0.2}}}
    encoders = train(
        pairs, recipe("reference", network={"hidden": [], "heads": False, "negative_slope": 0.25}, **fields)
    )
    assert match(pairs, encoders) < 0.2
    assert len(encoders["rna"].loss_curve) == 155
    assert encoders["rna"].embed(pairs.cells["rna"]).shape == (N_CELLS, 16)


def test_the_two_encoders_of_a_pair_share_their_heads(pairs: Dataset) -> None:
    encoders = train(pairs, recipe("psmile"))
    rna, adt = weights(encoders["rna"]), weights(encoders["adt"])
    for name in ("projection.weight", "pseudo_types.0.weight", "pseudo_types.0.bias"):
        np.testing.assert_array_equal(rna[name], adt[name])


def test_mpsmile_differs_from_psmile(pairs: Dataset) -> None:
    """By the self terms alone: the loss is larger from the first epoch on."""
    one, other = (train(pairs, recipe(variant, training={"epochs": 2})) for variant in ("psmile", "mpsmile"))
    assert other["rna"].loss_curve[0] > one["rna"].loss_curve[0] + 1


def test_unpaired_cells_help_to_fit_what_comes_before_the_network() -> None:
    whole = Dataset({"rna": measured("rna", 0, 60, cells=slice(0, 80)), "adt": measured("adt", 1, 40)})
    half = Dataset({"rna": whole.cells["rna"], "adt": measured("adt", 1, 40, cells=slice(0, 80))})
    a, b = (train(dataset, recipe("psmile", training={"epochs": 1})) for dataset in (whole, half))
    raw = np.asarray(whole.cells["adt"].raw.todense())
    expected = np.log1p(raw / np.exp(np.log1p(raw).mean(axis=1, keepdims=True))).mean(axis=0)
    np.testing.assert_allclose(a["adt"].preprocessing.mean, expected, rtol=1e-5)
    assert not np.array_equal(weights(a["adt"])["stem"], weights(b["adt"])["stem"])


def test_one_pair_is_too_few() -> None:
    one = Dataset({"rna": measured("rna", 0, 60), "adt": measured("adt", 1, 40)})
    names = np.array(["cell0", *(f"other{each}" for each in range(1, N_CELLS))], dtype=object)
    apart = Dataset({"rna": one.cells["rna"], "adt": Cells(**{**vars(one.cells["adt"]), "names": names})})
    with pytest.raises(RecipeError, match=r"1 cells \(or pairs\) are too few"):
        train(apart, recipe("psmile"))


class KilledError(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("n_epochs", [2, 4, 7])
@pytest.mark.parametrize("variant", ["mpsmile", "reference", "composition"])
def test_a_run_that_was_cut_off_ends_like_one_that_was_not(
    pairs: Dataset, tmp_path: Path, variant: str, n_epochs: int
) -> None:
    """Within the first phase or encoder, at its end, and in the second."""
    settings = recipe(variant, training={"epochs": 5, "pretraining_epochs": 4 * (variant == "reference")})
    unbroken = train(pairs, settings)
    told: list[float] = []

    def progress(_n_cells: int, loss: float | None) -> None:
        if loss is not None:
            told.append(loss)
            if len(told) == n_epochs + 1:
                raise KilledError

    def how(**options: Any) -> Run:
        checkpoint = lambda name: Checkpoint(tmp_path / f"{name}.safetensors", name, every=0)  # noqa: E731
        return Run(torch.device("cpu"), 0, checkpoint=checkpoint, **options)

    if variant != "mpsmile" or n_epochs < 5:
        with pytest.raises(KilledError):
            train_encoders(pairs, settings, how(stage=lambda _name, _n: nullcontext(progress)))
    resumed = train_encoders(pairs, settings, how())
    for name, encoder in unbroken.items():
        assert resumed[name].loss_curve == encoder.loss_curve
        for key, tensor in weights(encoder).items():
            np.testing.assert_array_equal(weights(resumed[name])[key], tensor, err_msg=f"{name} {key}")


DRAWN = {**STEM, "noise": {"gaussian": 0.15, "min_depth": 0.1, "min_features": 0.5}}


@pytest.mark.parametrize("variant", ["psmile", "mpsmile", "reference", "composition"])
def test_views_are_drawn_as_other_measurements_in_every_variant(pairs: Dataset, variant: str) -> None:
    training = {"epochs": 30, "batch_size": 64, "pretraining_epochs": 5}
    network = {"hidden": [], "heads": False, "negative_slope": 0.25} if variant == "reference" else {"hidden": [32]}
    if variant == "reference":
        training |= {"epochs": 150, "loss": {"temperature": 0.2}}
    settings = {
        **ABOUT,
        "variant": variant,
        "modalities": {name: {"kind": name, "data": SOURCE, **DRAWN} for name in ("rna", "adt")},
        "network": {"n_latent": 16, **network},
        "training": training,
        "students": {"epochs": 30, "batch_size": 64},
    }
    assert match(pairs, train(pairs, resolve_recipe(settings, "x"))) < 0.25


def test_modalities_are_drawn_independently(monkeypatch: pytest.MonkeyPatch, pairs: Dataset) -> None:
    seeds: list[list[int]] = []
    monkeypatch.setattr(Learner, "inputs", lambda _self, seed: seeds.append(seed))
    with pytest.raises(AttributeError):  # nothing to train on
        train(pairs, recipe("psmile"))
    assert seeds[0] != seeds[1]


def test_a_teacher_shows_cells_as_measured(pairs: Dataset) -> None:
    noise = Noise(gaussian=0.15, masking=0.1, min_depth=0.1, min_features=0.5, ambient=0.1)
    encoder = train(pairs.with_modalities(["rna"]), recipe("smile", ("rna",), training={"epochs": 1}))["rna"]
    frozen = teacher(encoder, pairs.cells["rna"], device=torch.device("cpu"), noise=noise)
    assert frozen.noise == Noise(gaussian=0.15, masking=0.1)


# Composition


@pytest.fixture(scope="module")
def three() -> Dataset:
    """RNA of all cells, antibodies of the first hundred, and another modality of some of them."""
    return Dataset(
        {
            "rna": measured("rna", 0, 60),
            "adt": measured("adt", 1, 40, cells=slice(0, 100)),
            "second": measured("second", 2, 30, cells=slice(60, 160)),
        }
    )


def test_the_teacher_stands_still_while_students_learn(three: Dataset) -> None:
    settings = recipe("composition", ("rna", "adt", "second"))
    alone = train(three.with_modalities(["rna"]), recipe("smile", ("rna",)))
    before = weights(alone["rna"])
    encoders = train(three, settings, given=alone)

    assert list(encoders) == ["rna", "adt", "second"]
    assert encoders["rna"] is alone["rna"]
    after = weights(encoders["rna"])
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        np.testing.assert_array_equal(after[name], tensor, err_msg=name)
    assert match(three, encoders) < 0.12
    assert match(three, encoders, "rna", "second") < 0.12
    assert match(three, encoders, "adt", "second") < 0.2  # never seen together but for forty cells


def test_the_teacher_learns_as_smile_does(three: Dataset) -> None:
    composed = train(three, recipe("composition", ("rna", "adt", "second")))
    alone = train(three.with_modalities(["rna"]), recipe("smile", ("rna",)))
    for name, tensor in weights(alone["rna"]).items():
        np.testing.assert_array_equal(weights(composed["rna"])[name], tensor, err_msg=name)


def test_a_student_does_not_depend_on_the_other_students(three: Dataset) -> None:
    both = train(three, recipe("composition", ("rna", "adt", "second")))
    one = train(three.with_modalities(["rna", "second"]), recipe("composition", ("rna", "second")))
    for name, tensor in weights(one["second"]).items():
        np.testing.assert_array_equal(weights(both["second"])[name], tensor, err_msg=name)


# Canonical variates


def shared(variant: str, *names: str, of: tuple[str, ...] = ("rna", "adt"), n_components: int = 8) -> Recipe:
    """Return a recipe in which the stems of the modalities ``of`` have canonical variates."""
    tables = {}
    for name in names:
        stem = {"n_components": n_components, **({"canonical": True} if name in of else {})}
        tables[name] = {"kind": "rna" if name == "rna" else "adt", "data": SOURCE, "stem": stem}
    training = {"epochs": 10, "batch_size": 64}
    students = {"students": training} if variant == "composition" else {}
    network = {"hidden": [32], "n_latent": 16}
    fields = {"variant": variant, "modalities": tables, "training": training, "network": network, **students}
    return resolve_recipe({**ABOUT, **fields}, "x")


@pytest.mark.parametrize("variant", ["psmile", "mpsmile", "composition"])
def test_canonical_variates_follow_the_components_and_match_the_pairs(pairs: Dataset, variant: str) -> None:
    encoders = train(pairs, shared(variant, "rna", "adt"))
    plain = train(pairs, shared(variant, "rna", "adt", of=()))
    variates = []
    for name, encoder in encoders.items():
        components = encoder.embed_with_components(pairs.cells[name])[1]
        usual = plain[name].embed_with_components(pairs.cells[name])[1]
        assert components is not None
        assert components.shape == (N_CELLS, 16)
        np.testing.assert_allclose(components[:, :8], usual, atol=1e-5)
        variates.append(components[:, 8:])
    correlation = [np.corrcoef(rna, adt)[0, 1] for rna, adt in zip(variates[0].T, variates[1].T, strict=True)]
    assert min(correlation[:2]) > 0.8


def test_a_student_shares_variates_with_a_teacher_that_was_trained_before(three: Dataset) -> None:
    given = {"rna": train(three.with_modalities(["rna"]), recipe("smile", ("rna",)))["rna"]}
    settings = shared("composition", "rna", "adt", "second", of=("second",))
    encoders = train(three, settings, given=given)
    shapes = {name: encoder.network.stem.shape[1] for name, encoder in encoders.items()}
    assert shapes == {"rna": 8, "adt": 8, "second": 16}


def test_canonical_variates_need_pairs_and_two_stems(pairs: Dataset) -> None:
    cells = pairs.cells["adt"].subset(np.arange(19))
    with pytest.raises(RecipeError, match=r"adt\.stem\.canonical needs at least 20 cells .* and there are 19"):
        train(Dataset({**pairs.cells, "adt": cells}), shared("mpsmile", "rna", "adt", of=("adt",), n_components=4))
    tables = {"rna": {"data": SOURCE}, "adt": {"data": SOURCE, "stem": {"n_components": 8, "canonical": True}}}
    settings = resolve_recipe({**ABOUT, "variant": "mpsmile", "modalities": tables}, "x")
    with pytest.raises(RecipeError, match=r"compares components, and rna has no stem; add \[modalities\.rna\.stem\]"):
        train(pairs, settings)


# Pairing


@pytest.mark.parametrize("kind", ["neighbour", "label", "label_neighbour"])
@pytest.mark.parametrize("variant", ["psmile", "mpsmile", "reference", "composition"])
def test_every_pairing_works_in_every_variant(pairs: Dataset, variant: str, kind: str) -> None:
    training = {"epochs": 10, "pretraining_epochs": 2, "pairing": {"kind": kind}}
    encoders = train(pairs, recipe(variant, training=training))
    assert match(pairs, encoders) < 0.35


@pytest.mark.parametrize("variant", ["psmile", "composition"])
def test_masking_works_in_every_variant(pairs: Dataset, variant: str) -> None:
    settings = recipe(variant)
    fields = {
        name: {"kind": name, "data": SOURCE, "stem": {"n_components": 8}, "noise": {"gaussian": 0.1, "masking": 0.4}}
        for name in ("rna", "adt")
    }
    masked = resolve_recipe(
        {
            **ABOUT,
            "variant": variant,
            "modalities": fields,
            "network": {"hidden": [32], "n_latent": 16},
            "training": {"epochs": 30, "batch_size": 64},
            "students": {"epochs": 30, "batch_size": 64},
        },
        "x",
    )
    encoders = train(pairs, masked)
    assert match(pairs, encoders) < 0.15
    assert not np.array_equal(
        weights(encoders["adt"])["encoder.0.weight"], weights(train(pairs, settings)["adt"])["encoder.0.weight"]
    )


def test_unpaired_cells_learn_from_cells_of_their_label() -> None:
    """Ten pairs teach little; the others' labels say where their kind is."""
    few = Dataset({"rna": measured("rna", 0, 60), "adt": measured("adt", 1, 40)})
    alone = np.array([f"other{each}" if each >= 10 else f"cell{each}" for each in range(N_CELLS)], dtype=object)
    adt = few.cells["adt"]
    renamed = Dataset({"rna": few.cells["rna"], "adt": Cells(**{**vars(adt), "names": alone})})

    def right(unpaired: bool) -> float:
        training = {"epochs": 60, "pairing": {"kind": "label", "unpaired": unpaired}}
        encoders = train(renamed, recipe("composition", training=training))
        known = encoders["rna"].embed(few.cells["rna"])
        nearest = (encoders["adt"].embed(adt) @ known.T).argmax(axis=1)
        return float(np.mean(few.cells["rna"].labels[nearest] == adt.labels))

    assert right(unpaired=True) > right(unpaired=False) + 0.05
    assert right(unpaired=True) > 0.85
