"""A space of studies of which only one tells subtypes: built, projected into, extended, and added to."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

import smile_runtime
from smile_training.build import build_space
from smile_training.extension import extend_space
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe

N_CELLS = 240
SUBTYPES = np.array(["naive", "memory", "B"])
SOURCE = {"name": "simulated", "licence": "CC0-1.0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of RNA, the first of which tells subtypes of T cells; antibodies, peaks and RNA of some cells.

    The truth is in ``subtype``, labels are in ``type`` and ``fine``.
    """
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    kind = np.arange(N_CELLS) % 3
    rates = {name: np.exp(rng.normal(0, 0.9, (3, n))) for name, n in (("rna", 60), ("adt", 20), ("atac", 70))}

    def write(name: str, rate: np.ndarray, rows: slice, *, fine: bool = False) -> None:
        X = rng.poisson(rate[kind]).astype(np.float32)[rows]
        X[:, 0] += 1
        subtype = SUBTYPES[kind]
        obs = pd.DataFrame({"subtype": subtype, "type": np.where(kind < 2, "T", "B")}).set_index(
            pd.Index([f"cell{row}" for row in range(N_CELLS)])
        )
        if fine:
            obs["fine"] = obs["subtype"].where(kind < 2)
        var = pd.DataFrame(index=[f"{name[:3]}{each}" for each in range(X.shape[1])])
        anndata.AnnData(X, obs=obs[rows], var=var).write_h5ad(folder / f"{name}.h5ad")

    write("rna1", rates["rna"], slice(0, 120), fine=True)
    write("rna2", rates["rna"], slice(120, None))
    write("adt", rates["adt"], slice(40, 200))
    write("atac", rates["atac"] / 3, slice(80, None))
    write("rna3", rates["rna"], slice(0, 60))
    return folder


def recipe(*modalities: str) -> Recipe:
    labels = {"label_key": "type", "levels": ["all"], "groups": {"all": {"cell": ["B", "T"]}}, "source": SOURCE}
    data = {each: {"path": f"{each}.h5ad", "label_key": "type", "source": SOURCE} for each in modalities}
    data["rna"] = {"path": ["rna1.h5ad", "rna2.h5ad"], "finer_levels": ["fine"], **labels}
    training = {"epochs": 12, "batch_size": 32}
    return resolve_recipe(
        {
            "name": "finer",
            "variant": "composition",
            "modalities": {name: {"data": data[name], "stem": {"n_components": 6}} for name in modalities},
            "network": {"hidden": [24], "n_latent": 12},
            "training": training,
            "students": training,
            "reference": {"n_landmarks": 40, "folds": 2, "repeats": 1, "map_method": "tsne"},
        },
        "finer.toml",
    )


@pytest.fixture(scope="module")
def space(folder: Path) -> smile_runtime.Space:
    build_space(recipe("rna", "adt"), folder / "finer", data_folder=folder, device="cpu")
    return smile_runtime.open_space(folder / "finer", device="cpu")


def project(folder: Path, space: smile_runtime.Space, name: str) -> pd.DataFrame:
    adata = anndata.read_h5ad(folder / f"{name}.h5ad")
    smile_runtime.project(adata, space, modality="rna" if name.startswith("rna") else name)
    return adata.obs


def test_the_primary_column_comes_first_and_finer_ones_after_coarser_ones(space: smile_runtime.Space) -> None:
    primary, coarser, finer = space.manifest.reference.label_columns
    assert [(each.name, each.within) for each in (primary, coarser, finer)] == [
        ("type", "all"),
        ("all", None),
        ("fine", "type"),
    ]
    assert (finer.labels, finer.parents) == (["B", "T", "memory", "naive"], [0, 1, 1, 1])
    card = (space.path / "README.md").read_text("utf-8")
    assert 'fine (each within one of type; one named like it says nothing finer), in `obs["smile_label_fine"]`' in card


def test_cells_of_a_study_that_tells_no_subtypes_get_those_of_the_other(
    space: smile_runtime.Space, folder: Path
) -> None:
    obs = project(folder, space, "rna2")
    assert (obs["smile_nearest_label"] == obs["type"]).mean() > 0.95
    assert (obs["smile_nearest_label_fine"].astype(str) == obs["subtype"].astype(str)).mean() > 0.9
    of_t = obs["smile_nearest_label"] == "T"
    assert set(obs["smile_nearest_label_fine"][of_t]) <= {"naive", "memory", "T"}  # T if no neighbor tells
    assert set(obs["smile_nearest_label_fine"][~of_t]) == {"B"}


def test_only_cells_with_a_subtype_of_their_own_are_counted(space: smile_runtime.Space) -> None:
    calibrations = space.manifest.encoders["rna"].calibrations
    n_open = 80  # T cells of the second study
    assert calibrations["type"].n_cells == N_CELLS
    assert N_CELLS - n_open - 10 <= calibrations["fine"].n_cells <= N_CELLS - n_open
    figures = {
        each.name: each.mean for each in space.manifest.metrics if (each.modality, each.method) == ("rna", "smile")
    }
    assert figures["label transfer accuracy, fine"] > 0.9


def test_added_cells_need_no_subtypes(space: smile_runtime.Space, folder: Path) -> None:
    extend_space(space, [folder / "rna3.h5ad"], folder / "extended", labels="type", modality="rna")
    extended = smile_runtime.open_space(folder / "extended", device="cpu")
    extended.check_contents()
    assert extended.manifest.reference.label_columns == space.manifest.reference.label_columns
    added = extended.reference.label[len(space.reference) :]
    assert {tuple(row) for row in added.tolist()} == {(0, 0, 0), (1, 0, 1)}  # B and T in the finer column, too
    obs = project(folder, extended, "rna2")
    assert (obs["smile_nearest_label_fine"].astype(str) == obs["subtype"].astype(str)).mean() > 0.9


def test_a_modality_is_trained_onto_the_space(space: smile_runtime.Space, folder: Path) -> None:
    build_space(recipe("rna", "adt", "atac"), folder / "grown", data_folder=folder, device="cpu", onto=space)
    grown = smile_runtime.open_space(folder / "grown", device="cpu")
    assert grown.manifest.reference.label_columns == space.manifest.reference.label_columns
    assert set(grown.manifest.encoders["atac"].calibrations) == {"type", "all", "fine"}
    obs = project(folder, grown, "atac")
    assert (obs["smile_nearest_label"] == obs["type"]).mean() > 0.8
    assert set(obs["smile_nearest_label_fine"]) <= set(SUBTYPES)
