"""Spaces of several modalities, as directories: built, opened, projected into, and added to."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import msgspec
import mudata
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import smile_runtime
from smile_runtime.errors import RecipeError
from smile_runtime.io.atomic_files import sha256_file
from smile_training.build import build_space
from smile_training.cli import evaluate
from smile_training.evaluation import imputation, splits
from smile_training.extension import extend_space
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe

ABOUT = dict.fromkeys(("title", "description", "organism", "tissue", "licence"), "x")
SOURCE = {"name": "simulated", "licence": "CC0-1.0"}
N_CELLS = 120


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RNA of 120 cells of three types, antibodies of 80 of them, peaks of 60."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    kind = np.arange(N_CELLS) % 3
    for name, n_features, rows in (("rna", 50, slice(None)), ("adt", 20, slice(0, 80)), ("atac", 70, slice(60, 120))):
        rate = np.exp(rng.normal(0, 0.8, (3, n_features)) - (name == "atac"))
        X = rng.poisson(rate[kind]).astype(np.float32)[rows]
        X[:, 0] += 1
        types = [f"type{each}" for each in kind]
        obs = pd.DataFrame({"type": types, "copy": types}, index=[f"cell{row}" for row in range(N_CELLS)])
        var = pd.DataFrame(index=[f"{name}{each}" for each in range(n_features)])
        anndata.AnnData(X, obs=obs[rows], var=var).write_h5ad(folder / f"{name}.h5ad")
    return folder


def recipe(
    *modalities: str, name: str = "several", variant: str = "composition", label_key: str | None = "type", **fields: Any
) -> Recipe:
    tables = {
        each: {"data": {"path": f"{each}.h5ad", "source": SOURCE, "label_key": label_key}, "stem": {"n_components": 6}}
        for each in modalities
    }
    training = {"epochs": 10, "batch_size": 32}
    return resolve_recipe(
        {
            "name": name,
            **ABOUT,
            "variant": variant,
            "modalities": tables,
            "network": {"hidden": [24], "n_latent": 12},
            "training": training,
            "students": training,
            "reference": {"n_landmarks": 20, "folds": 2, "repeats": 1, "map_method": "tsne"},
            **fields,
        },
        "several.toml",
    )


@pytest.fixture(scope="module")
def two(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("spaces") / "two"
    build_space(recipe("rna", "adt"), output, data_folder=folder, device="cpu")
    return output


def test_queries_of_each_modality_land_among_their_kind(two: Path, folder: Path) -> None:
    space = smile_runtime.open_space(two, device="cpu")
    assert list(space.encoders) == ["rna", "adt"]
    assert space.reference.modalities == ("rna", "adt")
    for modality in ("rna", "adt"):
        adata = anndata.read_h5ad(folder / f"{modality}.h5ad")
        smile_runtime.project(adata, space, modality=modality)
        assert (adata.obs["smile_label"].astype(str) == adata.obs["type"].astype(str)).mean() > 0.9
        assert adata.uns["smile"]["modality"] == modality
        smile_runtime.project(adata, space, overwrite=True)  # chosen by the features
        assert adata.uns["smile"]["modality"] == modality


def test_votes_are_of_the_modalities_that_the_manifest_names(two: Path) -> None:
    space = smile_runtime.open_space(two, device="cpu")
    assert space.manifest.encoders["rna"].label_modalities == ["rna"]
    assert set(space.manifest.encoders["adt"].label_modalities) <= {"rna", "adt"}
    weights = [space.reference.select_modalities([name]).weight.sum() for name in ("rna", "adt")]
    assert weights == [120, 80]
    assert space.manifest.reference.n_cells == 120


def test_every_figure_stands_in_the_manifest(two: Path) -> None:
    metrics = smile_runtime.read_manifest(two).metrics
    figures = {(metric.name, metric.modality, metric.method): metric.mean for metric in metrics}
    for name in ("label transfer accuracy", "label transfer macro-F1"):
        for modality in ("rna", "adt"):
            for method in ("smile", "pca", "logistic regression"):
                assert figures[name, modality, method] > 0.6
        assert figures[name, "adt from rna", "smile"] > 0.6
        assert figures[name, "adt from rna", "cca"] > 0.6
    for method in ("smile", "cca"):
        assert 0 < figures["FOSCTTM", "adt and rna", method] < 0.5
        assert figures["silhouette by modality", "all", method] < 0.2
        assert ("ARI of clusters", "all", method) in figures
    assert figures["ARI of clusters", "all", "smile"] > 0.2
    chosen = max(
        figures["label transfer accuracy", f"adt from {label_modalities}", "smile"]
        for label_modalities in ("adt", "rna", "rna and adt")
    )
    assert figures["label transfer accuracy", "adt", "smile"] == chosen


def test_joint_labels_stand_beside_those_of_each_modality(two: Path) -> None:
    manifest = smile_runtime.read_manifest(two)
    (record,) = manifest.joints
    assert (record.name, record.n_cells) == ("rna+adt", 80)
    for name in ("label transfer accuracy", "label transfer macro-F1"):
        found = {each.method: each for each in manifest.metrics if (each.name, each.modality) == (name, "rna+adt")}
        assert set(found) == {"smile", "rna alone", "adt alone"}
        for modality in ("rna", "adt"):
            each = found[f"{modality} alone"]
            low, high = each.lead
            assert low <= found["smile"].mean - each.mean <= high
    joint, *single = (found[method].mean for method in ("smile", "rna alone", "adt alone"))
    assert joint >= max(single) - 0.05


def test_cells_of_both_modalities_are_labeled_together(two: Path, folder: Path, tmp_path: Path) -> None:
    space = smile_runtime.open_space(two, device="cpu")
    tables = {name: anndata.read_h5ad(folder / f"{name}.h5ad") for name in ("rna", "adt")}
    with mudata.set_options(pull_on_update=False):
        query = mudata.MuData({name: table.copy() for name, table in tables.items()})
    smile_runtime.project(query, space)
    assert query.uns["smile"]["modality"] == "rna+adt"
    types = tables["rna"].obs["type"].loc[query.obs_names].astype(str)
    assert (query.obs["smile_label"].astype(str) == types).mean() > 0.9


def test_a_space_has_its_pictures(two: Path) -> None:
    for name in ("map.png", "loss.png"):
        assert (two / name).read_bytes().startswith(b"\x89PNG")
        assert name in smile_runtime.read_manifest(two).files
    assert "![map](map.png)" in (two / "README.md").read_text("utf-8")


def test_the_card_says_which_modality_to_name(two: Path) -> None:
    card = (two / "README.md").read_text("utf-8")
    assert "smile-zoo project query.h5ad ./several --modality rna -o out.h5ad" in card
    assert 'smile_runtime.project(adata, space, modality="rna")' in card


def test_expected_values_are_those_of_the_cells_near_each_point(two: Path, folder: Path) -> None:
    space = smile_runtime.open_space(two, device="cpu")
    space.check_contents()
    record = next(each for each in space.manifest.imputations if each.modality_to == "adt")
    assert (record.modality_from, record.n_cells, len(record.features)) == ("rna", 80, 20)
    assert 5 < len(record.predicted) < 20
    assert record.unit.startswith("centered log ratio")
    values = space.expected_values(record)
    assert set(space.reference.modality[values.point]) == {0}  # points of the RNA

    rna, adt = (anndata.read_h5ad(folder / f"{name}.h5ad") for name in ("rna", "adt"))
    imputed = smile_runtime.impute(rna, space, modality_to="adt", unknown_rate=0)
    assert list(imputed.var_names) == [feature.id for feature in record.predicted]
    geometric_mean = np.exp(np.log1p(adt.X).mean(axis=1, keepdims=True))
    measured = np.log1p(adt.X / geometric_mean)[:, adt.var_names.get_indexer(imputed.var_names)]
    for kind in ("type0", "type1", "type2"):
        np.testing.assert_allclose(
            imputed.X[imputed.obs["type"] == kind].mean(axis=0),
            measured[adt.obs["type"] == kind].mean(axis=0),
            atol=0.25,
        )
    correlation = [np.corrcoef(imputed.X[:80, each], measured[:, each])[0, 1] for each in range(imputed.n_vars)]
    assert np.mean(correlation) > imputed.var["correlation"].mean() > 0.3  # these cells were not left out


def test_imputation_is_measured_beside_nearest_neighbors(two: Path) -> None:
    manifest = smile_runtime.read_manifest(two)
    metrics = {each.method: each for each in manifest.metrics if each.name == "correlation of imputed values"}
    assert set(metrics) == {"smile", "pca"}
    record = next(each for each in manifest.imputations if each.modality_to == "rna")
    assert metrics["smile"].modality == "rna from adt"  # the last one
    for method, field in (("smile", "correlation"), ("pca", "correlation_knn")):
        assert metrics[method].mean == pytest.approx(np.mean([getattr(each, field) for each in record.features]))
    low, high = metrics["pca"].lead
    assert low < metrics["smile"].mean - metrics["pca"].mean < high
    card = (two / "README.md").read_text("utf-8")
    assert "adt from rna: " in card
    assert "| feature | correlation | of nearest neighbors | imputed |" in card


def test_features_measured_on_a_sample_are_imputed_if_they_are_selected_from_all_cells(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "MAX_SAMPLE_CELLS", 119)
    monkeypatch.setattr(splits, "SAMPLE_FOLDS", 2)
    monkeypatch.setattr(imputation, "MIN_MEASURED_CELLS", 20)
    tables = {
        name: {
            "data": {"path": f"{name}.h5ad", "source": SOURCE, "label_key": "type", "n_top_features": 15},
            "stem": {"n_components": 6},
        }
        for name in ("rna", "adt")
    }
    settings = {"n_landmarks": 20, "folds": 2, "repeats": 1, "map_method": "tsne", "evaluation": "sample"}
    manifest = build_space(
        recipe(modalities=tables, reference=settings), tmp_path / "sampled", data_folder=folder, device="cpu"
    )
    adt = next(record for record in manifest.imputations if record.modality_to == "adt")
    assert 0 < len(adt.features) <= 15  # of 20
    smile_runtime.open_space(tmp_path / "sampled", device="cpu").check_contents()


def test_a_student_added_later_touches_nothing(two: Path, folder: Path, tmp_path: Path) -> None:
    before = {path.relative_to(two): sha256_file(path) for path in two.rglob("*") if path.is_file()}
    space = smile_runtime.open_space(two, device="cpu")
    build_space(
        recipe("rna", "adt", "atac", name="three"), tmp_path / "three", data_folder=folder, device="cpu", onto=space
    )

    assert before == {path.relative_to(two): sha256_file(path) for path in two.rglob("*") if path.is_file()}
    folders = ("onnx", "first", "features", "parity", "training", "reference")
    kept = [name for name in before if name.parts[0] in folders]
    assert len(kept) == 15  # six of each encoder, the points, and expected values of either modality for the other
    for name in kept:
        assert sha256_file(tmp_path / "three" / name) == before[name], name
    grown = smile_runtime.open_space(tmp_path / "three", device="cpu")
    assert list(grown.encoders) == ["rna", "adt", "atac"]
    assert grown.manifest.encoders["adt"] == space.manifest.encoders["adt"]
    assert grown.manifest.encoders["atac"].label_modalities == ["rna"]
    assert grown.manifest.metrics[: len(space.manifest.metrics)] == space.manifest.metrics
    assert {metric.modality for metric in grown.manifest.metrics} >= {"atac", "atac and rna", "atac from rna"}
    assert grown.manifest.imputations[:2] == space.manifest.imputations
    assert [(each.modality_from, each.modality_to) for each in grown.manifest.imputations[2:]] == [
        ("rna", "atac"),
        ("atac", "rna"),
    ]
    for record in grown.manifest.imputations:  # an ATAC query, too, goes to the points of the RNA: there are no others
        points = grown.reference.modality[grown.expected_values(record).point]
        assert set(points) == {int(record.modality_from == "adt")}
    adata = anndata.read_h5ad(folder / "atac.h5ad")
    smile_runtime.project(adata, grown, modality="atac")
    assert (adata.obs["smile_label"].astype(str) == adata.obs["type"].astype(str)).mean() > 0.7


@pytest.mark.parametrize(
    ("modalities", "variant", "message"),
    [
        (("rna", "adt"), "composition", "already has all modalities of the recipe"),
        (("rna", "adt"), "psmile", "variant = 'composition' and one of them as its first modality, not 'psmile'"),
        (("rna", "atac"), "composition", "has the encoder 'adt', the recipe does not"),
        (("atac", "rna", "adt"), "composition", "not 'composition' and 'atac'"),
    ],
)
def test_a_recipe_that_does_not_go_on_from_a_space_is_refused(
    two: Path, folder: Path, tmp_path: Path, modalities: tuple[str, ...], variant: str, message: str
) -> None:
    space = smile_runtime.open_space(two, device="cpu")
    with pytest.raises(RecipeError, match=message):
        build_space(recipe(*modalities, variant=variant), tmp_path / "x", data_folder=folder, device="cpu", onto=space)
    assert list(tmp_path.iterdir()) == []


def test_label_columns_that_are_not_those_of_the_space_are_refused(two: Path, folder: Path, tmp_path: Path) -> None:
    grown = recipe("rna", "adt", "atac", label_key="copy")
    space = smile_runtime.open_space(two, device="cpu")
    with pytest.raises(RecipeError, match="space several has the label columns type, but the recipe has copy; set "):
        build_space(grown, tmp_path / "x", data_folder=folder, device="cpu", onto=space)


def unlabeled(folder: Path, target: Path, *, n_genes: int) -> Path:
    """Write the same cells without labels, their RNA with some of the genes alone."""
    target.mkdir()
    for name in ("rna", "adt", "atac"):
        adata = anndata.read_h5ad(folder / f"{name}.h5ad")
        adata = adata[:, : n_genes if name == "rna" else None].copy()
        adata.obs = adata.obs[[]]
        adata.write_h5ad(target / f"{name}.h5ad")
    return target


def test_cells_without_labels_get_those_of_the_space(two: Path, folder: Path, tmp_path: Path) -> None:
    space, settings = smile_runtime.open_space(two, device="cpu"), recipe("rna", "adt", "atac", label_key=None)
    data = unlabeled(folder, tmp_path / "data", n_genes=40)
    build_space(settings, tmp_path / "three", data_folder=data, device="cpu", onto=space)

    three = smile_runtime.open_space(tmp_path / "three", device="cpu")
    assert three.manifest.sources[:2] == space.manifest.sources
    assert len(three.manifest.sources) == 5
    assert three.manifest.encoders["atac"].calibrations
    card = (tmp_path / "three/README.md").read_text("utf-8")
    assert "The cells that adt, atac was trained and measured on state no labels: each got those that the space" in card
    adata = anndata.read_h5ad(folder / "atac.h5ad")
    smile_runtime.project(adata, three, modality="atac", unknown_rate=0)
    assert (adata.obs["smile_label"].astype(str) == adata.obs["type"].astype(str)).mean() > 0.7


def test_an_unmeasured_student_takes_its_labels_from_the_kept_points(two: Path, folder: Path, tmp_path: Path) -> None:
    space, settings = smile_runtime.open_space(two, device="cpu"), recipe("rna", "adt", "atac")
    build_space(settings, tmp_path / "three", data_folder=folder, device="cpu", onto=space, measure=False)
    encoder = smile_runtime.open_space(tmp_path / "three", device="cpu").encoders["atac"]
    assert encoder.record.label_modalities == ["rna"]
    assert encoder.record.drivers


def test_cells_with_too_few_features_of_the_space_are_refused(two: Path, folder: Path, tmp_path: Path) -> None:
    space, settings = smile_runtime.open_space(two, device="cpu"), recipe("rna", "adt", "atac", label_key=None)
    data = unlabeled(folder, tmp_path / "data", n_genes=2)
    with pytest.raises(RecipeError, match=r"the encoder 'rna' of the space several needs .* 2 of 50 features"):
        build_space(settings, tmp_path / "three", data_folder=data, device="cpu", onto=space)


def test_a_space_without_its_weights_teaches_nobody(two: Path, folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(two, tmp_path / "copy"))
    (copy / "training/rna.safetensors").unlink()
    with pytest.raises(RecipeError, match=r"the space several lacks its torch weights, .*rna\.safetensors"):
        build_space(
            recipe("rna", "adt", "atac"),
            tmp_path / "x",
            data_folder=folder,
            device="cpu",
            onto=smile_runtime.open_space(copy, device="cpu"),
        )


def test_evaluate_measures_the_recipe_of_a_space(two: Path, folder: Path) -> None:
    """The same figures as at its making, for the splits and seeds are the same."""
    command = [str(two), "--data", str(folder), "--device", "cpu", "--json"]
    result = CliRunner().invoke(evaluate, command, catch_exceptions=False)
    assert result.exit_code == 0
    found = {
        (each["name"], each["modality"], each["method"]): each["mean"] for each in json.loads(result.stdout)["metrics"]
    }
    stated = {(each.name, each.modality, each.method): each.mean for each in smile_runtime.read_manifest(two).metrics}
    assert found == pytest.approx(stated)


def test_simulated_modalities_say_so_everywhere(folder: Path, tmp_path: Path) -> None:
    tables = {
        "rna": {"data": {"path": "rna.h5ad", "source": SOURCE, "label_key": "type"}, "stem": {"n_components": 6}},
        "mark_simulated": {
            "kind": "histone",
            "data": {"path": "rna.h5ad", "source": SOURCE, "label_key": "type", "simulate": "mark"},
            "stem": {"n_components": 6, "kind": "lsi"},
        },
    }
    manifest = build_space(
        recipe(name="several-simulated", modalities=tables), tmp_path / "s", data_folder=folder, device="cpu"
    )
    assert [source.simulated for source in manifest.sources] == [False, True]
    assert set(manifest.encoders["mark_simulated"].calibrations) == {"type"}
    assert not manifest.joints  # of values that say nothing about cells
    card = (tmp_path / "s/README.md").read_text("utf-8")
    assert "must not be published" in card
    assert "simulated from: simulated" in card
    tables["mark"] = tables.pop("mark_simulated")
    for name in ("several-simulated", "several"):
        with pytest.raises(RecipeError, match="include the word simulated in the names"):
            recipe(name=name, modalities=tables)


def test_a_composition_is_extended_in_the_modality_that_is_named(two: Path, folder: Path, tmp_path: Path) -> None:
    space = smile_runtime.open_space(two, device="cpu")
    cells = anndata.read_h5ad(folder / "rna.h5ad")
    cells.obs["type"] = cells.obs["type"].astype(str).replace({"type1": "other"})
    cells.write_h5ad(tmp_path / "rna.h5ad")
    with pytest.raises(smile_runtime.UnknownModalityError, match="several encoders: rna, adt"):
        extend_space(space, [tmp_path / "rna.h5ad"], tmp_path / "x", labels="type")
    manifest = extend_space(space, [tmp_path / "rna.h5ad"], tmp_path / "x", labels="type", modality="rna")
    extended = smile_runtime.open_space(tmp_path / "x", device="cpu")
    extended.check_contents()
    assert extended.manifest.imputations == space.manifest.imputations
    for name in ("rna", "adt"):
        before, after = space.profiles(name), extended.profiles(name)
        assert before is not None
        assert after is not None
        assert len(after.log_profile) == 4
        np.testing.assert_array_equal(after.log_profile[:3], before.log_profile)
    assert manifest.encoders["adt"] == space.manifest.encoders["adt"]
    weights = [extended.reference.select_modalities([name]).weight.sum() for name in ("rna", "adt")]
    assert weights == [240, 80]
    adt = anndata.read_h5ad(folder / "adt.h5ad")
    result = smile_runtime.project(adt, extended, modality="adt", copy=True)
    former = smile_runtime.project(adt, space, modality="adt", copy=True)
    assert result is not None
    assert former is not None
    np.testing.assert_array_equal(result.obsm["X_smile"], former.obsm["X_smile"])


def test_cells_whose_modality_labels_nothing_are_refused(two: Path, folder: Path, tmp_path: Path) -> None:
    space = smile_runtime.open_space(two, device="cpu")
    record = msgspec.structs.replace(space.manifest.encoders["adt"], label_modalities=["rna"])
    encoders = {**space.manifest.encoders, "adt": record}
    taught = replace(space, manifest=msgspec.structs.replace(space.manifest, encoders=encoders))
    with pytest.raises(RecipeError, match="queries of adt take their labels from reference cells of rna"):
        extend_space(taught, [folder / "adt.h5ad"], tmp_path / "x", labels="type", modality="adt")
