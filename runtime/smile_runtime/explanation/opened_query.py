"""Queries of an explanation, in memory or in a file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import QueryError
from smile_runtime.projection import open_encoder_query
from smile_runtime.query import AnnDataQuery, FileQuery
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


@contextmanager
def opened_query(
    query: "AnnData | Path | str", space: Space, modality: str | None, table: str | None
) -> Iterator[AnnDataQuery | FileQuery]:
    """Open a query; raise QueryError unless it is an AnnData or a path."""
    from anndata import AnnData

    if isinstance(query, AnnData):
        yield AnnDataQuery(query)
        return
    if not isinstance(query, str | Path):
        raise QueryError(
            f"an AnnData or the path of a file is needed, got {type(query).__name__}; build an AnnData from values and "
            "names: anndata.AnnData(X, var=pandas.DataFrame(index=genes))"
        )
    with open_encoder_query(Path(query), space, space.encoder(modality), None, table=table) as opened:
        yield opened


def cell_names(query: AnnDataQuery | FileQuery) -> Sequence[str]:
    """Return the names of all cells of a query."""
    names = query.adata.obs_names if isinstance(query, AnnDataQuery) else query.obs_names(slice(0, query.n_obs))
    return list(map(str, names))
