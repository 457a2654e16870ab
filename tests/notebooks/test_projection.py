"""The notebook runs from top to bottom without warnings and gets the results it describes."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs/notebooks/projection.ipynb"
RESULTS = """
import json
group = adata.obs["smile_label_cell_type_broad"].astype(str)
means = adata.to_df()[["CD3D", "LYZ"]].groupby(group).mean()
print(json.dumps({
    "ari": ari,
    "n_clusters": adata.obs["leiden"].nunique(),
    "map": list(adata.obsm["X_smile_map"].shape),
    "umap": list(adata.obsm["X_umap"].shape),
    "use_rep": adata.uns["neighbors"]["params"]["use_rep"],
    "n_known": int(known.sum()),
    "means": means.to_dict(),
}))
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """The executed notebook, with an additional cell that prints its results."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(RESULTS))
    folder = tmp_path_factory.mktemp("notebook")
    return NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_results(executed: nbformat.NotebookNode) -> None:
    results = json.loads(executed.cells[-1].outputs[0].text)
    assert results["map"] == results["umap"] == [200, 2]
    assert results["use_rep"] == "X_smile"
    assert results["n_known"] > 100
    assert results["n_clusters"] == 4
    assert results["ari"] > 0.9
    means = results["means"]
    assert means["CD3D"]["T"] > 5 * means["CD3D"]["Mono"]
    assert means["LYZ"]["Mono"] > means["LYZ"]["T"] + 2


def test_figures_are_drawn_without_other_warnings_than_of_missing_genes(executed: nbformat.NotebookNode) -> None:
    figures = [output for output in outputs(executed) if "image/png" in output.get("data", {})]
    assert len(figures) == 3
    (warning,) = [output.text for output in outputs(executed) if output.get("name") == "stderr"]
    assert warning.startswith("the query measured only 41% of the encoder's feature weight")
    assert warning.count("\n") == 1


def test_notebook_is_committed_without_outputs() -> None:
    assert outputs(nbformat.read(NOTEBOOK, as_version=4)) == []
