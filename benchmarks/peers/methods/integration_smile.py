"""Our own method: ``smile-zoo train cells.h5ad --labels none --batch batch``, then ``project``."""

from pathlib import Path
from tempfile import TemporaryDirectory

import anndata
import msgspec
from adapter import phase, report, task_folders
from integration_cells import write_embedding

import smile_runtime
from smile_training.build import build_space
from smile_training.draft import draft_recipe


def integrate(labels: str) -> None:
    """Train on the cells of the task, with the labels of a column or ``none``, and write the embedding."""
    task, output, seed = task_folders()
    path = task / "cells.h5ad"
    with TemporaryDirectory() as folder:
        space = Path(folder) / "space"
        with phase("build"):
            draft = draft_recipe([path], labels=labels, batch="batch", kind="rna", evaluation="none")
            recipe = msgspec.structs.replace(draft.recipe, seed=seed)
            build_space(recipe, space, data_folder=draft.folder, device="cpu", measure=False)
        with phase("project"):
            adata = anndata.read_h5ad(path)
            smile_runtime.project(adata, smile_runtime.open_space(space))
    write_embedding(output, adata.obsm["X_smile"])
    report("smile-zoo")


if __name__ == "__main__":
    integrate("none")
