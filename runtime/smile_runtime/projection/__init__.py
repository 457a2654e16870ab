"""Projection of query cells into a space: in memory, from file to file, and in Dask."""

from smile_runtime.projection.anndata_projection import project
from smile_runtime.projection.file_projection import project_file

__all__ = ["project", "project_file"]
