"""A recipe drafted from data files: what is found in them, what is refused, and the plan."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import msgspec
import mudata
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime.errors import QueryError, RecipeError, ValueKindError
from smile_training.data.cell_table import file_titles
from smile_training.data.cells import read_cells
from smile_training.data.data_files import data_file_sha256
from smile_training.data.survey import Survey
from smile_training.draft import drafting
from smile_training.draft.column import Role, usable_columns
from smile_training.draft.drafting import Draft, draft_recipe

HUMAN = ["CD4", "CD8A", "MS4A1", "LYZ", "NKG7", "GNLY", "PPBP", "CST3", "FCER1A", "IL7R"]
MOUSE = ["Cd4", "Cd8a", "Ms4a1", "Lyz2", "Nkg7", "Gad1", "Slc17a7", "Cst3", "Fcer1a", "Il7r"]

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, simulated: Callable[..., anndata.AnnData]) -> Write:
    """Return a function that writes simulated cells with more columns of obs, and returns the file."""

    def write_cells(name: str = "atlas.h5ad", features: list[str] | None = None, **obs: Any) -> Path:
        cells = simulated()
        for column, values in obs.items():
            cells.obs[column] = values
        if features is not None:
            cells = cells[:, 1 : 1 + len(features)].copy()
            cells.var_names = features
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cells.write_h5ad(tmp_path / name)
        return tmp_path / name

    return write_cells


def draft(*paths: Path, labels: str | None = "cell_type", **options: Any) -> Draft:
    return draft_recipe(paths, labels=labels, **options)


def refusal(*paths: Path, **options: Any) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        draft(*paths, **options)
    return caught.value


# What is found


def test_the_recipe_of_one_file(write: Write) -> None:
    drafted = draft(write(), batch="batch")
    recipe = drafted.recipe
    (name, modality), *_ = recipe.modalities.items()
    assert (recipe.name, recipe.title, recipe.preset, recipe.variant) == ("atlas", "atlas", "stem", "smile")
    assert {recipe.description, recipe.license, recipe.organism, recipe.tissue} == {"not stated"}
    assert (name, modality.kind, modality.data.path) == ("rna", "rna", "atlas.h5ad")
    assert (modality.data.label_key, modality.data.batch_key) == ("cell_type", "batch")
    assert (recipe.training.pairing.kind, recipe.training.pairing.n_neighbors) == ("label_neighbour", 15)
    assert (recipe.network.hidden, recipe.training.epochs) == ([256], 300)
    assert drafted.plan[:4] == (
        "atlas: 180 cells, 90 features (rna); organism not stated, tissue not stated",
        "  atlas.h5ad: 180 cells, counts",
        "labels: cell_type, 3 (type0 60, type1 60, type2 60)",
        "batches: batch, 2 (batch0 90, batch1 90)",
    )


def test_the_stem_has_discriminants_if_there_are_labels(write: Write) -> None:
    assert draft(write()).recipe.modalities["rna"].stem.discriminants is True
    assert draft(write(), labels="none").recipe.modalities["rna"].stem.discriminants is msgspec.UNSET


def test_few_features_get_a_smaller_stem(write: Write) -> None:
    assert draft(write()).recipe.modalities["rna"].stem.n_components == 50
    assert draft(write(features=HUMAN)).recipe.modalities["rna"].stem.n_components == 5


def test_without_labels_cells_are_paired_by_neighbor(write: Write) -> None:
    recipe = draft(write(), labels="none", epochs=4).recipe
    assert recipe.modalities["rna"].data.label_key is None
    assert (recipe.training.pairing.kind, recipe.training.epochs) == ("neighbour", 4)


def test_organism_tissue_and_title_are_found(write: Write) -> None:
    assert draft(write(features=HUMAN)).recipe.organism == "Homo sapiens"
    assert draft(write(features=MOUSE)).recipe.organism == "Mus musculus"
    path = write(tissue="lung", organism="Danio rerio")
    cells = anndata.read_h5ad(path)
    cells.uns["title"] = "An atlas\nof lungs"
    cells.write_h5ad(path)
    recipe = draft(path).recipe
    assert (recipe.organism, recipe.tissue, recipe.title) == ("Danio rerio", "lung", "An atlas of lungs")
    assert draft(path, name="my space", title="Mine").recipe.title == "Mine"
    assert draft(path, name="my space").recipe.name == "my-space"


def test_kinds_are_recognized(write: Write, tmp_path: Path) -> None:
    peaks = [f"chr1:{1000 * number}-{1000 * number + 500}" for number in range(1, 11)]
    assert list(draft(write(features=peaks)).recipe.modalities) == ["atac"]
    adt = draft(write(features=[f"CD{number}_TotalSeqB" for number in range(10)]))
    assert list(adt.recipe.modalities) == ["adt"]
    unknown = draft(write())
    assert "note: atlas.h5ad has only 90 features, read as rna; if they are not genes, state the kind" in unknown.plan
    stated = draft(write(), kind="adt")
    assert list(stated.recipe.modalities) == ["adt"]
    assert not any("only 90 features" in line for line in stated.plan)


@pytest.mark.filterwarnings("ignore:var_names are not unique")
def test_an_h5mu_file_is_read_with_the_columns_that_it_shares(
    tmp_path: Path, simulated: Callable[..., anndata.AnnData]
) -> None:
    cells = simulated()
    shared, cells.obs = cells.obs, cells.obs[[]]
    with mudata.set_options(pull_on_update=False):
        both = mudata.MuData({"gex": cells, "prot": cells[:, :20].copy()})
        both.obs["kind"] = shared["cell_type"]
        both.write(tmp_path / "both.h5mu")
    drafted = draft(tmp_path / "both.h5mu", labels="kind")
    assert "both: 180 cells, 90 features (rna)" in drafted.plan[0]
    assert "20 features (adt)" in draft(tmp_path / "both.h5mu", labels="kind", kind="adt").plan[0]


def test_scaled_values_are_refused_and_a_layer_is_named(write: Write) -> None:
    path = write()
    cells = anndata.read_h5ad(path)
    cells.layers["counts"] = cells.X.copy()
    cells.X = np.asarray(cells.X.toarray() - 1.5, np.float32)
    cells.write_h5ad(path)
    with pytest.raises(ValueKindError, match=r"atlas\.h5ad.*counts") as caught:
        draft(path)
    assert caught.value.options == {"layer": "counts"}
    assert draft(path, layer="counts").recipe.modalities["rna"].data.layer == "counts"


def test_features_that_no_cell_measured_do_not_matter(write: Write) -> None:
    path = write()
    cells = anndata.read_h5ad(path)
    cells.X = cells.X.toarray()
    cells.X[:, 3] = np.nan
    cells.write_h5ad(path)
    assert "  atlas.h5ad: 180 cells, counts" in draft(path).plan


def test_contacts_and_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.scool").touch()
    assert "holds contacts, which need a recipe" in str(refusal(tmp_path / "a.scool"))
    assert "neither a .zarr store nor a Matrix Market folder" in str(refusal(tmp_path))
    assert "there is no data file" in str(refusal(tmp_path / "none.h5ad"))
    (tmp_path / "b.h5ad").write_text("text")
    with pytest.raises(QueryError, match=r"b\.h5ad"):
        draft(tmp_path / "b.h5ad")


# Columns


def usable(obs: dict[str, list[Any]], role: Role) -> list[str]:
    frame, notes = pd.DataFrame(obs), dict[str, str]()
    survey = Survey(path=Path("a"), kind="rna", obs=frame, var=pd.DataFrame(), values="counts", notes=notes, doubt="")
    return [column.name for column in usable_columns([survey], role)]


def test_columns_that_would_do_are_listed_the_likeliest_first(write: Write) -> None:
    path = write(
        barcode=[f"b{row}" for row in range(180)],
        n_genes=np.arange(180) % 70,
        score=np.linspace(0, 1, 180),
        leiden=np.arange(180) % 4,
        constant="one",
    )
    error = refusal(path, labels=None)
    assert error.message == (
        "no column of labels was named for atlas.h5ad; choose one of the columns below, the likeliest first, or choose "
        "'none' to train without labels"
        "\n- cell_type: 3 values, such as type0, type1, type2"
        "\n- leiden: 4 values, such as 0, 1, 2"
    )
    assert error.options == {"labels": "cell_type"}
    missing = refusal(path, batch="donor")
    assert missing.message.startswith("atlas.h5ad has no column 'donor'; choose one of the columns below, the ")
    assert "first, or omit it to train without batches\n- batch" in missing.message
    assert missing.options == {"batch": "batch"}


def test_without_any_usable_column_training_without_labels_is_offered(write: Write) -> None:
    path = write()
    cells = anndata.read_h5ad(path)
    cells.obs = cells.obs[[]]
    cells.write_h5ad(path)
    error = refusal(path, labels=None)
    assert "and no other column would do; choose 'none' to train without labels" in error.message
    assert error.options == {"labels": "none"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([f"cell{row}" for row in range(180)], "has 180 values for 180 cells, as names or measurements have"),
        ([f"cell{row % 70}" for row in range(180)], "has 70 values for 180 cells, as names or measurements have"),
        (np.linspace(0, 1, 180), "holds floating-point numbers, which are no names"),
        (pd.Categorical([None] * 180, ["a"]), "is empty"),
    ],
)
@pytest.mark.parametrize("role", ["labels", "batch"])
def test_measurements_and_names_of_cells_are_refused(write: Write, values: Any, message: str, role: str) -> None:
    error = refusal(write(odd=values), **{role: "odd"})
    assert message in error.message
    assert error.options == {role: "cell_type" if role == "labels" else "batch"}


def test_cells_without_a_batch_are_refused(write: Write) -> None:
    donor = pd.Categorical(["a", *(["b"] * 179)], ["b"])
    assert "1 cell has no value in the column 'donor'" in str(refusal(write(donor=donor), batch="donor"))


def test_oddities_of_labels_are_in_the_plan(write: Write) -> None:
    types = ["rare"] * 3 + ["unknown"] * 7 + ["common"] * 169 + [None]
    drafted = draft(write(kind=pd.Categorical(types)), labels="kind")
    assert drafted.recipe.modalities["rna"].data.unlabeled == ["unknown"]
    plan = "\n".join(drafted.plan)
    assert "note: 7 cells are labeled 'unknown' and are trained on without a label" in plan
    assert "note: 1 cells have no label and are trained on without one" in plan
    assert "note: labels with under 10 cells are recognized poorly: unknown 7, rare 3" in plan
    assert "note: no batch column was chosen; a column that would do is batch: 2 values, such as" in plan
    numbers = draft(write(leiden=np.arange(180) % 4), labels="leiden").plan
    assert "note: the numbers in 'leiden' are taken as names of types" in numbers
    one = draft(write(kind="T"), labels="kind").plan
    assert "note: 'kind' has one label for all cells, so that no type is told from another" in one


def test_the_column_of_labels_is_not_suggested_as_that_of_batches(write: Write) -> None:
    plan = draft(write(), labels="batch").plan
    assert not [line for line in plan if "a column that would do is batch" in line]


def test_oddities_of_batches_are_in_the_plan(write: Write) -> None:
    path = write(donor=["alone"] + ["b"] * 179, same="x")
    assert "note: batches of one cell: alone 1" in draft(path, batch="donor").plan
    assert any("'same' has one value for all cells" in line for line in draft(path, batch="same").plan)
    confounded = draft(path, batch="cell_type").plan
    assert any("each batch of 'cell_type' has a single label of 'cell_type'" in line for line in confounded)
    assert not any("single label" in line for line in draft(path, batch="batch").plan)


# Several files


def test_cells_of_the_same_name_in_several_files_stay_different_cells(write: Write, tmp_path: Path) -> None:
    paths = write("one/counts.h5ad"), write("two/counts.h5ad", cell_type="other")
    drafted = draft(*paths, batch="batch")
    modality = drafted.recipe.modalities["rna"]
    assert (drafted.folder, modality.data.path) == (tmp_path, ["one/counts.h5ad", "two/counts.h5ad"])
    assert any("cell names are repeated across files" in line for line in drafted.plan)
    assert any("batches: file and batch, 4 (one/counts, batch0 90, " in line for line in drafted.plan)
    cells = read_cells("rna", modality, drafted.folder)
    assert len(cells) == 360
    assert (cells.names[0], cells.names[180]) == ("one/counts, cell0", "two/counts, cell0")
    assert cells.batch_names == tuple(f"{file}/counts, batch{each}" for file in ("one", "two") for each in (0, 1))
    np.testing.assert_array_equal(np.unique(cells.labels, return_counts=True)[1], [180, 60, 60, 60])


def test_files_whose_paths_differ_by_their_suffix_are_batches_of_their_own() -> None:
    assert file_titles(["one.h5ad", "one.h5mu"]) == ["one.h5ad", "one.h5mu"]


def test_a_file_whose_cells_would_count_twice_is_refused(write: Write) -> None:
    path = write()
    drafted = draft(path, path)
    with pytest.raises(RecipeError, match=r"atlas\.h5ad is given twice, or has the same content as another file"):
        data_file_sha256(drafted.recipe.modalities["rna"].data, drafted.folder)


def test_different_names_are_kept(write: Write) -> None:
    second = write("second.h5ad")
    cells = anndata.read_h5ad(second)
    cells.obs_names = [f"other{row}" for row in range(180)]
    cells.X = cells.X.log1p()
    cells.write_h5ad(second)
    drafted = draft(write(), second)
    assert drafted.recipe.modalities["rna"].data.distinct_cells is not True
    assert "batches: file, 2 (atlas 180, second 180)" in drafted.plan
    assert "note: the files hold different kinds of values; each is read by its own kind" in drafted.plan


def test_files_that_do_not_go_together_are_refused(write: Write, tmp_path: Path) -> None:
    human, mouse = write("human.h5ad", features=HUMAN), write("mouse.h5ad", features=MOUSE)
    assert "human.h5ad and mouse.h5ad hold cells of Homo sapiens and Mus musculus" in str(refusal(human, mouse))
    one = write(organism=["Homo sapiens", "Mus musculus"] * 90)
    assert "atlas.h5ad hold cells of Homo sapiens and Mus musculus" in str(refusal(one))
    donors = write("donors.h5ad", donor=["a", "b"] * 90)
    lacking = refusal(donors, write("lacking.h5ad"), batch="donor")
    assert "lacking.h5ad lacks the column 'donor', which other files have" in lacking.message
    peaks = write("peaks.h5ad", features=[f"chr1:{1000 * number}-{1000 * number + 500}" for number in range(1, 11)])
    assert "human.h5ad holds rna and peaks.h5ad holds atac" in str(refusal(human, peaks))


def test_files_without_common_features_are_refused(write: Write) -> None:
    symbols, ids = (
        write("symbols.h5ad", features=HUMAN),
        write("ids.h5ad", features=[f"ENSG0000000{n}" for n in range(9)]),
    )
    error = refusal(symbols, ids, kind="rna")
    assert "symbols.h5ad shares only 0 of its 10 features with the other files" in error.message
    assert "look like 'CD4', 'CD8A', those in ids.h5ad like 'ENSG00000000', 'ENSG00000001'" in error.message
    panel = write("panel.h5ad", features=HUMAN[:2])
    assert not any("in every file" in line for line in draft(symbols, write("same.h5ad", features=HUMAN)).plan)
    (note,) = (line for line in draft(symbols, panel).plan if "in every file" in line)
    assert note.startswith("note: only 2 of 10 features are in every file, ")


def test_columns_of_the_other_role_are_left_out_or_come_last() -> None:
    donor, odd = ["a", "b", "c"] * 6, ["x", "y", "z"] * 6
    obs = {"donor": donor, "donor of T": donor, "odd": odd, "CellType": ["T", "B"] * 9}
    assert usable(obs, "labels") == ["CellType", "odd", "donor of T"]
    assert usable(obs, "batch") == ["donor", "donor of T", "odd"]


def test_columns_that_lack_values_or_have_two_are_the_last_to_be_labels() -> None:
    """A column of batches needs a value for every cell."""
    lacking = [None] * 4 + ["x", "y", "z"] * 5
    obs = {"sex": ["f", "m", "f"] + ["f", "m"] * 8, "lacking": lacking, "state": ["q", *["x", "y", "z"] * 6]}
    assert usable(obs, "labels") == ["state", "sex", "lacking"]
    assert usable({**obs, "cluster": lacking}, "labels")[0] == "cluster"
    assert usable(obs, "batch") == ["sex", "state"]


def test_a_sparse_sample_is_read(write: Write) -> None:
    path = write()
    cells = anndata.read_h5ad(path)
    cells.X = scipy.sparse.csc_matrix(cells.X)
    cells.write_h5ad(path)
    assert "  atlas.h5ad: 180 cells, counts" in draft(path).plan


def test_the_plan_states_the_cost(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(**options: Any) -> str:
        (line,) = (line for line in draft(write(), batch="batch", **options).plan if line.startswith("cost: "))
        return line

    # 11 trainings of 300 steps of 20 ms, twelve with that of all cells, and half a minute
    assert cost() == "cost: about 2 minutes of one core, 0.9 GB of memory"
    assert cost(evaluation="none") == "cost: about 1 minute of one core, 0.9 GB of memory"
    assert cost(epochs=30_000) == "cost: about 121 minutes of one core, 0.9 GB of memory"
    monkeypatch.setattr(drafting, "_MAX_SMALL_CELLS", 100)
    assert cost(epochs=30_000) == "cost: about 3 minutes of one core, 0.9 GB of memory"


def test_the_evaluation_that_was_chosen(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    assert draft(write()).recipe.reference.evaluation is msgspec.UNSET
    assert draft(write(), evaluation="sample").recipe.reference.evaluation == "sample"
    monkeypatch.setattr(drafting, "_MAX_SMALL_CELLS", 100)
    assert draft(write()).recipe.reference.evaluation == "sample"
    assert draft(write(), evaluation="full").recipe.reference.evaluation is msgspec.UNSET
