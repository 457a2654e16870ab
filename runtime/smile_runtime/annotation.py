"""Where a projection's results stand in an AnnData: the one module that writes into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.similarity import UNKNOWN

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, eq=False)
class Projection:
    """Query cells in a space.

    Attributes
    ----------
    embedding
        L2-normalised, float32, shape ``(n, n_latent)``.
    label
        Transferred label ids, places in the labels of each of ``label_columns``, -1 for unknown, int32, shape
        ``(n, n_columns)``.
    confidence
        Probability that each label is right, 0 to 1, float32, shape ``(n, n_columns)``.
    similarity
        Share of cells of known types that are farther from the reference, 0 to 1, float32, shape ``(n,)``; None for a
        space that does not tell.
    map
        Position on the reference map, float32, shape ``(n, 2)``.
    label_columns
        What the labels are, the primary column first; empty for a reference without labels.
    provenance
        What made it: space, versions, features, values, provider.
    """

    embedding: NDArray[np.float32]
    label: NDArray[np.int32]
    confidence: NDArray[np.float32]
    similarity: NDArray[np.float32] | None
    map: NDArray[np.float32]
    label_columns: tuple[LabelColumn, ...]
    provenance: dict[str, Any]


def label_keys(key_added: str, columns: Sequence[str]) -> list[tuple[str, str]]:
    """Return the columns of obs that label and confidence of each label column are written to.

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
    """Return the attributes and keys of an AnnData that the results are written to; as `label_keys`."""
    labels = [key for keys in label_keys(key_added, columns) for key in keys]
    return [
        ("obsm", f"X_{key_added}"),
        ("obsm", f"X_{key_added}_map"),
        *(("obs", key) for key in (*labels, f"{key_added}_similarity")),
        ("uns", key_added),
    ]


def require_key(key_added: str) -> None:
    """Refuse a stem of names under which nothing could be stored in an h5ad file.

    Raises
    ------
    QueryError
        If it is empty or has a slash.
    """
    if not key_added or "/" in key_added:
        raise QueryError(f"fields cannot be named after {key_added!r}; give a name without a slash (--key-added)")


def require_free(adata: "AnnData", key_added: str, columns: Sequence[str]) -> None:
    """Refuse an AnnData that already has one of the fields, those of label columns among them.

    Raises
    ------
    QueryError
        If a field would be overwritten.
    """
    taken = [f"{place}[{key!r}]" for place, key in field_names(key_added, columns) if key in getattr(adata, place)]
    if taken:
        raise QueryError(
            f"the query already has {', '.join(taken)}, which would be overwritten; "
            "choose other names (--key-added) or allow it (--overwrite)"
        )


def write_fields(adata: "AnnData", projection: Projection, key_added: str) -> None:
    """Write a projection into an AnnData; nothing else in it is touched."""
    import pandas as pd

    for where, key in field_names(key_added, _earlier_columns(adata, key_added)):  # which not every space replaces
        if where == "obs" and key in adata.obs:
            del adata.obs[key]
    adata.obsm[f"X_{key_added}"] = projection.embedding
    adata.obsm[f"X_{key_added}_map"] = projection.map
    columns = [column.name for column in projection.label_columns]
    for place, (column, (label, score)) in enumerate(
        zip(projection.label_columns, label_keys(key_added, columns), strict=False)
    ):
        names = np.array([*column.labels, UNKNOWN], dtype=object)
        adata.obs[label] = pd.Categorical(names[projection.label[:, place]])  # -1, for unknown, is the last
        adata.obs[score] = projection.confidence[:, place]
    if projection.similarity is not None:
        adata.obs[f"{key_added}_similarity"] = projection.similarity
    adata.uns[key_added] = {**projection.provenance, "label_columns": np.array(columns, dtype=object)}


def _earlier_columns(adata: "AnnData", key_added: str) -> list[str]:
    """Return the label columns of an earlier projection under the same names."""
    provenance = adata.uns.get(key_added)
    return [str(name) for name in provenance.get("label_columns", [])] if isinstance(provenance, Mapping) else []
