"""Queries of an explanation, in memory or in a file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import QueryError, UnknownModalityError
from smile_runtime.projection import (
    JointFileQuery,
    ModalityChoice,
    ProjectionOptions,
    choose_modality,
    find_modalities,
    open_any_query,
)
from smile_runtime.query import AnnDataQuery, FileQuery
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


@contextmanager
def opened_query(
    query: "AnnData | Path | str", space: Space, options: ProjectionOptions, table: str | None
) -> Iterator[tuple[AnnDataQuery | FileQuery, ModalityChoice | None]]:
    """Open a query, and choose the encoder that its features suit if none is named.

    Raises
    ------
    QueryError
        Unless the query is an AnnData or a path.
    UnknownModalityError
        If several modalities would label the cells together.
    """
    from anndata import AnnData

    if isinstance(query, AnnData):
        named = options.modality is not None or len(space.encoders) == 1
        var = AnnDataQuery(query).var(options.location)
        if not named and len(shared := find_modalities(space, var)) > 1:
            raise _several_error(shared)
        yield AnnDataQuery(query), None if named else choose_modality(space, var, options)
        return
    if not isinstance(query, str | Path):
        raise QueryError(
            f"an AnnData or the path of a file is needed, got {type(query).__name__}; build an AnnData from values and "
            "names: anndata.AnnData(X, var=pandas.DataFrame(index=genes))"
        )
    with open_any_query(Path(query), space, options, None, table=table) as (opened, choice):
        if isinstance(opened, JointFileQuery):
            raise _several_error(opened.modalities)
        yield opened, choice


def _several_error(modalities: Sequence[str]) -> UnknownModalityError:
    return UnknownModalityError(
        f"the query and the space share {' and '.join(modalities)}, but labels are explained by one modality at a "
        "time; choose one",
        options={"modality": None},
    )


def cell_names(query: AnnDataQuery | FileQuery) -> Sequence[str]:
    """Return the names of all cells of a query."""
    names = query.adata.obs_names if isinstance(query, AnnDataQuery) else query.obs_names(slice(0, query.n_obs))
    return list(map(str, names))
