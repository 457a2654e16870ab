"""Fields of an AnnData that results are written to: their names, and writing them in memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import UNKNOWN
from smile_runtime.query import Query
from smile_runtime.results.cluster_labels import cluster_columns
from smile_runtime.results.requested_fields import fields_on_request, names_on_request
from smile_runtime.results.results import Projection

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


class LabelKeys(NamedTuple):
    """Names of the fields of one label column in ``obs``."""

    label: str
    """Label, or ``unknown``."""
    nearest_label: str
    """Nearest label of the reference, also for unknown cells."""
    confidence: str
    """Probability that the nearest label is right for a cell of a known type."""
    term: str
    """Term of the Cell Ontology for the label, if the space states terms."""


def label_keys(key_added: str, columns: Sequence[str]) -> list[LabelKeys]:
    """Return the names of the fields in ``obs`` for each label column.

    Parameters
    ----------
    key_added
        Prefix of the names.
    columns
        Names of the label columns, the primary one first; its fields carry no column name. Without label columns, the
        primary names are returned.
    """
    suffixes = ["", *(f"_{name}" for name in columns[1:])]
    return [
        LabelKeys(
            f"{key_added}_label{suffix}",
            f"{key_added}_nearest_label{suffix}",
            f"{key_added}_confidence{suffix}",
            f"{key_added}_label_ontology_term_id{suffix}",
        )
        for suffix in suffixes
    ]


def field_names(
    key_added: str,
    columns: Sequence[str],
    *,
    probabilities: bool = False,
    sets: bool = False,
    clusters: bool = False,
    joint: bool = False,
) -> list[tuple[str, str]]:
    """Return attribute and key of every field that results are written to.

    Parameters
    ----------
    key_added, columns
        As in `label_keys`.
    probabilities
        Whether the probabilities of all labels are among the results.
    sets
        Whether sets of labels are among the results.
    clusters
        Whether labels of clusters are among the results.
    joint
        Whether several modalities label cells together.
    """
    labels = [key for keys in label_keys(key_added, columns) for key in keys]
    further = names_on_request(key_added, probabilities=probabilities, sets=sets, joint=joint)
    return [
        ("obsm", f"X_{key_added}"),
        ("obsm", f"X_{key_added}_map"),
        *([("obsm", f"{key_added}_probabilities")] if probabilities else ()),
        *(("obs", key) for key in (*labels, f"{key_added}_similarity", *further)),
        ("uns", key_added),
        *([("uns", f"{key_added}_clusters")] if clusters else ()),
    ]


def written_fields(projection: Projection, key_added: str) -> list[tuple[str, str]]:
    """Return attribute and key of every field that a projection is written to."""
    return field_names(
        key_added,
        projection.column_names,
        probabilities=projection.probabilities,
        sets=projection.sets is not None,
        clusters=projection.clusters is not None,
        joint=bool(projection.modalities),
    )


def earlier_fields(key_added: str, provenance: object) -> list[tuple[str, str]]:
    """Return the fields written by an earlier projection, whose provenance is in ``uns[key_added]``."""
    stated = provenance if isinstance(provenance, Mapping) else {}
    columns = [str(name) for name in stated.get("label_columns", [])]
    return field_names(
        key_added,
        columns,
        probabilities="probability_labels" in stated,
        sets="coverage" in stated,
        clusters="clusters" in stated,
        joint="modalities" in stated,
    )


def require_key(key_added: str) -> None:
    """Raise QueryError if an h5ad file cannot store fields with this prefix."""
    if key_added in ("", ".", "..") or "/" in key_added:
        raise QueryError(
            f"fields cannot be named after {key_added!r}; use a name without slashes, other than . and ..",
            options={"key_added": None},
        )


def require_free_fields(query: Query, fields: Sequence[tuple[str, str]]) -> None:
    """Raise QueryError if the query already has one of the fields, given by attribute and key."""
    taken = [f"{attribute}[{key!r}]" for attribute, key in fields if query.has_field(attribute, key)]
    if taken:
        raise QueryError(
            f"the query already has {', '.join(taken)}, which would be overwritten; choose other names or allow "
            "overwriting",
            options={"key_added": None, "overwrite": True},
        )


def label_codes(ids: Iterable[NDArray[np.int32]], column: LabelColumn) -> tuple[list[str], NDArray[np.int32]]:
    """Return the labels that occur, sorted, and the category code of each label id; the last is for unknown cells.

    ``ids`` are label ids of the column in blocks, each of shape ``(n,)``.
    """
    names = np.array([*column.labels, UNKNOWN], dtype=object)
    occurring = {int(each) % len(names) for block in ids for each in np.unique(block)}  # -1 indexes the last
    categories = sorted({str(names[each]) for each in occurring})
    code = {name: index for index, name in enumerate(categories)}
    return categories, np.array([code.get(str(name), -1) for name in names], np.int32)


def label_names(ids: NDArray[np.int32], column: LabelColumn) -> NDArray[np.object_]:
    """Return the label of each id of a column, ``unknown`` for -1, shape ``(n,)``."""
    names: NDArray[np.object_] = np.array([*column.labels, UNKNOWN], dtype=object)[ids]
    return names


def term_column(column: LabelColumn, ontology: Mapping[str, str]) -> LabelColumn | None:
    """Return a label column with terms of the Cell Ontology for labels; None if none of them has a term.

    As in CELLxGENE's schema, labels without a term are ``unknown``.
    """
    if not any(label in ontology for label in column.labels):
        return None
    return msgspec.structs.replace(column, labels=[ontology.get(label, UNKNOWN) for label in column.labels])


def write_fields(adata: "AnnData", projection: Projection, key_added: str) -> None:
    """Write a projection into an AnnData; other fields are left alone."""
    import pandas as pd

    for attribute, key in earlier_fields(key_added, adata.uns.get(key_added)):
        fields = getattr(adata, attribute)
        if key in fields:
            del fields[key]
    records = np.concatenate(list(projection.results.blocks()))
    adata.obsm[f"X_{key_added}"] = np.ascontiguousarray(records["embedding"])
    adata.obsm[f"X_{key_added}_map"] = np.ascontiguousarray(records["map"])
    names = label_keys(key_added, projection.column_names)
    for index, (column, keys) in enumerate(zip(projection.columns, names, strict=False)):
        for field, key in (("label", keys.label), ("nearest", keys.nearest_label)):
            adata.obs[key] = _categorical(records[field][:, index], column)
        adata.obs[keys.confidence] = records["confidence"][:, index].copy()
        if terms := term_column(column, projection.ontology):
            adata.obs[keys.term] = _categorical(records["label"][:, index], terms)
    if projection.has_similarity:
        adata.obs[f"{key_added}_similarity"] = records["similarity"].copy()
    if projection.probabilities:
        adata.obsm[f"{key_added}_probabilities"] = np.ascontiguousarray(records["probability"])
    for key, values_of in fields_on_request(projection, key_added).items():
        values = values_of(records)
        adata.obs[key] = pd.Categorical(values, categories=sorted(set(values))) if values.dtype == object else values
    adata.uns[key_added] = projection.provenance
    if projection.clusters is not None:
        adata.uns[f"{key_added}_clusters"] = cluster_columns(projection.clusters)


def _categorical(ids: NDArray[np.int32], column: LabelColumn) -> "pd.Categorical[str]":
    import pandas as pd

    categories, codes = label_codes([ids], column)
    return pd.Categorical.from_codes(codes[ids], categories=pd.Index(categories))
