"""Projection of damaged query files: bytes flipped, lost or overwritten, and structures edited, in real h5ad files.

Each try damages a copy of a file and projects it in a process that is used again until it crashes or does not end. A
damaged file should give an error of one line, or the results of the undamaged file. HDF5 keeps no checksums by default,
so a changed number in uncompressed values is silent; such tries are counted separately.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anndata
import h5py
import numpy as np
import scipy
from projection_worker import Try, Worker, count, judge, run

DATA = Path(os.environ.get("SMILE_ZOO_DATA", Path(__file__).parents[2] / "../shared/data")) / "pbmc_6k8k_rna.h5ad"
N_CELLS = 60
SECONDS = 60
FORMS = {"csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix, "dense": lambda X: X.toarray()}
COMPRESSIONS = ("gzip", "lzf", None)
Generator = np.random.Generator


def write_bases(folder: Path) -> list[Path]:
    """Write the undamaged files: each form of X with each compression."""
    cells = anndata.read_h5ad(DATA, backed="r")[:N_CELLS].to_memory()
    cells.obs["batch"] = np.where(np.arange(N_CELLS) % 2, "a", "b")
    cells.obsm["X_pca"] = np.ones((N_CELLS, 5), np.float32)
    cells.uns["note"] = {"text": "kept", "numbers": np.arange(7)}
    paths = []
    counts = scipy.sparse.csr_matrix(cells.X)
    for (form, convert), compression in itertools.product(FORMS.items(), COMPRESSIONS):
        cells.X = convert(counts)
        paths.append(folder / f"{form}-{compression}.h5ad")
        cells.write_h5ad(paths[-1], compression=compression)
    return paths


# Damage to bytes


def _flip_bit(path: Path, rng: Generator) -> str:
    return _overwrite(path, rng, 1, lambda old: bytes([old[0] ^ (1 << int(rng.integers(8)))]))


def _flip_metadata_bit(path: Path, rng: Generator) -> str:
    """Flip a bit outside of the values, which are most of a file."""
    values = _value_ranges(path)
    while True:
        offset = int(rng.integers(path.stat().st_size))
        if not any(start <= offset < stop for start, stop in values):
            return _overwrite(path, rng, 1, lambda old: bytes([old[0] ^ (1 << int(rng.integers(8)))]), offset)


def _zero_range(path: Path, rng: Generator) -> str:
    return _overwrite(path, rng, int(rng.choice([8, 64, 512, 4096])), lambda old: bytes(len(old)))


def _randomize_range(path: Path, rng: Generator) -> str:
    return _overwrite(path, rng, int(rng.choice([1, 2, 4, 8, 64])), lambda old: rng.bytes(len(old)))


def _randomize_metadata(path: Path, rng: Generator) -> str:
    values = _value_ranges(path)
    while True:
        offset = int(rng.integers(path.stat().st_size))
        if not any(start <= offset < stop for start, stop in values):
            return _overwrite(path, rng, int(rng.choice([1, 2, 4, 8])), lambda old: rng.bytes(len(old)), offset)


def _truncate(path: Path, rng: Generator) -> str:
    size = int(rng.integers(path.stat().st_size))
    os.truncate(path, size)
    return f"truncated to {size}"


def _overwrite(
    path: Path, rng: Generator, n_bytes: int, change: Callable[[bytes], bytes], offset: int | None = None
) -> str:
    offset = int(rng.integers(path.stat().st_size)) if offset is None else offset
    with path.open("r+b") as file:
        file.seek(offset)
        old = file.read(n_bytes)
        file.seek(offset)
        file.write(change(old))
    return f"{len(old)} bytes at {offset}"


def _value_ranges(path: Path) -> list[tuple[int, int]]:
    """Return the places of the values of numeric datasets in a file."""
    ranges = []

    def collect(_name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and not item.dtype.hasobject:
            if item.chunks:
                item.id.chunk_iter(lambda each: ranges.append((each.byte_offset, each.byte_offset + each.size)))
            elif (offset := item.id.get_offset()) is not None:
                ranges.append((offset, offset + item.id.get_storage_size()))

    with h5py.File(path) as file:
        file.visititems(collect)
    return ranges


# Damage to the structure


def _delete_item(path: Path, rng: Generator) -> str:
    with h5py.File(path, "r+") as file:
        name = _any_item(file, rng)
        del file[name]
    return f"deleted {name}"


def _delete_attribute(path: Path, rng: Generator) -> str:
    with h5py.File(path, "r+") as file:
        name, key = _any_attribute(file, rng)
        del file[name].attrs[key]
    return f"deleted {name}@{key}"


def _replace_attribute(path: Path, rng: Generator) -> str:
    with h5py.File(path, "r+") as file:
        name, key = _any_attribute(file, rng)
        value = _values(rng)
        file[name].attrs[key] = value
    return f"set {name}@{key} to {value!r}"


def _replace_item(path: Path, rng: Generator) -> str:
    with h5py.File(path, "r+") as file:
        name = _any_item(file, rng)
        attributes = dict(file[name].attrs)
        del file[name]
        value = _values(rng)
        file[name] = value
        if rng.integers(2):
            file[name].attrs.update(attributes)
    return f"set {name} to {value!r}"


def _link_item(path: Path, rng: Generator) -> str:
    with h5py.File(path, "r+") as file:
        name = _any_item(file, rng)
        del file[name]
        others = [*_items(file), "/", "/nowhere", name]
        link = [
            lambda: h5py.SoftLink(str(rng.choice(others))),
            lambda: h5py.ExternalLink("other.h5", "/X"),
            lambda: file[str(rng.choice(_items(file)))],
        ][int(rng.integers(3))]()
        file[name] = link
    return f"linked {name} to {link!r}"


def _unwritten_item(path: Path, rng: Generator) -> str:
    with h5py.File(path, "r+") as file:
        name = str(rng.choice([each for each in _items(file) if isinstance(file[each], h5py.Dataset)]))
        item, attributes = file[name], dict(file[name].attrs)
        shape, dtype = item.shape, item.dtype
        if shape and rng.integers(2):
            shape = tuple(int(rng.choice([n, 10**6 + n, 10**15])) for n in shape)
        del file[name]
        chunks = tuple(min(n, 1000) for n in shape) if shape and 0 not in shape else None
        file.create_dataset(name, shape, dtype, chunks=chunks).attrs.update(attributes)
    return f"unwritten {name} of shape {shape}"


def _change_element(path: Path, rng: Generator) -> str:
    with h5py.File(path, "r+") as file:
        names = ["X/indptr", "X/indices", "obs/batch/codes", "var/_index", "obs/_index"]
        name = str(rng.choice([each for each in names if each in file]))
        position = int(rng.integers(len(file[name])))
        if file[name].dtype.hasobject:
            value: object = bytes([0xFF, 0xFE]) if rng.integers(2) else "x" * 10**5
        else:
            limits = np.iinfo(file[name].dtype)
            value = int(rng.choice([-1, 0, 1, limits.min, limits.max, 10**2]))
        file[name][position] = value
    return f"set {name}[{position}] to {str(value)[:20]}"


def _items(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return names


def _any_item(file: h5py.File, rng: Generator) -> str:
    return str(rng.choice(_items(file)))


def _any_attribute(file: h5py.File, rng: Generator) -> tuple[str, str]:
    pairs = [(name, key) for name in _items(file) for key in file[name].attrs]
    return pairs[int(rng.integers(len(pairs)))]


def _values(rng: Generator) -> object:
    choices = (
        "text",
        b"\xff\xfe",
        -1,
        10**18,
        1.5,
        True,
        np.zeros((2, 3)),
        np.zeros(0),
        np.arange(60),
        np.array([10**15, 10**15]),
        np.array(["a", "b"], dtype="S1"),
        h5py.Empty("f4"),
        np.array([1 + 2j]),
        np.zeros(3, dtype=[("a", "i4"), ("b", "S3")]),
    )
    return choices[int(rng.integers(len(choices)))]


DAMAGES = (
    _flip_bit,
    _flip_metadata_bit,
    _flip_metadata_bit,
    _randomize_metadata,
    _randomize_metadata,
    _zero_range,
    _randomize_range,
    _truncate,
    _delete_item,
    _delete_attribute,
    _replace_attribute,
    _replace_item,
    _link_item,
    _unwritten_item,
    _change_element,
)


def tries(n: int, seed: int, folder: Path) -> Iterator[Try]:
    """Yield the outcome, the damage and the details of each try."""
    worker, bases = Worker(), write_bases(folder)
    expected = {base: worker.project(base) for base in bases}
    for number in range(n):
        rng = np.random.default_rng((seed, number))
        base, damage = bases[int(rng.integers(len(bases)))], DAMAGES[int(rng.integers(len(DAMAGES)))]
        path = folder / "damaged.h5ad"
        path.write_bytes(base.read_bytes())
        what = f"{number} {base.stem} {damage.__name__.strip('_')}: {damage(path, rng)}"
        kind, detail = judge(worker, path, expected[base][1], partial(_only_values_changed, path, base))
        yield kind, what, detail


def _only_values_changed(path: Path, base: Path) -> bool:
    """Return whether two files of the same size differ in uncompressed values alone."""
    old, new = (np.frombuffer(each.read_bytes(), np.uint8) for each in (base, path))
    if len(old) != len(new):
        return False
    ranges = _value_ranges(base)
    return all(any(start <= offset < stop for start, stop in ranges) for offset in np.flatnonzero(old != new))


def main(n: int, seed: int) -> int:
    """Project ``n`` damaged files, and return the number of bad outcomes."""
    return count("queries in HDF5", tries, n, seed)


if __name__ == "__main__":
    run(main)
