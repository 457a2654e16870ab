"""Where a projection's results stand in an AnnData: the one module that writes into it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError

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
        Names of the transferred labels, shape ``(n,)``; None for a reference without labels.
    confidence
        Probability that the label is right, 0 to 1, float32, shape ``(n,)``; None likewise.
    similarity
        Share of cells of known types that are farther from the reference, 0 to 1, float32, shape ``(n,)``; None for a
        space that does not tell.
    map
        Position on the reference map, float32, shape ``(n, 2)``.
    provenance
        What made it: space, versions, features, values, provider.
    """

    embedding: NDArray[np.float32]
    label: NDArray[np.object_] | None
    confidence: NDArray[np.float32] | None
    similarity: NDArray[np.float32] | None
    map: NDArray[np.float32]
    provenance: dict[str, Any]


def field_names(key_added: str) -> dict[str, tuple[str, str]]:
    """Return, for each result, the AnnData attribute and key that it is written to."""
    return {
        "embedding": ("obsm", f"X_{key_added}"),
        "map": ("obsm", f"X_{key_added}_map"),
        "label": ("obs", f"{key_added}_label"),
        "confidence": ("obs", f"{key_added}_confidence"),
        "similarity": ("obs", f"{key_added}_similarity"),
        "provenance": ("uns", key_added),
    }


def require_key(key_added: str) -> None:
    """Refuse a stem of names under which nothing could be stored in an h5ad file.

    Raises
    ------
    QueryError
        If it is empty or has a slash.
    """
    if not key_added or "/" in key_added:
        raise QueryError(f"fields cannot be named after {key_added!r}; give a name without a slash (--key-added)")


def require_free(adata: "AnnData", key_added: str) -> None:
    """Refuse an AnnData that already has one of the fields.

    Raises
    ------
    QueryError
        If a field would be overwritten.
    """
    taken = [f"{place}[{key!r}]" for place, key in field_names(key_added).values() if key in getattr(adata, place)]
    if taken:
        raise QueryError(
            f"the query already has {', '.join(taken)}, which would be overwritten; "
            "choose other names (--key-added) or allow it (--overwrite)"
        )


def write_fields(adata: "AnnData", projection: Projection, key_added: str) -> None:
    """Write a projection into an AnnData; nothing else in it is touched."""
    import pandas as pd

    names = field_names(key_added)
    adata.obsm[names["embedding"][1]] = projection.embedding
    adata.obsm[names["map"][1]] = projection.map
    for name in ("label", "confidence", "similarity"):  # of an earlier projection, which not every space replaces
        if names[name][1] in adata.obs:
            del adata.obs[names[name][1]]
    if projection.label is not None:
        adata.obs[names["label"][1]] = pd.Categorical(projection.label)
        adata.obs[names["confidence"][1]] = projection.confidence
    if projection.similarity is not None:
        adata.obs[names["similarity"][1]] = projection.similarity
    adata.uns[names["provenance"][1]] = projection.provenance
