# What R adapters of pairs share: reading a task, gene activity, and writing embeddings.

suppressPackageStartupMessages({library(hdf5r); library(Matrix)})

# Read a table of a task: counts (features x cells) and obs as a data frame.
read_cells <- function(path) {
  file <- H5File$new(path, "r")
  column <- function(group, name) {
    item <- file[[paste0(group, "/", name)]]
    if (!inherits(item, "H5Group")) return(item[])
    as.character(item[["categories"]][])[item[["codes"]][] + 1]
  }
  index <- function(group) column(group, h5attr(file[[group]], "_index"))
  values <- file[["X"]]
  counts <- new("dgCMatrix", i = values[["indices"]][], p = values[["indptr"]][], x = as.numeric(values[["data"]][]),
                Dim = rev(as.integer(h5attr(values, "shape"))), Dimnames = list(index("var"), index("obs")))
  names <- intersect(c("pair", "batch", "label"), names(file[["obs"]]))
  obs <- as.data.frame(sapply(names, function(name) column("obs", name)))
  kind <- file[["uns/kind"]][]
  file$close_all()
  list(counts = counts, obs = obs, kind = kind)
}

# Activity of genes in the second table, as pairs_adapter.py computes it (genes x cells).
gene_activity <- function(task, second, genes) {
  path <- file.path(task, "links.csv")
  if (!file.exists(path)) {
    message("needs the activity of genes, which ", second$kind, " values without positions do not give")
    quit(status = 1)
  }
  links <- read.csv(path)
  genes <- intersect(genes, links$first)
  if (length(genes) < 50) {
    message("needs the activity of genes: only ", length(genes), " have a peak nearby")
    quit(status = 1)
  }
  weights <- sparseMatrix(match(links$first, genes), match(links$second, rownames(second$counts)),
                          x = exp(-links$distance / 5e3) + exp(-1), dims = c(length(genes), nrow(second$counts)))
  activity <- weights %*% second$counts
  dimnames(activity) <- list(genes, colnames(second$counts))
  activity
}

# Write an embedding (cells x width) as NumPy's format holds it.
write_npy <- function(rows, path) {
  header <- sprintf("{'descr': '<f4', 'fortran_order': True, 'shape': (%d, %d), }", nrow(rows), ncol(rows))
  padding <- 64 - (10 + nchar(header) + 1) %% 64
  header <- paste0(header, strrep(" ", padding %% 64), "\n")
  file <- file(path, "wb")
  on.exit(close(file))
  writeBin(c(as.raw(0x93), charToRaw("NUMPY"), as.raw(c(1, 0))), file)
  writeBin(nchar(header), file, size = 2, endian = "little")
  writeBin(charToRaw(header), file)
  writeBin(as.numeric(rows), file, size = 4, endian = "little")
}

# Print the line of figures that the runner reads.
report <- function(package, started, built) {
  cat(sprintf('{"version": "%s", "build_s": %.3f, "project_s": %.3f}\n', packageVersion(package),
              built - started, proc.time()[["elapsed"]] - built))
}
