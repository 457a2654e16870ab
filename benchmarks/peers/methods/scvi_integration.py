"""ScVI as in the tutorial on atlas-level integration: two layers, 30 latent variables, negative binomial counts."""

from pathlib import Path

import scvi
from integration_cells import read_variable_genes


def train_scvi(task: Path, seed: int) -> scvi.model.SCVI:
    """Return a model of the cells of a task, with their batches."""
    scvi.settings.seed = seed
    adata = read_variable_genes(task)
    scvi.model.SCVI.setup_anndata(adata, layer="counts", batch_key="batch")
    model = scvi.model.SCVI(adata, n_layers=2, n_latent=30, gene_likelihood="nb")
    model.train(accelerator="cpu", enable_progress_bar=False)
    return model
