# Seurat's bridge integration is not run: Debian packages Seurat 4.

message("needs Seurat 5; packaged for Debian bookworm: ", packageVersion("Seurat"))
quit(status = 1)
