"""Projection of damaged zarr stores: bytes flipped, files lost or cut, and metadata edited, in real stores.

A damaged store should give an error of one line, or the results of the undamaged one. Chunks have no checksum by
default, so tries that change chunks alone are counted separately.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import scipy
import zarr
from projection_worker import Try, Worker, count, judge, run
from queries import DATA, N_CELLS

Generator = np.random.Generator
METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
ODD_VALUES = (None, -1, 0, 10**15, "", "x", "pickle", True, [], {}, [1, 2, 3], {"id": "pickle"}, {"name": "pickle"})


def write_bases(folder: Path) -> list[Path]:
    """Write the undamaged stores: sparse and dense, in both formats of zarr."""
    cells = anndata.read_h5ad(DATA, backed="r")[:N_CELLS].to_memory()
    cells.obs["batch"] = np.where(np.arange(N_CELLS) % 2, "a", "b")
    counts = scipy.sparse.csr_matrix(cells.X)
    paths = []
    for form, X in (("csr", counts), ("csc", counts.tocsc()), ("dense", counts.toarray())):
        for version in (2, 3):
            cells.X = X
            paths.append(folder / f"{form}-{version}.zarr")
            anndata.settings.zarr_write_format = version
            cells.write_zarr(paths[-1])
    zarr.consolidate_metadata(paths[0])
    return paths


# Damage


def _files(store: Path, *, metadata: bool | None = None) -> list[Path]:
    files = sorted(path for path in store.rglob("*") if path.is_file())
    return [path for path in files if metadata is None or (path.name in METADATA) == metadata]


def _any(rng: Generator, options: list[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def _flip_bit(store: Path, rng: Generator) -> str:
    path = _any(rng, [path for path in _files(store) if path.stat().st_size])
    content = bytearray(path.read_bytes())
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    return str(path.relative_to(store))


def _truncate(store: Path, rng: Generator) -> str:
    path = _any(rng, _files(store))
    path.write_bytes(path.read_bytes()[: int(rng.integers(path.stat().st_size + 1))])
    return str(path.relative_to(store))


def _delete_file(store: Path, rng: Generator) -> str:
    path = _any(rng, _files(store))
    path.unlink()
    return str(path.relative_to(store))


def _delete_folder(store: Path, rng: Generator) -> str:
    path = _any(rng, sorted(path for path in store.rglob("*") if path.is_dir()))
    shutil.rmtree(path)
    return str(path.relative_to(store))


def _swap_files(store: Path, rng: Generator) -> str:
    one, other = _any(rng, _files(store)), _any(rng, _files(store))
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    return f"{one.relative_to(store)} and {other.relative_to(store)}"


def _edit_metadata(store: Path, rng: Generator) -> str:
    path = _any(rng, _files(store, metadata=True))
    document = json.loads(path.read_text("utf-8"))
    steps: list[Any] = []
    parent, node = None, document
    while isinstance(node, dict | list) and node and (not steps or rng.random() < 0.8):
        steps.append(_any(rng, list(node) if isinstance(node, dict) else list(range(len(node)))))
        parent, node = node, node[steps[-1]]
    if parent is None:
        return "nothing"
    if rng.random() < 0.3:
        del parent[steps[-1]]
    else:
        parent[steps[-1]] = _any(rng, list(ODD_VALUES))
    path.write_text(json.dumps(document), "utf-8")
    return f"{path.relative_to(store)}: {'.'.join(map(str, steps))}"


DAMAGES: tuple[Callable[[Path, Generator], str], ...] = (
    *(_flip_bit, _truncate, _delete_file, _delete_folder, _swap_files, _edit_metadata, _edit_metadata, _edit_metadata),
)


def _only_chunks_changed(store: Path, base: Path) -> bool:
    old, new = (
        {path.relative_to(each): path.read_bytes() for path in _files(each, metadata=True)} for each in (base, store)
    )
    return old == new


def tries(n: int, seed: int, folder: Path) -> Iterator[Try]:
    """Yield the outcome, the damage and the details of each try."""
    worker, bases = Worker(), write_bases(folder)
    expected = {base: worker.project(base) for base in bases}
    for number in range(n):
        rng = np.random.default_rng((seed, number))
        base, damage = _any(rng, bases), _any(rng, list(DAMAGES))
        path = folder / "damaged.zarr"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(base, path)
        what = f"{number} {base.stem} {damage.__name__.strip('_')}: {damage(path, rng)}"
        kind, detail = judge(worker, path, expected[base][1], partial(_only_chunks_changed, path, base))
        yield kind, what, detail


def main(n: int, seed: int) -> int:
    """Project ``n`` damaged stores, and return the number of bad outcomes."""
    return count("queries in zarr", tries, n, seed)


if __name__ == "__main__":
    run(main)
