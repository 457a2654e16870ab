# What R adapters of pairs share, beside adapter.R: gene activity.

# Activity of genes (rows) in cells of the second table, as pairs_adapter.py computes it.
gene_activity <- function(second, genes) {
  path <- file.path(task, "links.csv")
  if (!file.exists(path)) {
    kind <- rhdf5::h5read(file.path(task, "second.h5ad"), "uns/kind")
    message("needs the activity of genes, which ", kind, " values without positions do not give")
    quit(status = 1)
  }
  links <- read.csv(path)
  genes <- intersect(genes, links$first)
  if (length(genes) < 50) {
    message("needs the activity of genes: only ", length(genes), " have a peak nearby")
    quit(status = 1)
  }
  weights <- Matrix::sparseMatrix(
    match(links$first, genes), match(links$second, rownames(second)),
    x = exp(-links$distance / 5e3) + exp(-1), dims = c(length(genes), nrow(second)), dimnames = list(genes, NULL)
  )
  weights %*% second
}
