# Seurat's integration by anchors of reciprocal PCA.

folder <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)[1]))
source(file.path(folder, "adapter.R"))
source(file.path(folder, "seurat_integration.R"))

cells <- read_cells("cells.h5ad")
set.seed(seed)
write_embedding(phase("build", integrate_batches(cells, "rpca")))
report("Seurat")
