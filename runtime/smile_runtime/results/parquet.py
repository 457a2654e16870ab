"""Results as a Parquet file with one row per cell."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import DependencyError
from smile_runtime.mapping import Records
from smile_runtime.query import FileQuery
from smile_runtime.results.anndata_fields import label_keys, label_names, term_column
from smile_runtime.results.cluster_labels import cluster_columns
from smile_runtime.results.requested_fields import fields_on_request
from smile_runtime.results.results import Projection

if TYPE_CHECKING:
    import pyarrow as pa


def require_pyarrow() -> None:
    """Raise DependencyError if pyarrow is missing."""
    try:
        import pyarrow as pa  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            "writing .parquet needs pyarrow; install it with: pip install 'smile-zoo[parquet]', or write .h5ad"
        ) from error


def write_parquet(query: FileQuery, projection: Projection, key_added: str, path: Path) -> None:
    """Write ``obs_names``, the result columns of ``obs``, the two map coordinates, and rows of ``obsm`` as lists.

    The metadata of the schema hold the provenance as JSON, under ``key_added``, and labels of clusters beside it.
    """
    from pyarrow import parquet

    tables = _tables(query, projection, key_added)
    first = next(tables)
    facts: dict[str, object] = {key_added: projection.provenance}
    if projection.clusters is not None:
        facts[f"{key_added}_clusters"] = cluster_columns(projection.clusters)
    texts = {name: json.dumps(each, default=np.ndarray.tolist) for name, each in facts.items()}
    schema = first.schema.with_metadata(texts)
    with parquet.ParquetWriter(path, schema) as writer:
        writer.write_table(first.replace_schema_metadata(schema.metadata))
        for table in tables:
            writer.write_table(table.replace_schema_metadata(schema.metadata))


def _tables(query: FileQuery, projection: Projection, key_added: str) -> "Iterator[pa.Table]":
    import pyarrow as pa

    start = 0
    for records in projection.results.blocks():
        names = query.obs_names(slice(start, start + len(records)))
        yield pa.table({"obs_names": pa.array(names, pa.string()), **_columns(records, projection, key_added)})
        start += len(records)


def _columns(records: Records, projection: Projection, key_added: str) -> "dict[str, pa.Array[Any]]":
    import pyarrow as pa

    result: dict[str, pa.Array[Any]] = {}
    keys = label_keys(key_added, projection.column_names)
    for index, (column, names) in enumerate(zip(projection.columns, keys, strict=False)):
        result[names.label] = pa.array(label_names(records["label"][:, index], column), pa.string())
        result[names.nearest_label] = pa.array(label_names(records["nearest"][:, index], column), pa.string())
        result[names.confidence] = pa.array(records["confidence"][:, index])
        if terms := term_column(column, projection.ontology):
            result[names.term] = pa.array(label_names(records["label"][:, index], terms), pa.string())
    if projection.has_similarity:
        result[f"{key_added}_similarity"] = pa.array(records["similarity"])
    for key, field in fields_on_request(projection, key_added).items():
        result[key] = pa.array(field(records))
    for axis in (0, 1):
        result[f"X_{key_added}_map_{axis + 1}"] = pa.array(records["map"][:, axis])
    if projection.probabilities:
        result[f"{key_added}_probabilities"] = _lists(records["probability"])
    result[f"X_{key_added}"] = _lists(records["embedding"])
    return result


def _lists(values: NDArray[np.float32]) -> "pa.Array[Any]":
    """Return the rows of an array as lists."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).ravel()), values.shape[1])
