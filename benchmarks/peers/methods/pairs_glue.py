"""GLUE, as its tutorial trains it: guidance from genes to near peaks, weighted by distance; no pairs."""

import anndata
import networkx as nx
import pandas as pd
import scanpy as sc
import scglue
import torch
from adapter import phase, report, task_folders
from pairs_adapter import gene_activity, read_pairs, write_embeddings

N_TOP_GENES = 2_000


def prepare(adata: anndata.AnnData, latent: str) -> anndata.AnnData:
    """Return counts with the features and the first reduction of GLUE's tutorial."""
    adata = anndata.AnnData(adata.X.copy(), adata.obs[["batch"]].copy(), adata.var[[]].copy())
    adata.layers["counts"] = adata.X.copy()
    if latent == "X_pca":
        n_top_genes = min(N_TOP_GENES, adata.n_vars)
        sc.pp.highly_variable_genes(adata, n_top_genes=n_top_genes, flavor="seurat_v3", layer="counts")
        sc.pp.normalize_total(adata)
        sc.pp.log1p(adata)
        sc.pp.scale(adata)
        sc.tl.pca(adata, n_comps=100, svd_solver="auto")
        adata.X = adata.layers["counts"]
    else:
        scglue.data.lsi(adata, n_components=100, n_iter=15)
    return adata


def guidance_graph(links: pd.DataFrame, genes: list[str], peaks: list[str]) -> nx.MultiDiGraph:
    """Return edges of both directions between genes and near peaks, weighted as GLUE does, and self-loops."""
    graph = nx.MultiDiGraph()
    for name in [*genes, *peaks]:
        graph.add_edge(name, name, weight=1.0, sign=1, type="loop")
    weights = ((links["distance"] + 1000) / 1000) ** -0.75  # scglue.genomics.dist_power_decay
    for gene, peak, weight in zip(links["first"], links["second"], weights, strict=True):
        graph.add_edge(gene, peak, weight=weight, sign=1, type="fwd")
        graph.add_edge(peak, gene, weight=weight, sign=1, type="rev")
    return graph


folder, output, seed = task_folders()
task = read_pairs(folder)
with phase("build"):
    gene_activity(task)  # leaves with a reason if peaks have no positions
    torch.set_num_threads(1)
    links = pd.read_csv(folder / "links.csv")
    rna, atac = prepare(task.first, "X_pca"), prepare(task.second, "X_lsi")
    chosen = set(rna.var_names[rna.var["highly_variable"]])
    links = links[links["first"].isin(chosen)]
    atac.var["highly_variable"] = atac.var_names.isin(set(links["second"]))
    for adata, latent in ((rna, "X_pca"), (atac, "X_lsi")):
        several = {"use_batch": "batch"} if adata.obs["batch"].nunique() > 1 else {}
        scglue.models.configure_dataset(
            adata, "NB", use_highly_variable=True, use_layer="counts", use_rep=latent, **several
        )
    genes, peaks = sorted(chosen), list(atac.var_names[atac.var["highly_variable"]])
    graph = guidance_graph(links, genes, peaks)
    model = scglue.models.fit_SCGLUE(
        {"rna": rna, "atac": atac}, graph, init_kws={"random_seed": seed}, fit_kws={"directory": str(output / "glue")}
    )
with phase("project"):
    write_embeddings(output, model.encode_data("rna", rna), model.encode_data("atac", atac))
report("scglue")
