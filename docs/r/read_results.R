# Read the results of `smile-zoo project` into R, and join them to a Seurat object.
#
#   source("read_results.R")
#   cells <- read_smile("out.h5ad")           # or results.parquet: a data frame, one row per cell
#   object <- add_smile(object, "out.h5ad")   # labels to its metadata, embedding and map to its reductions
#
# .h5ad needs hdf5r, .parquet needs nanoparquet; a Seurat object needs SeuratObject (part of Seurat), 4.1 or newer.

read_smile <- function(path, key = "smile") {
  cells <- if (grepl("\\.parquet$", path)) read_parquet_cells(path, key) else read_h5ad_cells(path, key)
  cells[c(grep("^X_", names(cells), invert = TRUE), grep("^X_", names(cells)))]
}

read_h5ad_cells <- function(path, key) {
  file <- hdf5r::H5File$new(path, mode = "r")
  on.exit(file$close_all())
  obs <- file[["obs"]]
  own <- grep(paste0("^", key, "_"), names(obs), value = TRUE)
  cells <- data.frame(lapply(stats::setNames(own, own), function(name) read_column(obs[[name]])), check.names = FALSE)
  rownames(cells) <- obs[[hdf5r::h5attr(obs, "_index")]]$read()
  for (name in paste0("X_", key, c("", "_map"))) cells[[name]] <- t(file[["obsm"]][[name]]$read())
  cells
}

read_column <- function(stored) {
  if (!inherits(stored, "H5Group")) return(stored$read())
  categories <- stored[["categories"]]$read()
  factor(categories[stored[["codes"]]$read() + 1], levels = categories)
}

read_parquet_cells <- function(path, key) {
  cells <- as.data.frame(nanoparquet::read_parquet(path))
  rownames(cells) <- cells$obs_names
  map <- paste0("X_", key, "_map_", 1:2)
  cells[[paste0("X_", key)]] <- do.call(rbind, cells[[paste0("X_", key)]])
  cells[[paste0("X_", key, "_map")]] <- as.matrix(unname(cells[map]))
  cells[setdiff(names(cells), c("obs_names", map))]
}

add_smile <- function(object, path, key = "smile") {
  cells <- read_smile(path, key)
  if (length(missing <- setdiff(colnames(object), rownames(cells))) > 0) {
    stop(length(missing), " cells of the object are not in ", path, ", such as ", missing[1])
  }
  cells <- cells[colnames(object), ]
  is_matrix <- vapply(cells, is.matrix, logical(1))
  object <- SeuratObject::AddMetaData(object, cells[!is_matrix])
  for (name in names(cells)[is_matrix]) {
    values <- cells[[name]]
    reduction <- gsub("_", "", sub("^X_", "", name))  # a key of Seurat has no underscores inside: smile, smilemap
    dimnames(values) <- list(rownames(cells), paste0(reduction, "_", seq_len(ncol(values))))
    object[[reduction]] <- SeuratObject::CreateDimReducObject(
      values, key = paste0(reduction, "_"), assay = SeuratObject::DefaultAssay(object)
    )
  }
  object
}
