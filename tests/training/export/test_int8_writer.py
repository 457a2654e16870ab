"""A recipe with ``int8 = true``: a graph that is near enough is part of the space, another one is not."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pytest

import smile_runtime
from smile_runtime.manifest import encode_manifest
from smile_runtime.space.parity import require_int8_parity
from smile_training import build_space
from smile_training.export import int8_writer
from smile_training.recipe.fingerprint import recipe_sha256
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe

GRAPH = "onnx/rna.int8.onnx"
MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def recipe(make_recipe: MakeRecipe) -> Recipe:
    return make_recipe(
        data={"batch_key": "batch", "label_key": "cell_type", "n_top_features": 70},
        preset="stem",
        stem={"n_components": 8},
        epochs=20,
        reference={"n_landmarks": 20, "n_neighbors": 5, "folds": 2, "repeats": 1, "map_method": "tsne"},
        export={"int8": True},
    )


@pytest.fixture(scope="module")
def built(recipe: Recipe, counts_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a space with an int8 graph, built once."""
    output = tmp_path_factory.mktemp("built") / "tiny"
    build_space(recipe, output, data_folder=counts_folder, device="cpu")
    return output


def test_the_manifest_states_what_the_graph_reached(built: Path) -> None:
    manifest = smile_runtime.read_manifest(built)
    record = manifest.encoders["rna"].int8
    assert record
    assert record.graph == GRAPH
    assert GRAPH in manifest.files
    assert record.n_cells == 90  # of 180: the other half set the scales
    assert 0.99 <= record.lowest_cosine <= record.mean_cosine < 0.999999
    assert record.mean_cosine >= 0.999
    assert record.label_agreement is not None
    assert record.label_agreement >= 0.995
    assert f"| rna | {record.mean_cosine:.5f} | " in (built / "README.md").read_text("utf-8")
    assert manifest.recipe["export"] == {"int8": True}


def test_the_stated_figures_can_be_measured_again(built: Path, simulated: Callable[..., anndata.AnnData]) -> None:
    """Of all cells, those that set the scales too: as near on the whole, and no cell further off than is stated."""
    record = smile_runtime.read_manifest(built).encoders["rna"].int8
    assert record
    float32, int8 = (project(simulated(), built, precision) for precision in ("float32", "int8"))
    cosine = (float32.obsm["X_smile"] * int8.obsm["X_smile"]).sum(axis=1)
    assert cosine.mean() == pytest.approx(record.mean_cosine, abs=5e-4)
    assert cosine.min() > record.lowest_cosine - 5e-3
    assert np.mean(float32.obs["smile_label"].astype(str) == int8.obs["smile_label"].astype(str)) > 0.97
    assert int8.uns["smile"]["precision"] == "int8"


def project(cells: anndata.AnnData, path: Path, precision: str) -> anndata.AnnData:
    result = smile_runtime.project(cells, smile_runtime.open_space(path, device="cpu", precision=precision), copy=True)
    assert result is not None
    return result


@pytest.mark.parametrize("batch_size", [1, 7])
def test_batch_size_and_order_change_nothing(
    built: Path, simulated: Callable[..., anndata.AnnData], batch_size: int
) -> None:
    encoder = smile_runtime.open_space(built, device="cpu", precision="int8").encoder()
    X = simulated().to_df()[list(encoder.features.ids)].to_numpy(np.float32)
    expected = encoder.encode(X, np.ones(len(X)))
    np.testing.assert_allclose(encoder.encode(X, np.ones(len(X)), batch_size=batch_size), expected, atol=1e-6)
    np.testing.assert_allclose(
        encoder.encode(X[::-1].copy(), np.ones(len(X)), batch_size=batch_size)[::-1], expected, atol=1e-6
    )


def test_another_graph_is_found_by_its_parity(built: Path) -> None:
    """A graph that was swapped for one of coarser weights does not reach what the manifest states."""
    import onnx

    encoder = smile_runtime.open_space(built, device="cpu", precision="int8").encoder()
    parity = built / encoder.record.parity
    require_int8_parity(encoder, parity)
    model = onnx.load_from_string(encoder.graph.read_bytes())
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 2:
            weight = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array((weight // 16 * 16).astype(np.int8), tensor.name))
    coarser = built / "coarser.onnx"
    onnx.save(model, coarser)
    swapped = replace(encoder, graph=coarser)
    with pytest.raises(smile_runtime.IntegrityError, match="report this, and use float32"):
        require_int8_parity(swapped, parity)
    coarser.unlink()


@pytest.mark.parametrize("bound", ["MIN_MEAN_COSINE", "MIN_COSINE", "MIN_LABEL_AGREEMENT"])
def test_a_graph_that_is_not_near_enough_is_not_written(
    recipe: Recipe,
    counts_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    bound: str,
) -> None:
    monkeypatch.setattr(int8_writer, bound, 1.01)
    with caplog.at_level(logging.WARNING, "smile_training.export.int8_writer"):
        manifest = build_space(recipe, tmp_path / "tiny", data_folder=counts_folder, device="cpu")
    assert not manifest.encoders["rna"].int8
    assert "int8" not in json.loads(encode_manifest(manifest))["encoders"]["rna"]
    assert sorted(file.name for file in (tmp_path / "tiny/onnx").iterdir()) == ["rna.onnx", "rna.trunk.onnx"]
    (line,) = [record.getMessage() for record in caplog.records if record.name == "smile_training.export.int8_writer"]
    assert line.startswith("the rna encoder gets no int8 graph: cosine to float32 0.99")
    assert "of labels the same, on 90 reference cells; needed are " in line
    assert "1.01" in line or "101.0%" in line


def test_export_changes_no_figure_and_is_off(make_recipe: MakeRecipe, recipe: Recipe) -> None:
    plain = make_recipe()
    assert not plain.export
    assert recipe_sha256(make_recipe(export={"int8": True})) == recipe_sha256(plain)
    with pytest.raises(smile_runtime.RecipeError, match="int4"):
        resolve_recipe({"name": "tiny", "export": {"int4": True}}, "tiny.toml")
