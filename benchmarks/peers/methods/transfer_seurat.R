# Label transfer by Seurat, as in the vignette "integration_mapping": anchors by projected PCA, 30 dimensions.

folder <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)[1]))
source(file.path(folder, "adapter.R"))

read_normalized <- function(name) {
  cells <- read_cells(name)
  Seurat::NormalizeData(Seurat::CreateSeuratObject(cells$counts, meta.data = cells$obs), verbose = FALSE)
}

set.seed(seed)
reference <- phase("build", {
  reference <- Seurat::FindVariableFeatures(read_normalized("reference.h5ad"), verbose = FALSE)
  Seurat::RunPCA(Seurat::ScaleData(reference, verbose = FALSE), seed.use = seed, verbose = FALSE)
})
predicted <- phase("project", {
  query <- read_normalized("query.h5ad")
  anchors <- Seurat::FindTransferAnchors(
    reference = reference, query = query, dims = 1:30, reference.reduction = "pca", verbose = FALSE
  )
  k_weight <- min(50, nrow(anchors@anchors) - 1) # more than there are anchors is an error
  Seurat::TransferData(anchors, refdata = reference$label, dims = 1:30, k.weight = k_weight, verbose = FALSE)
})
write_labels(data.frame(
  cell = rownames(predicted), label = predicted$predicted.id, confidence = predicted$prediction.score.max
))
report("Seurat")
