"""Fields written into an open h5ad, h5mu or zarr file, a block of cells at a time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import StoredGroup, attribute_texts
from smile_runtime.manifest import LabelColumn
from smile_runtime.results.anndata_fields import earlier_fields, label_codes, label_keys, term_column, written_fields
from smile_runtime.results.cluster_labels import cluster_columns
from smile_runtime.results.requested_fields import Field, fields_on_request
from smile_runtime.results.results import Projection

CHUNK_BYTES = 2**20  # size of a stored chunk, which HDF5 caches until it is complete


def write_stored(table: StoredGroup, projection: Projection, key_added: str) -> None:
    """Write a projection into a stored table of cells, which has ``obs``; its other fields are left alone."""
    from anndata.io import read_elem, write_elem

    obs = table["obs"]
    for group in ("obsm", "uns"):
        if group not in table:
            write_elem(table, group, {})
    earlier = read_elem(table["uns"][key_added]) if key_added in table["uns"] else None
    written = written_fields(projection, key_added)
    for group, key in {*earlier_fields(key_added, earlier), *written}:
        if key in table[group]:
            del table[group][key]
    _write_array(table["obsm"], f"X_{key_added}", projection, _getter("embedding"))
    _write_array(table["obsm"], f"X_{key_added}_map", projection, _getter("map"))
    names = label_keys(key_added, projection.column_names)
    for index, (column, keys) in enumerate(zip(projection.columns, names, strict=False)):
        _write_labels(obs, keys.label, projection, _getter("label", index), column)
        _write_labels(obs, keys.nearest_label, projection, _getter("nearest", index), column)
        _write_array(obs, keys.confidence, projection, _getter("confidence", index))
        if terms := term_column(column, projection.ontology):
            _write_labels(obs, keys.term, projection, _getter("label", index), terms)
    if projection.has_similarity:
        _write_array(obs, f"{key_added}_similarity", projection, _getter("similarity"))
    if projection.probabilities:
        _write_array(table["obsm"], f"{key_added}_probabilities", projection, _getter("probability"))
    for key, field in fields_on_request(projection, key_added).items():
        if field(next(projection.results.blocks())).dtype == object:
            _write_texts(obs, key, projection, field)
        else:
            _write_array(obs, key, projection, field)
    _set_order(obs, [key for _, key in written])
    write_elem(table["uns"], key_added, projection.provenance)
    if projection.clusters is not None:
        write_elem(table["uns"], f"{key_added}_clusters", cluster_columns(projection.clusters))


def _getter(name: str, column: int | None = None) -> Field:
    return lambda records: records[name] if column is None else records[name][:, column]


def _write_array(group: StoredGroup, key: str, projection: Projection, field: Field) -> None:
    """Write a field of all records in anndata's array format."""
    blocks = projection.results.blocks()
    first = field(next(blocks))
    shape = (len(projection.results), *first.shape[1:])
    n_rows = max(1, CHUNK_BYTES // first[0].nbytes)
    chunks = (min(n_rows, len(projection.results)), *first.shape[1:])
    create = getattr(group, "create_array", None) or group.create_dataset  # zarr and h5py name it differently
    array = create(key, shape=shape, dtype=first.dtype, chunks=chunks)
    array.attrs["encoding-type"], array.attrs["encoding-version"] = "array", "0.2.0"
    start = 0
    for values in _regrouped(chain([first], map(field, blocks)), n_rows):
        array[start : start + len(values)] = values
        start += len(values)


def _regrouped(blocks: Iterable[NDArray[Any]], n_rows: int) -> Iterator[NDArray[Any]]:
    """Yield the rows of all blocks in multiples of ``n_rows``, except for the last ones."""
    held: list[NDArray[Any]] = []
    for block in blocks:
        held.append(block.copy())  # the block may be a view of a larger array
        if (n := sum(map(len, held))) >= n_rows:
            rows = np.concatenate(held)
            yield rows[: n - n % n_rows]
            held = [rows[n - n % n_rows :].copy()]
    if any(map(len, held)):
        yield np.concatenate(held)


def _write_labels(group: StoredGroup, key: str, projection: Projection, label_ids: Field, column: LabelColumn) -> None:
    """Write the labels of one label column in anndata's categorical format."""
    categories, codes = label_codes(map(label_ids, projection.results.blocks()), column)
    _write_categories(group, key, projection, categories, lambda records: codes[label_ids(records)])


def _write_texts(group: StoredGroup, key: str, projection: Projection, field: Field) -> None:
    """Write the texts of a field in anndata's categorical format."""
    categories = sorted({text for records in projection.results.blocks() for text in set(field(records))})
    code = {text: index for index, text in enumerate(categories)}
    _write_categories(
        group, key, projection, categories, lambda records: np.array([code[text] for text in field(records)])
    )


def _write_categories(
    group: StoredGroup, key: str, projection: Projection, categories: list[str], codes: Field
) -> None:
    """Write a field that is given by the codes of its categories."""
    import pandas as pd
    from anndata.io import write_elem

    write_elem(group, key, pd.Categorical([], categories=categories))
    del group[key]["codes"]
    kind = np.min_scalar_type(-len(categories))
    _write_array(group[key], "codes", projection, lambda records: codes(records).astype(kind))


def _set_order(obs: StoredGroup, added: Sequence[str]) -> None:
    """Update the column order that a stored data frame keeps."""
    order = attribute_texts(obs.attrs["column-order"])
    kept = [name for name in order if name in obs and name not in added]
    obs.attrs["column-order"] = [*kept, *(name for name in added if name in obs)]
