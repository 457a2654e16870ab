"""From a recipe to a space directory, end to end on simulated counts."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import Mock

import anndata
import msgspec
import numpy as np
import pytest
import scipy
from safetensors.numpy import load_file

import smile_runtime
from smile_runtime.errors import OutputError, RecipeError, TrainingError
from smile_runtime.io.atomic_files import sha256_file
from smile_runtime.space.parity import parity_difference
from smile_training import build, build_space, read_recipe
from smile_training.loop.checkpoint import Checkpoint
from smile_training.loop.train import Stage
from smile_training.loop.training_loop import Progress
from smile_training.recipe.read import resolve_recipe
from smile_training.recipe.records import Recipe

RECIPE = """\
name = "tiny"
title = "Tiny: a space"
description = "Simulated cells."
intended_use = "Label simulated cells"
organism = "none"
tissue = "none"
licence = "BSD-3-Clause"
preset = "stem"

[modalities.rna.data]
path = "counts.h5ad"
n_top_features = 70
batch_key = "batch"
label_key = "cell_type"
[modalities.rna.data.source]
name = "A simulation"
licence = "CC0-1.0"
url = "https://example.org/simulation"

[network]
hidden = [32]
n_latent = 16
n_projection = 8
n_pseudo_types = 5
[modalities.rna.stem]
n_components = 8
[training]
batch_size = 64
epochs = 12
[reference]
n_landmarks = 20
n_neighbors = 5
folds = 2
repeats = 2
map_method = "tsne"
"""
RUNS = ["space", "repeat-0-fold-0", "repeat-0-fold-1", "repeat-1-fold-0", "repeat-1-fold-1", "batches-0", "batches-1"]

ReadRecipe = Callable[..., Recipe]


class Killed(BaseException):
    """Stands for whatever ends a process."""


class Impatient(Checkpoint):
    """A checkpoint that is saved after every epoch."""

    def __init__(self, path: Path, fingerprint: str, *, n_processes: int) -> None:
        super().__init__(path, fingerprint, every=0, n_processes=n_processes)


@pytest.fixture(scope="module")
def recipe_of(tmp_path_factory: pytest.TempPathFactory) -> ReadRecipe:
    """Return what reads the tiny recipe from a file, some of its lines replaced."""
    folder = tmp_path_factory.mktemp("recipes")

    def read(*replacements: tuple[str, str]) -> Recipe:
        text = RECIPE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (folder / "tiny.toml").write_text(text, "utf-8")
        return read_recipe(folder / "tiny.toml")

    return read


@pytest.fixture(scope="module")
def built(recipe_of: ReadRecipe, counts_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tiny space, built once."""
    output = tmp_path_factory.mktemp("built") / "tiny"
    build_space(recipe_of(), output, data_folder=counts_folder, device="cpu")
    return output


def recorder(told: list[tuple[str, int]], kill_at: str | None = None, after: int = 0) -> Stage:
    """Return a stage that notes each run with its cells, and ends the process in the run ``kill_at``."""

    @contextmanager
    def stage(name: str, n_cells: int) -> Iterator[Progress]:
        told.append((name, n_cells))
        steps = 0

        def progress(n: int, _loss: float | None) -> None:
            nonlocal steps
            steps += n > 0
            told[-1] = (name, told[-1][1] - n)
            if name == kill_at and steps > after:
                raise Killed

        yield progress

    return stage


def project(adata: anndata.AnnData, path: Path) -> anndata.AnnData:
    result = smile_runtime.project(adata, smile_runtime.open_space(path, device="cpu"), copy=True)
    assert result is not None
    return result


# What is built


def test_the_space_opens_and_labels_its_own_cells(built: Path, simulated: Callable[..., anndata.AnnData]) -> None:
    cells = simulated()
    result = project(cells, built)
    assert np.mean(result.obs["smile_label"].astype(str) == cells.obs["cell_type"]) > 0.95
    assert result.obsm["X_smile"].shape == (180, 16)
    assert result.obs["smile_confidence"].between(0, 1).all()
    assert np.isfinite(result.obsm["X_smile_map"]).all()


def test_cells_measured_less_deeply_get_their_label_too(built: Path, simulated: Callable[..., anndata.AnnData]) -> None:
    cells = simulated()
    thinned = np.random.default_rng(5).binomial(cells.X.toarray().astype(int), 0.6)
    cells.X = scipy.sparse.csr_matrix(thinned.astype(np.float32))
    result = project(cells, built)
    assert np.mean(result.obs["smile_label"].astype(str) == cells.obs["cell_type"]) > 0.9


def test_the_manifest_tells_what_was_built(built: Path, counts_folder: Path, recipe_of: ReadRecipe) -> None:
    manifest = smile_runtime.read_manifest(built)
    assert manifest.intended_use == "Label simulated cells"
    (column,) = manifest.reference.label_columns
    assert (column.name, column.labels) == ("cell_type", ["type0", "type1", "type2"])
    assert manifest.reference.n_points == pytest.approx(20, abs=2)  # each of three labels rounds its share
    assert manifest.reference.n_cells == 180
    assert (manifest.reference.kind, manifest.reference.map_method) == ("landmarks", "tsne")
    assert manifest.reference.modalities == ["rna"]
    (record,) = manifest.encoders.values()
    assert (record.n_features, record.n_latent, record.n_pseudo_types) == (70, 16, 5)
    assert record.preprocessing.scaling == "sqrt_sd"
    assert record.preprocessing.values == "expression"
    assert record.label_modalities == ["rna"]
    assert 0 <= record.parity_difference <= 1e-5
    assert record.sparse
    assert record.sparse.width == 8
    assert 0 <= record.sparse.parity_difference <= 1e-5
    (source,) = manifest.sources
    assert source.sha256 == sha256_file(counts_folder / "counts.h5ad")
    assert (source.name, source.license) == ("A simulation", "CC0-1.0")
    own = {metric.name: metric for metric in manifest.metrics if metric.method == "smile"}
    assert list(own) == [
        "ARI of clusters",
        "cLISI of labels",
        "coverage of 90% sets",
        "coverage of 90% sets of left-out batches",
        "iLISI of batches",
        "label transfer accuracy",
        "label transfer accuracy of left-out batches",
        "label transfer macro-F1",
        "label transfer macro-F1 of left-out batches",
        "mean size of 90% sets",
        "mean size of 90% sets of left-out batches",
        "silhouette by batch",
        "silhouette by label",
    ]
    assert own["label transfer accuracy"].mean > 0.8
    left_out = [metric for metric in manifest.metrics if metric.name.endswith("of left-out batches")]
    assert {metric.n_repeats for metric in left_out if "sets" not in metric.name} == {1}
    assert {metric.n_repeats for metric in left_out if "sets" in metric.name} == {2}  # folds of batches
    assert record.label_sets
    assert (record.label_sets.left_out, record.label_sets.n_cells) == ("batches", 180)
    assert {metric.n_repeats for metric in manifest.metrics} == {1, 2}
    assert {metric.modality for metric in manifest.metrics} == {"rna"}
    assert {"pca", "logistic regression"} <= {metric.method for metric in manifest.metrics}
    assert list(record.calibrations) == ["cell_type"]
    assert record.calibrations["cell_type"].n_cells == 180
    fractions = [1.0, 0.5, 0.25, 0.1, 0.05]
    stress = [(each.kind, each.fraction) for each in record.stress or ()]
    assert stress == [(kind, fraction) for kind in ("depth", "features") for fraction in fractions]
    assert 0 < record.min_matched <= 0.1
    assert resolve_recipe(manifest.recipe, "manifest") == recipe_of()
    assert read_recipe(built / "recipe.toml") == recipe_of()


def test_the_manifest_lists_every_file_and_only_allowed_ones_are_there(built: Path) -> None:
    files = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    manifest = smile_runtime.read_manifest(built)
    assert files == {*manifest.files, "config.json", "README.md"}
    assert "README.md" not in manifest.files
    assert files == {
        "README.md",
        "config.json",
        "confusion.png",
        "features/rna.tsv",
        "first/rna.safetensors",
        "loss.png",
        "map.png",
        "onnx/rna.onnx",
        "onnx/rna.trunk.onnx",
        "parity/rna.safetensors",
        "profiles/rna.safetensors",
        "recipe.toml",
        "reference/points.safetensors",
        "stress.png",
        "training/rna.safetensors",
    }


def test_no_file_names_this_machine(built: Path, counts_folder: Path) -> None:
    for path in built.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for local in (built.parent, counts_folder, Path.home(), Path.cwd()):
                assert str(local).encode() not in content, (path, local)


def test_the_card(built: Path) -> None:
    card = (built / "README.md").read_text("utf-8")
    front, body = card.removeprefix("---\n").split("---\n", 1)
    assert "library_name: smile-zoo\n" in front
    assert "license: bsd-3-clause\n" in front
    assert "rna, 70 features" in body
    n_points = smile_runtime.read_manifest(built).reference.n_points
    assert f"{n_points} landmarks for 180 cells\n" in body
    assert '- Labels, cell_type, in `obs["smile_label"]`: type0, type1, type2\n' in body
    assert "- A simulation (license: CC0-1.0) https://example.org/simulation" in body
    assert body.count("| label transfer accuracy |") == 1


def test_the_drivers_of_a_label_are_the_genes_that_its_cells_have_more_of(
    built: Path, simulated: Callable[..., anndata.AnnData]
) -> None:
    encoder = smile_runtime.read_manifest(built).encoders["rna"]
    cells = simulated()
    assert encoder.drivers
    assert set(encoder.drivers) == set(cells.obs["cell_type"])
    for label, genes in encoder.drivers.items():
        means = cells[:, genes].to_df().groupby(cells.obs["cell_type"].to_numpy()).mean()
        assert len(genes) == 10
        assert (means.idxmax() == label).sum() >= 8


def test_parity_rows_are_nobodys_cells(built: Path, simulated: Callable[..., anndata.AnnData]) -> None:
    rows = load_file(built / "parity/rna.safetensors")
    encoder = smile_runtime.open_space(built, device="cpu").encoder()
    counts = simulated().to_df()[list(encoder.features.ids)].to_numpy()
    measured = np.where(np.isnan(rows["X"]), 0, rows["X"])

    assert rows["X"].shape == (16, 70)
    assert np.isnan(rows["X"]).any()
    whole = measured == np.rint(measured)
    assert (np.count_nonzero(~whole, axis=1) > 10).all()  # counts are whole numbers
    logs = np.log1p(measured * rows["size_factor"])
    cells = np.log1p(counts * 1e4 / simulated().to_df().to_numpy().sum(axis=1, keepdims=True))
    assert logs.std(axis=0).mean() > 0.5 * cells.std(axis=0).mean()  # as different from one another as cells are
    distances = np.linalg.norm(logs[:, None] - cells[None], axis=2)
    between_cells = np.linalg.norm(cells[:, None] - cells[None], axis=2) + 1e9 * np.eye(len(cells))
    assert distances.min() > 0.5 * between_cells.min()
    assert parity_difference(encoder, built / "parity/rna.safetensors") <= 1e-5


def test_landmarks_are_nobodys_embedding(built: Path, simulated: Callable[..., anndata.AnnData]) -> None:
    """A landmark of several cells is the embedding of none of them."""
    space = smile_runtime.open_space(built, device="cpu")
    embedding = project(simulated(), built).obsm["X_smile"]
    several = space.reference.embedding[space.reference.weight > 1]
    assert len(several) > 10
    nearest = np.linalg.norm(several[:, None] - embedding[None], axis=2).min(axis=1)
    assert np.median(nearest) > 1e-3


# Built again, cut off, refused


def test_the_same_recipe_gives_the_same_manifest(
    built: Path, recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path
) -> None:
    """And so, by their sha256, the same files."""
    told: list[tuple[str, int]] = []
    build_space(recipe_of(), tmp_path / "again", data_folder=counts_folder, device="cpu", stage=recorder(told))
    assert (tmp_path / "again/config.json").read_bytes() == (built / "config.json").read_bytes()
    assert told == [(run, 0) for run in RUNS]  # each stage was told of as many cells as were announced
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_a_build_cut_off_twice_and_resumed_gives_what_an_unbroken_one_gives(
    built: Path, recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "Checkpoint", Impatient)
    output = tmp_path / "tiny"
    go = partial(build_space, recipe_of(), output, data_folder=counts_folder, device="cpu")
    with pytest.raises(Killed):
        go(stage=recorder([], "space", after=9))
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.checkpoint"]
    with pytest.raises(Killed):
        go(resume=True, stage=recorder([], "repeat-0-fold-1", after=3))
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.checkpoint"]

    told: list[tuple[str, int]] = []
    go(resume=True, stage=recorder(told))
    assert (output / "config.json").read_bytes() == (built / "config.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    left = dict(told)
    announced = 12 * 64  # a fold trains on 90 cells: one batch an epoch
    assert left["space"] == 12 * 2 * 64  # nothing was left to train
    assert left["repeat-0-fold-0"] == announced
    assert 0 < left["repeat-0-fold-1"] < announced  # the rest of it
    assert (left["repeat-1-fold-0"], left["repeat-1-fold-1"]) == (0, 0)


def test_a_finished_evaluation_is_not_repeated(
    built: Path, recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "tiny"
    go = partial(build_space, recipe_of(), output, data_folder=counts_folder, device="cpu")

    def killed(*_arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(build, "write_space", killed)
        with pytest.raises(Killed):
            go()
    assert {"evaluation.msgpack", "map.png", "space.safetensors"} <= {
        path.name for path in (tmp_path / "tiny.checkpoint").iterdir()
    }
    told: list[tuple[str, int]] = []
    go(resume=True, stage=recorder(told))
    assert [run for run, _ in told] == ["space"]
    assert (output / "config.json").read_bytes() == (built / "config.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize("content", [b"", b"\x82\xabfingerprint"])
def test_a_damaged_evaluation_is_named(
    recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "tiny"
    go = partial(build_space, recipe_of(), output, data_folder=counts_folder, device="cpu")
    with pytest.raises(Killed):
        go(stage=recorder([], "repeat-0-fold-0"))
    for name in ("evaluation.msgpack", "map.png"):
        (tmp_path / "tiny.checkpoint" / name).write_bytes(content)
    with pytest.raises(TrainingError, match=r"evaluation\.msgpack is damaged: .*; start again"):
        go(resume=True)


def test_the_checkpoint_of_another_recipe_is_refused_and_removed_without_resume(
    recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tiny"
    old, new = recipe_of(("epochs = 12", "epochs = 11")), recipe_of()
    go = partial(build_space, output=output, data_folder=counts_folder, device="cpu")
    with pytest.raises(Killed):
        go(old, stage=recorder([], "repeat-0-fold-0"))
    with pytest.raises(TrainingError, match="belongs to another recipe or data; start again"):
        go(new, resume=True)
    assert not output.exists()
    told: list[tuple[str, int]] = []
    with pytest.raises(Killed):
        go(new, stage=recorder(told, "repeat-0-fold-0"))
    assert told[0] == ("space", 0)


def test_an_output_that_exists_is_refused_before_anything_is_done(
    recipe_of: ReadRecipe, built: Path, tmp_path: Path
) -> None:
    shutil.copytree(built, tmp_path / "tiny")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="tiny exists; choose another name or allow replacing it") as caught:
        build_space(recipe_of(), tmp_path / "tiny", data_folder=tmp_path / "nowhere")
    assert caught.value.options == {"force": True}
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_with_other_files_is_never_replaced(
    recipe_of: ReadRecipe, built: Path, tmp_path: Path, force: bool
) -> None:
    shutil.copytree(built, tmp_path / "tiny")
    (tmp_path / "tiny/precious").touch()
    with pytest.raises(OutputError, match="tiny exists and is a folder that is not a space, which is never replaced"):
        build_space(recipe_of(), tmp_path / "tiny", data_folder=tmp_path / "nowhere", force=force)
    assert (tmp_path / "tiny/precious").exists()


@pytest.mark.parametrize("folder", ["no", "file"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_done(
    recipe_of: ReadRecipe, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=f"the folder .*{folder} does not exist"):
        build_space(recipe_of(), tmp_path / folder / "tiny", data_folder=tmp_path)


def test_force_replaces_a_space_by_a_whole_one_only(
    recipe_of: ReadRecipe, built: Path, counts_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tiny"
    shutil.copytree(built, output)
    (output / "README.md").write_text("an old card")
    bad = recipe_of(("epochs = 12", "epochs = 12\noptimiser = {lr = 1e20}"))
    with pytest.raises(TrainingError, match="the loss is nan"):
        build_space(bad, output, data_folder=counts_folder, device="cpu", force=True)
    assert (output / "README.md").read_text() == "an old card"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]

    quick = recipe_of(("epochs = 12", "epochs = 1"), ("repeats = 2", "repeats = 1"))
    build_space(quick, output, data_folder=counts_folder, device="cpu", force=True)
    assert (output / "README.md").read_text() != "an old card"
    assert smile_runtime.open_space(output).manifest.name == "tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_space_that_cannot_be_written_is_resumed(
    recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = partial(build_space, recipe_of(), tmp_path / "tiny", data_folder=counts_folder, device="cpu", measure=False)
    with monkeypatch.context() as patch:
        patch.setattr(build, "write_space", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(
            OutputError, match=r"No space left .*tiny\.checkpoint holds the training so far; .*resume=True"
        ):
            go()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.checkpoint"]
    go(resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_build_that_no_resuming_can_mend_leaves_nothing(
    recipe_of: ReadRecipe, simulated: Callable[..., anndata.AnnData], tmp_path: Path
) -> None:
    """Nine cells train, but have no map."""
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    simulated(n_cells=9).write_h5ad(data / "counts.h5ad")
    with pytest.raises(RecipeError, match="a map needs at least 10 cells"):
        build_space(recipe_of(("n_components = 8", "n_components = 2")), work / "tiny", data_folder=data, device="cpu")
    assert list(work.iterdir()) == []


def test_labels_too_rare_to_leave_cells_out_are_refused_before_training(
    recipe_of: ReadRecipe, simulated: Callable[..., anndata.AnnData], tmp_path: Path
) -> None:
    adata = simulated(n_cells=30)
    adata.obs["cell_type"] = [f"type{row}" for row in range(30)]
    adata.write_h5ad(tmp_path / "counts.h5ad")
    told: list[tuple[str, int]] = []
    with pytest.raises(RecipeError, match="folds"):
        build_space(recipe_of(), tmp_path / "tiny", data_folder=tmp_path, device="cpu", stage=recorder(told))
    assert told == []


# Other spaces


def test_without_labels_and_batches(
    recipe_of: ReadRecipe, counts_folder: Path, simulated: Callable[..., anndata.AnnData], tmp_path: Path
) -> None:
    recipe = recipe_of(('batch_key = "batch"\n', ""), ('label_key = "cell_type"\n', ""))
    told: list[tuple[str, int]] = []
    manifest = build_space(recipe, tmp_path / "tiny", data_folder=counts_folder, device="cpu", stage=recorder(told))

    assert told == [("space", 0)]  # nothing to leave out
    assert manifest.reference.label_columns == []
    assert manifest.encoders["rna"].calibrations == {}
    assert manifest.encoders["rna"].label_modalities == ["rna"]
    assert not manifest.encoders["rna"].stress
    assert manifest.encoders["rna"].min_matched == 0.1
    assert manifest.metrics == []
    assert not (tmp_path / "tiny/map.png").exists()
    assert not (tmp_path / "tiny/stress.png").exists()
    assert not (tmp_path / "tiny/confusion.png").exists()
    assert (manifest.reference.n_points, manifest.reference.n_cells) == (20, 180)
    result = project(simulated(), tmp_path / "tiny")
    assert "smile_label" not in result.obs
    assert np.isfinite(result.obsm["X_smile_map"]).all()
    assert "Labels: none" in (tmp_path / "tiny/README.md").read_text("utf-8")


def test_with_levels_and_further_labels(
    recipe_of: ReadRecipe, simulated: Callable[..., anndata.AnnData], tmp_path: Path
) -> None:
    cells = simulated()
    cells.obs["broad"] = cells.obs["cell_type"].map({"type0": "low", "type1": "high", "type2": "high"})
    cells.write_h5ad(tmp_path / "counts.h5ad")
    recipe = recipe_of(
        ('label_key = "cell_type"', 'label_key = "cell_type"\nlevels = ["broad"]\nmore_labels = ["batch"]')
    )
    manifest = build_space(recipe, tmp_path / "tiny", data_folder=tmp_path, device="cpu")
    fine, broad, batch = manifest.reference.label_columns
    assert (fine.name, fine.within, fine.parents) == ("cell_type", "broad", [1, 0, 0])
    assert (broad.name, broad.labels, batch.labels) == ("broad", ["high", "low"], ["batch0", "batch1"])
    calibrations = manifest.encoders["rna"].calibrations
    assert list(calibrations) == ["cell_type", "broad", "batch"]
    own = {record.name: record.mean for record in manifest.metrics if record.method == "smile"}
    assert own["label transfer accuracy, broad"] >= own["label transfer accuracy"] > 0.8

    result = project(cells, tmp_path / "tiny").obs
    known = result[result["smile_label"] != "unknown"]
    assert (known["smile_label_broad"] == known["smile_label"].map({"type0": "low"}).fillna("high")).all()
    assert set(result["smile_label_batch"]) == {"batch0", "batch1", *({"unknown"} if len(known) < 180 else ())}
    assert np.mean(result["smile_label_broad"].astype(str) == result["broad"]) > 0.9
    body = (tmp_path / "tiny/README.md").read_text("utf-8")
    assert "- Labels, cell_type (each within one of broad), in" in body
    for name, record in calibrations.items():
        assert f"| rna | {name} | {record.expected_calibration_error:.3f} | 180 |" in body


def test_published_settings_with_umap_and_cells_of_which_some_have_no_label(
    recipe_of: ReadRecipe, simulated: Callable[..., anndata.AnnData], tmp_path: Path
) -> None:
    """The reference are the labeled cells themselves."""
    cells = simulated()
    labeled = np.arange(180) % 3 > 0
    adata = cells.copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].where(labeled)
    adata.write_h5ad(tmp_path / "counts.h5ad")
    recipe = recipe_of(
        ('preset = "stem"', 'preset = "published"'),
        ("[modalities.rna.stem]\nn_components = 8\n", ""),
        ("n_landmarks = 20", 'kind = "cells"'),
        ('"tsne"', '"umap"'),
        ("repeats = 2", "repeats = 1"),
    )
    told: list[tuple[str, int]] = []
    stage = recorder(told)
    manifest = build_space(recipe, tmp_path / "tiny", data_folder=tmp_path, device="cpu", stage=stage)
    assert (manifest.reference.kind, manifest.reference.map_method) == ("cells", "umap")
    assert (manifest.reference.n_points, manifest.reference.n_cells) == (120, 120)
    (column,) = manifest.reference.label_columns
    assert (column.name, column.labels) == ("cell_type", ["type0", "type1", "type2"])
    assert manifest.encoders["rna"].calibrations["cell_type"].n_cells == 120
    runs = ("space", "repeat-0-fold-0", "repeat-0-fold-1", "batches-0", "batches-1")
    assert told == [(run, 0) for run in runs]

    result = project(cells, tmp_path / "tiny")
    reference = smile_runtime.open_space(tmp_path / "tiny", device="cpu").reference
    assert np.all(reference.weight == 1)
    np.testing.assert_allclose(result.obsm["X_smile"][labeled], reference.embedding, atol=1e-5)
    names = np.array(reference.label_columns[0].labels)[reference.label[:, 0]]
    np.testing.assert_array_equal(names, cells.obs["cell_type"][labeled])


def test_an_absolute_data_path_does_not_stand_in_the_space(
    recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(
        ('path = "counts.h5ad"', f'path = "{counts_folder / "counts.h5ad"}"'),
        ('label_key = "cell_type"\n', ""),
        ("epochs = 12", "epochs = 1"),
    )
    build_space(recipe, tmp_path / "tiny", data_folder=tmp_path, device="cpu")
    assert str(counts_folder) not in (tmp_path / "tiny/config.json").read_text("utf-8")


def test_a_space_is_never_replaced_by_one_trained_onto_it(recipe_of: ReadRecipe, built: Path, tmp_path: Path) -> None:
    space = smile_runtime.open_space(shutil.copytree(built, tmp_path / "tiny"), device="cpu")
    for output in (tmp_path / "tiny", tmp_path / "tiny/more"):
        with pytest.raises(OutputError, match=r"is the input .* itself|lies within the input"):
            build_space(recipe_of(), output, data_folder=tmp_path, onto=space, force=True)
    assert (tmp_path / "tiny/config.json").read_bytes() == (built / "config.json").read_bytes()


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_checkpoints_with_other_files_is_never_touched(
    recipe_of: ReadRecipe, counts_folder: Path, tmp_path: Path, resume: bool
) -> None:
    folder, precious = tmp_path / "tiny.checkpoint", tmp_path / "precious"
    precious.mkdir()
    (precious / "space.safetensors").write_text("mine")
    go = partial(build_space, recipe_of(), tmp_path / "tiny", data_folder=counts_folder, device="cpu", resume=resume)
    folder.symlink_to(precious)
    with pytest.raises(OutputError, match=r"tiny\.checkpoint is a symbolic link, but .* left untouched"):
        go()
    folder.unlink()
    precious.rename(folder)
    (folder / "model.safetensors").write_text("mine")
    with pytest.raises(OutputError, match=r"tiny\.checkpoint holds model\.safetensors, but .* left untouched"):
        go()
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "space.safetensors": "mine",
        "model.safetensors": "mine",
    }


def test_resuming_a_complete_space_trains_nothing(
    recipe_of: ReadRecipe, built: Path, counts_folder: Path, tmp_path: Path
) -> None:
    output = Path(shutil.copytree(built, tmp_path / "tiny"))
    told: list[tuple[str, int]] = []
    go = partial(build_space, output=output, data_folder=counts_folder, resume=True, stage=recorder(told))
    assert go(recipe_of()) == smile_runtime.open_space(built, device="cpu").manifest
    assert told == []
    with pytest.raises(OutputError, match="tiny exists"):
        go(recipe_of(("epochs = 12", "epochs = 11")))


def test_a_term_for_no_label_is_refused_before_training(
    recipe_of: ReadRecipe, simulated: Callable[..., anndata.AnnData], tmp_path: Path
) -> None:
    simulated(n_cells=30).write_h5ad(tmp_path / "counts.h5ad")
    recipe = msgspec.structs.replace(recipe_of(), ontology={"T cell": "CL:0000084"})
    with pytest.raises(RecipeError, match="has a term for 'T cell', which is no label of the cells; the labels are"):
        build_space(recipe, tmp_path / "tiny", data_folder=tmp_path, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["counts.h5ad"]
