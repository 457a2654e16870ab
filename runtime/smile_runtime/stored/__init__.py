"""Cells in files: h5ad, h5mu and zarr, read a few rows at a time, and what is written into their copies."""
