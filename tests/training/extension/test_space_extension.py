"""A space is extended by labeled cells, and its encoder stays as it is."""

import logging
from dataclasses import replace
from pathlib import Path

import anndata
import msgspec
import numpy as np
import pytest

import smile_runtime
from smile_runtime import FeatureMatchError, OutputError, QueryError, RecipeError, Space
from smile_runtime.space import FileHashes, check_parity, verify_files
from smile_training.extension import extend_space
from smile_training.extension.added_files import read_added_files


@pytest.fixture(scope="module")
def extended(known_space: Path, folder: Path) -> Space:
    """Return the space with 180 cells, a quarter of them of a new type."""
    known = smile_runtime.open_space(known_space, device="cpu")
    output = folder / "extended"
    extend_space(known, [folder / "added.h5ad"], output, labels="cell_type", source_license="CC0-1.0")
    return smile_runtime.open_space(output, device="cpu")


def project(path: Path, space: Space) -> anndata.AnnData:
    result = smile_runtime.project(anndata.read_h5ad(path), space, copy=True)
    assert result is not None
    return result


def test_the_files_of_the_encoder_are_copied_byte_for_byte(known: Space, extended: Space) -> None:
    changed = {"reference/points.safetensors", "profiles/rna.safetensors"}
    same = set(known.manifest.files) - changed
    assert {"onnx/rna.onnx", "features/rna.tsv", "parity/rna.safetensors", "training/rna.safetensors"} < same
    assert set(extended.manifest.files) == set(known.manifest.files)
    for name in same:
        assert (extended.path / name).read_bytes() == (known.path / name).read_bytes()
    for name in changed:
        assert extended.manifest.files[name] != known.manifest.files[name]


def test_an_extended_space_is_complete(extended: Space) -> None:
    verify_files(extended.path, extended.manifest, FileHashes(extended.path))
    extended.check_contents()
    assert len(check_parity(extended.encoder(), extended.file("parity/rna.safetensors"))) == 2


def test_a_type_that_the_space_lacked_is_labeled(known: Space, extended: Space, folder: Path) -> None:
    before, after = project(folder / "apart.h5ad", known), project(folder / "apart.h5ad", extended)
    is_new = (after.obs["cell_type"] == "type3").to_numpy()
    assert is_new.sum() > 35
    assert (before.obs["smile_label"] != "type3").all()
    assert (after.obs["smile_nearest_label"][is_new] == "type3").mean() > 0.8
    assert (after.obs["smile_nearest_label"].astype(str) == after.obs["cell_type"].astype(str)).mean() > 0.9
    np.testing.assert_array_equal(after.obsm["X_smile"], before.obsm["X_smile"])
    assert set(after.obs["smile_label_broad"][is_new & (after.obs["smile_label"] == "type3")]) == {"middle"}


def test_points_of_the_space_stay_and_new_ones_stand_for_as_many_cells(known: Space, extended: Space) -> None:
    n = len(known.reference)
    for name in ("embedding", "weight", "map", "label", "modality"):
        np.testing.assert_array_equal(getattr(extended.reference, name)[:n], getattr(known.reference, name))
    added = extended.reference.weight[n:]
    assert added.sum() == 180
    assert len(added) == pytest.approx(180 * n / known.reference.weight.sum(), abs=2)
    assert extended.manifest.reference.n_cells == known.manifest.reference.n_cells + 180
    low, high = known.reference.map.min(axis=0), known.reference.map.max(axis=0)
    assert ((low <= extended.reference.map) & (extended.reference.map <= high)).all()


def test_sets_hold_the_labels_of_other_cells(known: Space, extended: Space, folder: Path) -> None:
    """The space has three types in two batches, the extended one a fourth."""
    cells = anndata.read_h5ad(folder / "apart.h5ad")
    assert known.manifest.encoders["rna"].label_sets
    assert known.manifest.encoders["rna"].label_sets.left_out == "batches"
    for space, some in ((known, cells[cells.obs["cell_type"] != "type3"]), (extended, cells)):
        result = smile_runtime.project(some.copy(), space, copy=True, unknown_rate=0.0, coverage=0.9)
        assert result is not None
        own, sets = result.obs["cell_type"].astype(str), result.obs["smile_set"].astype(str)
        assert np.mean([label in each.split("|") for label, each in zip(own, sets, strict=True)]) > 0.87
        assert sets.str.split("|").str.len().mean() < 2.5


def test_labels_are_appended(extended: Space) -> None:
    fine, broad, tissue = extended.manifest.reference.label_columns
    assert fine.labels == ["type0", "type1", "type2", "type3"]
    assert (fine.parents, broad.labels) == ([0, 1, 1, 2], ["left", "right", "middle"])
    assert tissue.labels == ["blood", "skin"]


def test_calibration_is_pooled_with_that_of_left_out_cells(known: Space, extended: Space) -> None:
    before, after = known.manifest.encoders["rna"], extended.manifest.encoders["rna"]
    for column in ("cell_type", "broad", "tissue"):
        former, pooled = before.calibrations[column], after.calibrations[column]
        assert pooled.n_cells == former.n_cells + 180
        assert pooled.weights == former.weights
        at_former = np.interp(former.evidence, pooled.evidence, pooled.probability)
        assert np.abs(at_former - former.probability).max() > 1e-3
    assert before.similarity is not None
    assert after.similarity is not None
    assert after.similarity.n_cells == before.similarity.n_cells + 180
    assert (np.array(after.similarity.quantiles) >= np.array(before.similarity.quantiles) - 1e-9).all()
    assert after.similarity.dissimilarity == before.similarity.dissimilarity
    assert before.label_sets
    assert after.label_sets
    assert after.label_sets.n_cells > before.label_sets.n_cells
    assert (np.array(after.label_sets.limits) >= np.array(before.label_sets.limits)).all()


def test_the_manifest_says_what_was_added(known: Space, extended: Space) -> None:
    manifest = extended.manifest
    assert manifest.extensions
    (made,) = manifest.extensions
    assert (made.space, made.manifest_sha256) == ("known", known.manifest_sha256)
    assert (made.modality, made.n_cells, made.new_labels) == ("rna", 180, ["type3"])
    assert made.n_points == manifest.reference.n_points - known.manifest.reference.n_points
    assert manifest.sources[:-1] == known.manifest.sources
    assert (manifest.sources[-1].name, manifest.sources[-1].license) == ("added", "CC0-1.0")
    assert made.sources == [manifest.sources[-1].sha256]
    assert manifest.metrics[: len(known.manifest.metrics)] == known.manifest.metrics
    figures = {each.name: each.mean for each in manifest.metrics[len(known.manifest.metrics) :]}
    assert figures["label transfer accuracy of added cells, added"] > 0.9
    assert manifest.recipe == known.manifest.recipe
    assert manifest.name == "extended"
    card = (extended.path / "README.md").read_text("utf-8")
    assert "180 cells of added, added to the space known without training" in card
    assert known.manifest.extensions is msgspec.UNSET


def test_whole_batches_are_left_out_where_there_are_several(known: Space, folder: Path, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells = cells[(cells.obs["cell_type"] != "type3") | (cells.obs["batch"] == "batch0")].copy()
    cells.write_h5ad(tmp_path / "cells.h5ad")
    manifest = extend_space(known, [tmp_path / "cells.h5ad"], tmp_path / "out", labels="cell_type", batch="batch")
    (accuracy,) = [
        each.mean for each in manifest.metrics if each.name == "label transfer accuracy of added cells, cells"
    ]
    assert accuracy < (cells.obs["cell_type"] != "type3").mean() + 0.01  # type3 is in one batch: unknown once left out


def test_files_of_the_same_name_are_batches_of_their_own(known: Space, folder: Path, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    paths = [tmp_path / name / "counts.h5ad" for name in ("one", "two")]
    for path, rows in zip(paths, (slice(90), slice(90, None)), strict=True):
        path.parent.mkdir()
        cells[rows].copy().write_h5ad(path)
    added = read_added_files(paths, known, known.encoders["rna"], labels="cell_type", batch=None, layer=None)
    assert len(added.cells.batch_names) == 2


def test_files_with_different_features_are_joined(known: Space, folder: Path, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells[:90].copy().write_h5ad(tmp_path / "a.h5ad")
    cells[90:, 10:].copy().write_h5ad(tmp_path / "b.h5ad")
    paths = [tmp_path / "a.h5ad", tmp_path / "b.h5ad"]
    extend_space(known, paths, tmp_path / "out", labels="cell_type")
    space = smile_runtime.open_space(tmp_path / "out", device="cpu")
    assert space.manifest.extensions
    assert len(space.manifest.extensions[0].sources) == 2
    apart = project(folder / "apart.h5ad", space)
    assert (apart.obs["smile_nearest_label"].astype(str) == apart.obs["cell_type"].astype(str)).mean() > 0.9


def test_a_space_is_extended_again(extended: Space, folder: Path, tmp_path: Path) -> None:
    apart = anndata.read_h5ad(folder / "apart.h5ad")
    apart.obs["cell_type"] = apart.obs["cell_type"].astype(str).replace({"type1": "type9"})
    del apart.obs["broad"]
    apart.write_h5ad(tmp_path / "apart.h5ad")
    manifest = extend_space(extended, [tmp_path / "apart.h5ad"], tmp_path / "again", labels="cell_type")
    assert manifest.extensions
    assert [each.space for each in manifest.extensions] == ["known", "extended"]
    fine, broad, _ = manifest.reference.label_columns
    assert (fine.labels[4], fine.parents) == ("type9", [0, 1, 1, 2, -1])  # no cell states its broader type
    space = smile_runtime.open_space(tmp_path / "again", device="cpu")
    cells = project(tmp_path / "apart.h5ad", space)
    is_new = cells.obs["smile_label"] == "type9"
    assert is_new.any()
    assert set(cells.obs["smile_label_broad"][is_new]) == {"unknown"}
    assert broad.labels == ["left", "right", "middle"]


def test_labels_that_are_all_known_add_no_label(known: Space, folder: Path, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells[cells.obs["cell_type"] == "type0"].copy().write_h5ad(tmp_path / "cells.h5ad")
    manifest = extend_space(known, [tmp_path / "cells.h5ad"], tmp_path / "out", labels="cell_type")
    assert manifest.extensions
    assert manifest.extensions[0].new_labels == []
    assert manifest.reference.label_columns == known.manifest.reference.label_columns


def test_a_few_cells_leave_the_calibration_as_it_is(
    known: Space, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells[cells.obs["cell_type"] == "type3"][:4].copy().write_h5ad(tmp_path / "cells.h5ad")
    manifest = extend_space(known, [tmp_path / "cells.h5ad"], tmp_path / "out", labels="cell_type")
    assert manifest.encoders == known.manifest.encoders
    assert manifest.metrics == known.manifest.metrics
    assert "confidence and similarity stay as they were calibrated" in caplog.text


def test_too_few_cells_of_known_types_leave_the_calibration_as_it_is(
    known: Space, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells[cells.obs["cell_type"] == "type3"][:12].copy().write_h5ad(tmp_path / "cells.h5ad")
    manifest = extend_space(known, [tmp_path / "cells.h5ad"], tmp_path / "out", labels="cell_type")
    assert manifest.encoders["rna"].calibrations == known.manifest.encoders["rna"].calibrations
    assert "12 left-out cells of known types have a label of 'cell_type', at least 20 are needed" in caplog.text


def test_cells_without_a_label_or_values_are_not_added(
    known: Space, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells.obs["cell_type"] = cells.obs["cell_type"].astype(object)
    cells.obs.iloc[:7, cells.obs.columns.get_loc("cell_type")] = None
    cells.obs.iloc[7:10, cells.obs.columns.get_loc("cell_type")] = "Unknown"
    values = cells.X.toarray()
    values[10:12] = 0
    cells.X = values
    cells.write_h5ad(tmp_path / "cells.h5ad")
    manifest = extend_space(known, [tmp_path / "cells.h5ad"], tmp_path / "out", labels="cell_type")
    assert manifest.extensions
    assert manifest.extensions[0].n_cells == 168
    assert "10 of 180 cells have no label" in caplog.text
    assert "2 labeled cells have no values" in caplog.text


def test_what_the_space_calls_new_labels_is_logged(
    known: Space, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells = cells[cells.obs["cell_type"] == "type1"].copy()
    cells.obs["cell_type"] = "Type 1"
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with caplog.at_level(logging.INFO):
        extend_space(known, [tmp_path / "cells.h5ad"], tmp_path / "out", labels="cell_type")
    assert "a label is the same only if it is spelled alike" in caplog.text
    assert "new label: Type 1 " in caplog.text


def test_a_space_without_calibration_gets_none(
    known: Space, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = msgspec.structs.replace(known.manifest.encoders["rna"], calibrations={}, similarity=None)
    plain = replace(known, manifest=msgspec.structs.replace(known.manifest, encoders={"rna": record}))
    manifest = extend_space(plain, [folder / "added.h5ad"], tmp_path / "out", labels="cell_type")
    assert manifest.encoders["rna"] == record
    assert len(manifest.metrics) > len(known.manifest.metrics)
    assert "its confidence is the vote share" in caplog.text


# What is refused


def test_a_missing_column_lists_those_that_would_do(known: Space, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"has no column 'type'; choose one of .*\n- cell_type: 4 values"):
        extend_space(known, [folder / "added.h5ad"], tmp_path / "out", labels="type")
    with pytest.raises(RecipeError, match=r"no column of labels was named for added\.h5ad; choose one"):
        extend_space(known, [folder / "added.h5ad"], tmp_path / "out", labels=None)
    assert not (tmp_path / "out").exists()


def test_cells_without_the_features_of_the_space_are_refused(known: Space, folder: Path, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(folder / "added.h5ad")
    cells.var_names = [f"other{column}" for column in range(cells.n_vars)]
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(FeatureMatchError, match=r"cells\.h5ad: "):
        extend_space(known, [tmp_path / "cells.h5ad"], tmp_path / "out", labels="cell_type")


def test_cells_that_the_space_was_trained_on_are_refused(known: Space, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"known\.h5ad is a source of the space known already \('A simulation'\)"):
        extend_space(known, [folder / "known.h5ad"], tmp_path / "out", labels="cell_type")


def test_a_file_is_added_only_once(known: Space, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is given twice"):
        extend_space(known, [folder / "added.h5ad"] * 2, tmp_path / "out", labels="cell_type")


def test_an_existing_output_and_the_space_itself_are_kept(known: Space, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="exists"):
        extend_space(known, [folder / "added.h5ad"], tmp_path / "out", labels="cell_type")
    with pytest.raises(OutputError):
        extend_space(known, [folder / "added.h5ad"], known.path, labels="cell_type", force=True)


def test_a_missing_file_is_named(known: Space, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"none\.h5ad"):
        extend_space(known, [tmp_path / "none.h5ad"], tmp_path / "out", labels="cell_type")


def test_a_space_without_labels_is_refused(known: Space, folder: Path, tmp_path: Path) -> None:
    reference = msgspec.structs.replace(known.manifest.reference, label_columns=[])
    plain = replace(known, manifest=msgspec.structs.replace(known.manifest, reference=reference))
    with pytest.raises(RecipeError, match="has no labels, so labeled cells cannot join its reference"):
        extend_space(plain, [folder / "added.h5ad"], tmp_path / "out", labels="cell_type")
