"""Where a projection's results stand in an AnnData: the names of the fields, and writing them into one in memory."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.query import Query
from smile_runtime.results import LabelColumn, Projection
from smile_runtime.similarity import UNKNOWN

if TYPE_CHECKING:
    from anndata import AnnData


def field_names(key_added: str, columns: Sequence[LabelColumn] = ()) -> dict[str, tuple[str, str]]:
    """Return, for each result, the AnnData attribute and key that it is written to."""
    return {
        "embedding": ("obsm", f"X_{key_added}"),
        "map": ("obsm", f"X_{key_added}_map"),
        **{f"label{column.suffix}": ("obs", f"{key_added}_label{column.suffix}") for column in columns},
        **{f"confidence{column.suffix}": ("obs", f"{key_added}_confidence{column.suffix}") for column in columns},
        "similarity": ("obs", f"{key_added}_similarity"),
        "provenance": ("uns", key_added),
    }


def obs_fields(obs_columns: Iterable[str], key_added: str) -> list[str]:
    """Return the columns of ``obs`` that a projection of that name wrote, of which another space may have others."""
    written = re.compile(rf"{re.escape(key_added)}_((label|confidence)(_.+)?|similarity)")
    return [str(name) for name in obs_columns if written.fullmatch(str(name))]


def require_key(key_added: str) -> None:
    """Refuse a stem of names under which nothing could be stored in an h5ad file.

    Raises
    ------
    QueryError
        If it is empty or has a slash.
    """
    if not key_added or "/" in key_added:
        raise QueryError(f"fields cannot be named after {key_added!r}; give a name without a slash (--key-added)")


def require_free(query: Query, key_added: str, columns: Sequence[LabelColumn]) -> None:
    """Refuse a query that already has one of the fields.

    Raises
    ------
    QueryError
        If a field would be overwritten.
    """
    names = field_names(key_added, columns).values()
    taken = [f"{place}[{key!r}]" for place, key in names if query.has_field(place, key)]
    if taken:
        raise QueryError(
            f"the query already has {', '.join(taken)}, which would be overwritten; "
            "choose other names (--key-added) or allow it (--overwrite)"
        )


def label_codes(ids: Iterable[NDArray[np.int32]], column: LabelColumn) -> tuple[list[str], NDArray[np.int32]]:
    """Return the labels that occur, sorted, and the code of each label id; the last one is that of unknown cells.

    Parameters
    ----------
    ids
        Label ids, some at a time.
    column
        Their names.
    """
    names = np.array([*column.names, UNKNOWN], dtype=object)
    occurring = {int(each) % len(names) for part in ids for each in np.unique(part)}  # -1 is the last
    categories = sorted({str(names[each]) for each in occurring})
    code = {name: place for place, name in enumerate(categories)}
    return categories, np.array([code.get(str(name), -1) for name in names], np.int32)


def write_fields(adata: "AnnData", projection: Projection, key_added: str) -> None:
    """Write a projection into an AnnData; nothing else in it is touched."""
    import pandas as pd

    records = np.concatenate(list(projection.results.blocks()))
    names = field_names(key_added, projection.columns)
    for name in ("embedding", "map"):
        adata.obsm[names[name][1]] = np.ascontiguousarray(records[name])
    for key in obs_fields(adata.obs, key_added):
        del adata.obs[key]
    for number, column in enumerate(projection.columns):
        ids = records["label"][:, number]
        categories, codes = label_codes([ids], column)
        labels = pd.Categorical.from_codes(codes[ids], categories=pd.Index(categories))
        adata.obs[names[f"label{column.suffix}"][1]] = labels
        adata.obs[names[f"confidence{column.suffix}"][1]] = records["confidence"][:, number].copy()
    if projection.tells_similarity:
        adata.obs[names["similarity"][1]] = records["similarity"].copy()
    adata.uns[names["provenance"][1]] = projection.provenance
