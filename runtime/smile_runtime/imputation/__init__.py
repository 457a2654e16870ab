"""Imputation: the expected values of another modality for query cells, in memory and from file to file."""

from smile_runtime.imputation.anndata_imputation import impute
from smile_runtime.imputation.file_imputation import ImputationSummary, impute_file

__all__ = ["ImputationSummary", "impute", "impute_file"]
