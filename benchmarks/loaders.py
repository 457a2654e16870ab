"""Cells per CPU second read as dense mini-batches of 512 random cells and 2,000 genes, for a training without a stem.

Ours holds the selected genes of all cells in memory as sparse rows and makes those of a batch dense. Beside it, batches
from the file: by h5py, a row at a time; by scDataset, blocks of 16, 64 and 256 cells, 16 batches at a time (its
default); by annbatch from its own format (``chunk_size=32, preload_nchunks=256``, as in its README), converted before.
The latter two mix 8,192 cells of random blocks. All read 20,000 genes and select before values are made dense. One
thread, warm page cache, opening not counted. scDataset and annbatch get an environment each in FOLDER; annbatch needs
Python 3.12, given by ``--annbatch-python``.

    python benchmarks/loaders.py FOLDER      (about 5 minutes, after making the file)
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anndata
import h5py
import numpy as np
import scipy

from machine import cpu_model
from peers.environments import PeerError, make_environment, measure_process
from training_scale import make_recipe, simulated_file

BATCH = 512
SCDATASET, ANNBATCH = ["scdataset==0.3.0", "torch==2.13.0", "anndata==0.12.19"], ["annbatch[zarrs]==0.3.1"]


def random_rows(n_cells: int) -> np.ndarray:
    """Return the rows of batches of random cells, shape ``(n_batches, BATCH)``."""
    return np.random.default_rng(0).permutation(n_cells)[: n_cells // BATCH * BATCH].reshape(-1, BATCH)


def h5py_rows(path: Path) -> Iterator[scipy.sparse.csr_matrix]:
    """Yield a few batches whose rows are read one by one."""
    X = h5py.File(path)["X"]
    indptr = X["indptr"][:]
    for rows in random_rows(len(indptr) - 1)[:8]:
        slices = [slice(*indptr[row : row + 2]) for row in np.sort(rows)]
        data, indices = (np.concatenate([X[name][part] for part in slices]) for name in ("data", "indices"))
        ends = np.cumsum([0, *(part.stop - part.start for part in slices)])
        yield scipy.sparse.csr_matrix((data, indices, ends), (BATCH, X.attrs["shape"][1]))


def scdataset(path: Path, block_size: int) -> Iterator[scipy.sparse.csr_matrix]:
    """Return batches from blocks of consecutive cells."""
    from scdataset import BlockShuffling, scDataset

    adata, blocks = anndata.read_h5ad(path, backed="r"), BlockShuffling(block_size=block_size)
    return iter(scDataset(adata, blocks, BATCH, fetch_callback=lambda adata, rows: adata[rows].X, seed=0))


def annbatch(path: Path) -> Iterator[scipy.sparse.csr_matrix]:
    """Return batches from a store that annbatch has made of the file."""
    import zarr
    from annbatch import DatasetCollection, Loader

    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    collection = DatasetCollection(path.with_suffix(".zarr"))
    if collection.is_empty:
        collection.add_adatas([path])
    loader = Loader(batch_size=BATCH, chunk_size=32, preload_nchunks=256, shuffle=True, rng=np.random.default_rng(0))
    loader.use_collection(collection, load_adata=lambda group: anndata.AnnData(anndata.io.sparse_dataset(group["X"])))
    return (batch["X"] for batch in loader)


OTHERS = {
    "h5py, row by row": (h5py_rows, []),
    **{f"scDataset, blocks of {size}": (partial(scdataset, block_size=size), SCDATASET) for size in (16, 64, 256)},
    "annbatch": (annbatch, ANNBATCH),
}
"""Sparse batches of all genes, and the packages that they need beyond ours."""


def speed(batches: Iterator[np.ndarray]) -> float:
    """Return the cells read per CPU second."""
    start = time.process_time()
    return sum(map(len, batches)) / (time.process_time() - start)


def measure_ours(path: Path) -> dict[str, float]:
    """Return the speed of our batches and the memory that cells take, and save the selected genes."""
    from smile_runtime.arrays import dense
    from smile_training.data import read_dataset
    from smile_training.model import fit_preprocessing, select_features, transform_cells

    recipe = make_recipe(path, "published")
    modality = recipe.modalities["rna"]
    cells = read_dataset(recipe, path.parent).cells["rna"]
    cells = select_features(cells, modality.data, modality.preprocessing)
    np.save(path.with_suffix(".npy"), [int(name.removeprefix("gene")) for name in cells.features])
    rows = transform_cells(cells, fit_preprocessing(cells, modality.preprocessing))
    arrays = (cells.raw.data, rows.data, rows.indices, rows.indptr)  # counts share their indices with `rows`
    batches = (dense(rows[batch]) for batch in random_rows(len(cells)))
    return {"cells/s": speed(batches), "bytes a cell": sum(array.nbytes for array in arrays) / len(cells)}


def main() -> None:
    """Measure ours and the others, one after another, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the file and the environments are kept")
    parser.add_argument("--annbatch-python", default=sys.executable, help="Python 3.12 or later")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    path = simulated_file(arguments.folder, 100_000)
    if arguments.measure:
        batches, genes = OTHERS[arguments.measure][0](path), np.load(path.with_suffix(".npy"))
        print(json.dumps({"cells/s": speed(batch[:, genes].toarray() for batch in batches)}))
        return
    rows = {"sparse rows in memory (ours)": measure_ours(path)}
    for name, (_, packages) in OTHERS.items():
        python = arguments.annbatch_python if packages is ANNBATCH else sys.executable
        environment = arguments.folder / name.partition(",")[0]
        try:
            installed = make_environment(environment, packages, python)
            command = [installed, "-E", "-W", "ignore", __file__, str(arguments.folder), "--measure", name]
            rows[name] = json.loads(measure_process(command)[1].splitlines()[-1])
        except PeerError as error:
            rows[name] = {"reason": str(error)}
    if arguments.json:
        print(json.dumps({"processor": cpu_model(), "packages": [*SCDATASET, *ANNBATCH], "rows": rows}))
        return
    print(cpu_model(), "\n\n| batches from | cells per CPU second | bytes a cell in memory |\n|---|---|---|")
    for name, row in rows.items():
        memory = f"{row['bytes a cell']:,.0f}" if "bytes a cell" in row else ""
        print(f"| {name} | {row.get('reason') or format(row['cells/s'], ',.0f')} | {memory} |")


if __name__ == "__main__":
    main()
