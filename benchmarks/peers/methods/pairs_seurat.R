# Seurat's integration of RNA with ATAC: anchors by CCA on gene activity, imputed RNA, one PCA of both; no pairs.

given <- commandArgs(trailingOnly = TRUE)
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "pairs_adapter.R"))
suppressPackageStartupMessages({library(Seurat); library(irlba)})
task <- given[1]; output <- given[2]; set.seed(as.integer(given[3]))

started <- proc.time()[["elapsed"]]
first <- read_cells(file.path(task, "first.h5ad"))
second <- read_cells(file.path(task, "second.h5ad"))
activity <- gene_activity(task, second, rownames(first$counts))

rna <- CreateSeuratObject(first$counts)
rna <- NormalizeData(rna, verbose = FALSE)
rna <- FindVariableFeatures(rna, verbose = FALSE)
rna <- ScaleData(rna, verbose = FALSE)
rna <- RunPCA(rna, npcs = 30, verbose = FALSE)

# LSI as in Signac: TF-IDF, SVD, components scaled; the first, which is depth, is left out below.
peaks <- second$counts
peaks@x <- rep(1, length(peaks@x))
idf <- ncol(peaks) / pmax(rowSums(peaks), 1)
tfidf <- Diagonal(x = idf) %*% (peaks %*% Diagonal(x = 1 / pmax(colSums(peaks), 1)))
tfidf@x <- log1p(tfidf@x * 1e4)
lsi <- irlba(t(tfidf), nv = 30)$u
lsi <- scale(lsi)
dimnames(lsi) <- list(colnames(peaks), paste0("LSI_", seq_len(ncol(lsi))))

atac <- CreateSeuratObject(activity, assay = "ACTIVITY")
atac <- NormalizeData(atac, verbose = FALSE)
atac <- ScaleData(atac, features = rownames(atac), verbose = FALSE)
atac[["lsi"]] <- CreateDimReducObject(lsi, key = "LSI_", assay = "ACTIVITY")

genes <- intersect(VariableFeatures(rna), rownames(activity))
anchors <- FindTransferAnchors(reference = rna, query = atac, features = genes, reference.assay = "RNA",
                               query.assay = "ACTIVITY", reduction = "cca", verbose = FALSE)
imputed <- TransferData(anchors, refdata = GetAssayData(rna, assay = "RNA", slot = "data")[genes, ], weight.reduction = atac[["lsi"]],
                        dims = 2:30, verbose = FALSE)
atac[["RNA"]] <- imputed
DefaultAssay(atac) <- "RNA"
both <- merge(rna, atac)
both <- ScaleData(both, features = genes, do.scale = FALSE, verbose = FALSE)
both <- RunPCA(both, features = genes, npcs = 30, verbose = FALSE)
built <- proc.time()[["elapsed"]]

rows <- Embeddings(both, "pca")
write_npy(rows[colnames(rna), ], file.path(output, "first.npy"))
write_npy(rows[colnames(atac), ], file.path(output, "second.npy"))
report("Seurat", started, built)
