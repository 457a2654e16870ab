# SingleR, as in its vignette with single-cell references: markers by Wilcoxon tests; pruned labels are unknown.
#
# Its scores are correlations and no probabilities, so that it has no confidence; novelty is by how little the best score
# exceeds the median, which pruning goes by.

folder <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)[1]))
source(file.path(folder, "adapter.R"))

set.seed(seed)
read_normalized <- function(name) {
  cells <- read_cells(name)
  experiment <- SingleCellExperiment::SingleCellExperiment(list(counts = cells$counts), colData = cells$obs)
  scuttle::logNormCounts(experiment)
}

trained <- phase("build", {
  reference <- read_normalized("reference.h5ad")
  SingleR::trainSingleR(reference, labels = reference$label, de.method = "wilcox")
})
predicted <- phase("project", SingleR::classifySingleR(read_normalized("query.h5ad"), trained))
write_labels(data.frame(
  cell = rownames(predicted),
  label = ifelse(is.na(predicted$pruned.labels), "unknown", predicted$pruned.labels),
  confidence = NA,
  nearest = predicted$labels,
  novelty = -SingleR::getDeltaFromMedian(predicted)
))
report("SingleR")
