"""Checks of what `project` is given."""

import math
from pathlib import Path

import numpy as np

from smile_runtime.errors import QueryError


def require_total(total: object) -> None:
    """Refuse what cells cannot add up to."""
    number = isinstance(total, int | float | np.integer | np.floating) and not isinstance(total, bool)
    if not number or not 0 < total < math.inf:  # type: ignore[operator]
        raise QueryError(f"the target sum is what each cell adds up to, a number more than 0, got {total!r}")


def require_cells(adata: object, *, copy: bool) -> None:
    """Refuse what is no AnnData, or one that results cannot be written into."""
    from anndata import AnnData

    if isinstance(adata, str | Path):
        raise QueryError(
            f"an AnnData is needed, got the path {str(adata)!r}; give anndata.read_h5ad(...) of it, or take "
            "smile_runtime.project_file, which reads files itself"
        )
    if not isinstance(adata, AnnData):
        raise QueryError(
            f"an AnnData is needed, got {type(adata).__name__}; make one of values and names: "
            "anndata.AnnData(X, var=pandas.DataFrame(index=genes))"
        )
    if adata.isbacked and adata.is_view:
        raise QueryError("a view of a backed AnnData cannot be written into; give a copy of it: adata[...].to_memory()")
    if adata.isbacked and copy:
        raise QueryError("a backed AnnData cannot be copied in memory; leave out copy, or give adata.to_memory()")
