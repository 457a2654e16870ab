"""Results as a Parquet file with one row per cell."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smile_runtime.errors import DependencyError
from smile_runtime.mapping import Records
from smile_runtime.query import FileQuery
from smile_runtime.results.anndata_fields import label_keys, label_names, term_column
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
    """Write ``obs_names``, the result columns of ``obs``, the two map coordinates, and the embedding as lists.

    The metadata of the schema hold the provenance as JSON, under ``key_added``.
    """
    from pyarrow import parquet

    tables = _tables(query, projection, key_added)
    first = next(tables)
    provenance = json.dumps(projection.provenance, default=np.ndarray.tolist)
    schema = first.schema.with_metadata({key_added: provenance})
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
    for axis in (0, 1):
        result[f"X_{key_added}_map_{axis + 1}"] = pa.array(records["map"][:, axis])
    flat = pa.array(np.ascontiguousarray(records["embedding"]).ravel())
    result[f"X_{key_added}"] = pa.FixedSizeListArray.from_arrays(flat, records["embedding"].shape[1])
    return result
