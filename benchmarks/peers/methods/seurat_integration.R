# Integration of batches by anchors, as in Seurat's vignettes "integration_introduction" and "integration_rpca".

N_COMPONENTS <- 30

integrate_batches <- function(cells, reduction) {
  batches <- Seurat::SplitObject(Seurat::CreateSeuratObject(cells$counts, meta.data = cells$obs), split.by = "batch")
  batches <- lapply(batches, function(each) {
    Seurat::FindVariableFeatures(Seurat::NormalizeData(each, verbose = FALSE), nfeatures = 2000, verbose = FALSE)
  })
  genes <- Seurat::SelectIntegrationFeatures(batches, verbose = FALSE)
  if (reduction == "rpca") {
    batches <- lapply(batches, function(each) {
      each <- Seurat::ScaleData(each, features = genes, verbose = FALSE)
      Seurat::RunPCA(each, features = genes, verbose = FALSE)
    })
  }
  anchors <- Seurat::FindIntegrationAnchors(
    batches, anchor.features = genes, reduction = reduction, verbose = FALSE
  )
  joined <- integrate_anchors(anchors, 100)
  Seurat::DefaultAssay(joined) <- "integrated"
  joined <- Seurat::ScaleData(joined, verbose = FALSE)
  joined <- Seurat::RunPCA(joined, npcs = N_COMPONENTS, seed.use = seed, verbose = FALSE)
  Seurat::Embeddings(joined, "pca")[colnames(cells$counts), ]
}

# With few anchors, `k.weight` must be below the default of 100, as the error of Seurat says.
integrate_anchors <- function(anchors, k_weight) {
  tryCatch(
    {
      joined <- Seurat::IntegrateData(anchors, k.weight = k_weight, verbose = FALSE)
      figures[["k_weight"]] <<- k_weight
      joined
    },
    error = function(error) {
      if (k_weight < 10 || !grepl("k.weight|k must be|anchor", conditionMessage(error))) stop(error)
      integrate_anchors(anchors, k_weight %/% 2)
    }
  )
}
