# What adapters in R share: reading a task, measuring its phases, writing embeddings and labels, and the closing line.

arguments <- commandArgs(trailingOnly = TRUE)
task <- arguments[1]
output <- arguments[2]
seed <- as.integer(arguments[3])
figures <- list()

# Cells of an h5ad file: `counts` (genes by cells) and `obs`.
read_cells <- function(name) {
  path <- file.path(task, name)
  on.exit(rhdf5::h5closeAll())
  read <- function(field) rhdf5::h5read(path, field)
  read_index <- function(table) as.character(read(paste0(table, "/", rhdf5::h5readAttributes(path, table)[["_index"]])))
  matrix <- read("X")
  obs_names <- read_index("obs")
  genes <- read_index("var")
  counts <- Matrix::sparseMatrix(
    i = as.integer(matrix$indices) + 1L, p = as.integer(matrix$indptr), x = as.numeric(matrix$data),
    dims = c(length(genes), length(obs_names)), dimnames = list(genes, obs_names)
  )
  columns <- setdiff(rhdf5::h5readAttributes(path, "obs")[["column-order"]], "")
  obs <- data.frame(row.names = obs_names)
  for (column in columns) {
    values <- read(paste0("obs/", column))
    obs[[column]] <- as.character(if (is.list(values)) values$categories[values$codes + 1] else values)
  }
  list(counts = counts, obs = obs)
}

# Seconds and peak memory of a phase, `build` or `project`.
phase <- function(name, code) {
  writeLines("5", "/proc/self/clear_refs") # the peak starts again at the memory in use
  before <- proc.time()
  result <- force(code)
  used <- proc.time() - before
  status <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
  figures[[paste0(name, "_s")]] <<- used[["elapsed"]]
  figures[[paste0(name, "_cpu_s")]] <<- used[["user.self"]] + used[["sys.self"]]
  figures[[paste0(name, "_mb")]] <<- as.numeric(gsub("[^0-9]", "", status)) / 1e3
  invisible(result)
}

# Write an embedding, cells by dimensions, as float32 in numpy's format, version 1.
write_embedding <- function(embedding, name = "embedding.npy") {
  shape <- sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", nrow(embedding), ncol(embedding))
  header <- paste0(shape, strrep(" ", (64 - (10 + nchar(shape) + 1) %% 64) %% 64), "\n")
  file <- file(file.path(output, name), "wb")
  on.exit(close(file))
  writeBin(as.raw(c(0x93, utf8ToInt("NUMPY"), 1, 0)), file)
  writeBin(nchar(header), file, size = 2, endian = "little")
  writeBin(charToRaw(header), file)
  writeBin(as.numeric(t(embedding)), file, size = 4, endian = "little")
}

# Write `cell`, `label` and `confidence`, and what else is measured.
write_labels <- function(table) {
  write.csv(table, file.path(output, "labels.csv"), row.names = FALSE, na = "")
}

report <- function(package) {
  version <- as.character(packageVersion(package))
  cat("\n", jsonlite::toJSON(c(list(version = version), figures), auto_unbox = TRUE, digits = NA), "\n", sep = "")
}

