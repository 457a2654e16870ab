"""Projection of query cells into a space: in memory, from file to file, and in Dask."""

from smile_runtime.projection.project import project
from smile_runtime.projection.project_file import project_file

__all__ = ["project", "project_file"]
