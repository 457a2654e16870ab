# fastMNN as in the vignette of batchelor: log values after multiBatchNorm, variable genes by scran, 50 components.
#
# Debian has no batchelor. With BATCHELOR_SOURCE, the folder of a copy of github.com/LTLA/batchelor at the release for
# this R (RELEASE_3_16), it is built into a library beside that folder.

folder <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)[1]))
source(file.path(folder, "adapter.R"))

source_folder <- Sys.getenv("BATCHELOR_SOURCE")
if (source_folder == "") {
  stop("needs batchelor, which Debian lacks; set BATCHELOR_SOURCE to a copy of github.com/LTLA/batchelor, RELEASE_3_16",
    call. = FALSE)
}
library_folder <- paste0(source_folder, "-library")
dir.create(library_folder, showWarnings = FALSE)
.libPaths(c(library_folder, .libPaths()))
if (!requireNamespace("batchelor", quietly = TRUE)) {
  install.packages(source_folder, lib = library_folder, repos = NULL, type = "source", INSTALL_opts = "--no-docs")
}

cells <- read_cells("cells.h5ad")
set.seed(seed)
embedding <- phase("build", {
  counts <- SingleCellExperiment::SingleCellExperiment(list(counts = cells$counts))
  normalized <- batchelor::multiBatchNorm(counts, batch = cells$obs$batch)
  variances <- scran::modelGeneVar(normalized, block = cells$obs$batch)
  genes <- scran::getTopHVGs(variances, n = 2000)
  corrected <- batchelor::fastMNN(normalized, batch = cells$obs$batch, subset.row = genes)
  SingleCellExperiment::reducedDim(corrected, "corrected")[colnames(cells$counts), ]
})
write_embedding(embedding)
report("batchelor")
