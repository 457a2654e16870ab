"""What adapters of label transfer share: reading a task and writing labels."""

import anndata
import pandas as pd
from adapter import task_folders

N_VARIABLE = 2_000  # genes, in all workflows that choose some
MIN_OF_BATCH = 30  # cells, for variable genes by batch: scanpy fits a trend to each


def read_task() -> tuple[anndata.AnnData, anndata.AnnData, int]:
    """Return reference, query and seed of a task of label transfer."""
    folder, _, seed = task_folders()
    return anndata.read_h5ad(folder / "reference.h5ad"), anndata.read_h5ad(folder / "query.h5ad"), seed


def write_labels(cells: pd.Index, label: object, confidence: object = "", **more: object) -> None:
    """Write labels of query cells with the probability that they are right, if the method gives one."""
    table = {"label": label, "confidence": confidence, **more}
    pd.DataFrame(table, index=cells).to_csv(task_folders()[1] / "labels.csv", index_label="cell")


def log_normalize(cells: anndata.AnnData) -> None:
    """Scale the counts of each cell to 10,000, and take log(1 + x)."""
    import scanpy as sc

    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)


def choose_variable(cells: anndata.AnnData) -> None:
    """Mark variable genes of log-normalized values, by batch if scanpy can: every batch has enough cells."""
    import scanpy as sc

    sizes = cells.obs["batch"].value_counts()
    batch = "batch" if len(sizes) > 1 and sizes.min() >= MIN_OF_BATCH else None
    sc.pp.highly_variable_genes(cells, n_top_genes=min(N_VARIABLE, cells.n_vars), batch_key=batch)
