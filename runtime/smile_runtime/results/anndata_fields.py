"""Where a projection's results stand in an AnnData: the names of the fields, and writing them into one in memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import UNKNOWN
from smile_runtime.query import Query
from smile_runtime.results.results import Projection

if TYPE_CHECKING:
    from anndata import AnnData


def label_keys(key_added: str, columns: Sequence[str]) -> list[tuple[str, str]]:
    """Return the columns of ``obs`` that label and confidence of each label column are written to.

    Parameters
    ----------
    key_added
        Stem of the names.
    columns
        Names of the label columns. The first is the primary one, whose fields do not bear its name; of no columns at
        all these two fields are returned.
    """
    ends = ["", *(f"_{name}" for name in columns[1:])]
    return [(f"{key_added}_label{end}", f"{key_added}_confidence{end}") for end in ends]


def field_names(key_added: str, columns: Sequence[str]) -> list[tuple[str, str]]:
    """Return the attributes and keys of an AnnData that results are written to; arguments as `label_keys`."""
    labels = [key for keys in label_keys(key_added, columns) for key in keys]
    return [
        ("obsm", f"X_{key_added}"),
        ("obsm", f"X_{key_added}_map"),
        *(("obs", key) for key in (*labels, f"{key_added}_similarity")),
        ("uns", key_added),
    ]


def earlier_fields(key_added: str, provenance: object) -> list[tuple[str, str]]:
    """Return what an earlier projection of that name wrote, of which another space may write less.

    Parameters
    ----------
    key_added
        Stem of the names.
    provenance
        What ``uns`` has under it.
    """
    columns = provenance.get("label_columns", []) if isinstance(provenance, Mapping) else []
    return field_names(key_added, [str(name) for name in columns])


def require_key(key_added: str) -> None:
    """Refuse a stem of names under which nothing could be stored in an h5ad file.

    Raises
    ------
    QueryError
        If it is empty, has a slash, or stands for a group itself or the one above.
    """
    if key_added in ("", ".", "..") or "/" in key_added:
        raise QueryError(
            f"fields cannot be named after {key_added!r}; give a name, not . or .., without a slash (--key-added)"
        )


def require_free(query: Query, key_added: str, columns: Sequence[str]) -> None:
    """Refuse a query that already has one of the fields.

    Raises
    ------
    QueryError
        If a field would be overwritten.
    """
    names = field_names(key_added, columns)
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
    names = np.array([*column.labels, UNKNOWN], dtype=object)
    occurring = {int(each) % len(names) for part in ids for each in np.unique(part)}  # -1 is the last
    categories = sorted({str(names[each]) for each in occurring})
    code = {name: place for place, name in enumerate(categories)}
    return categories, np.array([code.get(str(name), -1) for name in names], np.int32)


def write_fields(adata: "AnnData", projection: Projection, key_added: str) -> None:
    """Write a projection into an AnnData; nothing else in it is touched."""
    import pandas as pd

    for attribute, key in earlier_fields(key_added, adata.uns.get(key_added)):
        if attribute == "obs" and key in adata.obs:
            del adata.obs[key]
    records = np.concatenate(list(projection.results.blocks()))
    adata.obsm[f"X_{key_added}"] = np.ascontiguousarray(records["embedding"])
    adata.obsm[f"X_{key_added}_map"] = np.ascontiguousarray(records["map"])
    names = label_keys(key_added, projection.column_names)
    for place, (column, (label, score)) in enumerate(zip(projection.columns, names, strict=False)):
        ids = records["label"][:, place]
        categories, codes = label_codes([ids], column)
        adata.obs[label] = pd.Categorical.from_codes(codes[ids], categories=pd.Index(categories))
        adata.obs[score] = records["confidence"][:, place].copy()
    if projection.tells_similarity:
        adata.obs[f"{key_added}_similarity"] = records["similarity"].copy()
    adata.uns[key_added] = projection.provenance
