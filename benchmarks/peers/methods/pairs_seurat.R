# Seurat's integration of RNA with ATAC: anchors by CCA on gene activity, imputed RNA, one PCA of both; no pairs.

folder <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "adapter.R"))
source(file.path(folder, "pairs_adapter.R"))
suppressPackageStartupMessages({
  library(Seurat)
  library(Matrix)
})

# LSI as in Signac: TF-IDF, SVD, components scaled; the first, which is depth, is left out by `dims` below.
lsi <- function(peaks) {
  peaks@x <- rep(1, length(peaks@x))
  frequency <- peaks %*% Diagonal(x = 1 / pmax(colSums(peaks), 1))
  tfidf <- Diagonal(x = ncol(peaks) / pmax(rowSums(peaks), 1)) %*% frequency
  tfidf@x <- log1p(tfidf@x * 1e4)
  components <- scale(irlba::irlba(t(tfidf), nv = 30)$u)
  dimnames(components) <- list(colnames(peaks), paste0("LSI_", seq_len(ncol(components))))
  components
}

set.seed(seed)
first <- read_cells("first.h5ad")$counts
second <- read_cells("second.h5ad")$counts
phase("build", {
  activity <- gene_activity(second, rownames(first))
  rna <- CreateSeuratObject(first)
  rna <- NormalizeData(rna, verbose = FALSE)
  rna <- FindVariableFeatures(rna, verbose = FALSE)
  rna <- ScaleData(rna, verbose = FALSE)
  rna <- RunPCA(rna, npcs = 30, verbose = FALSE)
  atac <- CreateSeuratObject(activity, assay = "ACTIVITY")
  atac <- NormalizeData(atac, verbose = FALSE)
  atac <- ScaleData(atac, features = rownames(atac), verbose = FALSE)
  atac[["lsi"]] <- CreateDimReducObject(lsi(second), key = "LSI_", assay = "ACTIVITY")
  genes <- intersect(VariableFeatures(rna), rownames(activity))
  anchors <- FindTransferAnchors(
    reference = rna, query = atac, features = genes, reference.assay = "RNA", query.assay = "ACTIVITY",
    reduction = "cca", verbose = FALSE
  )
  values <- GetAssayData(rna, assay = "RNA", slot = "data")[genes, ]
  atac[["RNA"]] <- TransferData(
    anchors, refdata = values, weight.reduction = atac[["lsi"]], dims = 2:30, verbose = FALSE
  )
  DefaultAssay(atac) <- "RNA"
  both <- merge(rna, atac)
  both <- ScaleData(both, features = genes, do.scale = FALSE, verbose = FALSE)
  both <- RunPCA(both, features = genes, npcs = 30, verbose = FALSE)
})
phase("project", {
  embedding <- Embeddings(both, "pca")
  write_embedding(embedding[colnames(rna), ], "first.npy")
  write_embedding(embedding[colnames(atac), ], "second.npy")
})
report("Seurat")
