"""CPU time and peak memory of building a reference: ours beside Symphony, CellTypist and scVI with scANVI.

All read the simulated file of ``training_scale.py``, each in a process of its own on one thread, from the start to a
trained reference; imports count. Every peer follows its documented workflow at its default settings:

- smile-zoo: ``smile-zoo train FILE --labels cell_type --batch batch --no-evaluation``.
- Symphony: symphonypy's README; 2,000 variable genes by batch, scaling, 30 components, Harmony.
- CellTypist: its README's one-pass training (all genes, logistic regression, ``feature_selection = False``), and the
  two-pass training (``feature_selection = True``, 300 genes a type).
- scVI + scANVI: the tutorial of reference mapping; 2,000 variable genes by batch, scVI for as many epochs as scvi-tools
  chooses for the number of cells, scANVI for 20 epochs. Only ``--scvi-epochs`` epochs of scVI are run; its time is
  extrapolated from these, and marked so. ``--scvi-epochs 400`` runs all for up to 20,000 cells (about an hour).

Peers need packages that conflict, so each gets a virtual environment in FOLDER, of the Python at hand; with torch, an
installation takes 2 GB. What cannot be installed, fails, or takes too long gives a row with the reason. Runs on Linux.

    python benchmarks/training_peers.py FOLDER      (about 40 minutes)
"""

import argparse
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peer_process import measure_apart

from machine import cpu_model
from training_scale import measure_command, simulated_file

N_GENES = 2_000
SCANPY = ["scanpy==1.11.5", "anndata==0.12.19", "numpy==2.4.6", "pandas==2.3.3", "scipy==1.17.1"]


def symphony(path: Path, _: int) -> dict[str, float]:
    """Build a reference as in https://github.com/potulabe/symphonypy."""
    import scanpy as sc
    import symphonypy as sp

    adata = sc.read_h5ad(path)
    sc.pp.normalize_total(adata, target_sum=1e5)
    sc.pp.log1p(adata)
    sc.pp.highly_variable_genes(adata, batch_key="batch", n_top_genes=N_GENES)
    adata.raw = adata
    adata = adata[:, adata.var.highly_variable]
    sc.pp.scale(adata, max_value=10)
    sc.pp.pca(adata, n_comps=30, zero_center=False)
    sp.pp.harmony_integrate(adata, key="batch")
    return {}


def celltypist(path: Path, _: int, *, feature_selection: bool = False) -> dict[str, float]:
    """Train a model as in https://github.com/Teichlab/celltypist, "generate a custom model"."""
    import celltypist
    import scanpy as sc

    adata = sc.read_h5ad(path)
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    celltypist.train(adata, labels="cell_type", feature_selection=feature_selection)
    return {}


def celltypist_two_pass(path: Path, scvi_epochs: int) -> dict[str, float]:
    """Train a model on the genes that a first model selects."""
    return celltypist(path, scvi_epochs, feature_selection=True)


def scvi(path: Path, scvi_epochs: int) -> dict[str, float]:
    """Train a reference as in the tutorial "Reference mapping with scvi-tools"."""
    import scanpy as sc
    import scvi
    from scvi.model._utils import get_max_epochs_heuristic

    scvi.settings.seed = 0
    adata = sc.read_h5ad(path)
    adata.layers["counts"] = adata.X.copy()
    sc.pp.normalize_total(adata)
    sc.pp.log1p(adata)
    sc.pp.highly_variable_genes(adata, n_top_genes=N_GENES, batch_key="batch", subset=True)
    scvi.model.SCVI.setup_anndata(adata, batch_key="batch", layer="counts")
    reference = scvi.model.SCVI(
        adata, use_layer_norm="both", use_batch_norm="none", encode_covariates=True, dropout_rate=0.2, n_layers=2
    )
    all_epochs = get_max_epochs_heuristic(adata.n_obs)
    epochs = min(scvi_epochs, all_epochs)
    start = time.process_time()
    reference.train(max_epochs=epochs)
    trained = time.process_time()
    labeled = scvi.model.SCANVI.from_scvi_model(reference, unlabeled_category="Unknown", labels_key="cell_type")
    labeled.train(max_epochs=20, n_samples_per_label=100)
    return {
        "epochs": epochs,
        "all epochs": all_epochs,
        "scVI": (trained - start) / epochs * all_epochs,
        "scANVI": time.process_time() - trained,
        "not run": (trained - start) / epochs * (all_epochs - epochs),
    }


@dataclass(frozen=True)
class Peer:
    """A way to build a reference, and the packages that it needs."""

    name: str
    build: Callable[[Path, int], dict[str, float]]
    environment: str
    packages: list[str]


CELLTYPIST = ["celltypist==1.7.1", "scikit-learn==1.7.2", *SCANPY]  # later scikit-learn lacks the `multi_class` it sets
PEERS = {
    "symphony": Peer("Symphony", symphony, "symphony", ["symphonypy==0.2.4", "harmonypy==2.1.0", *SCANPY]),
    "celltypist": Peer("CellTypist", celltypist, "celltypist", CELLTYPIST),
    "scvi": Peer("scVI + scANVI", scvi, "scvi", ["scvi-tools==1.4.2", "torch==2.13.0", *SCANPY]),
    "celltypist-two-pass": Peer("CellTypist, two passes", celltypist_two_pass, "celltypist", CELLTYPIST),
}


def measure(name: str, path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of a peer, or why there are none."""
    peer = PEERS[name]
    command = [__file__, str(arguments.folder), "--build", name, "--file", str(path)]
    command += ["--scvi-epochs", str(arguments.scvi_epochs)]
    environment = arguments.folder / peer.environment
    row = {"packages": peer.packages, **measure_apart(command, environment, peer.packages, limit=arguments.limit)}
    if row.get("not run"):
        row |= {"measured CPU": row["CPU"], "CPU": row["CPU"] + row["not run"]}
    return row


def main() -> None:
    """Measure ours and every peer, one after another, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the file and the environments are made and kept")
    parser.add_argument("--file", type=Path, help="file to read instead of a simulated one")
    parser.add_argument("--cells", type=int, default=20_000, help="simulated cells")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--scvi-epochs", type=int, default=20, help="epochs of scVI that are run")
    parser.add_argument("--limit", type=int, default=1_200, help="CPU seconds that a peer may take")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--build", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.build:
        print(json.dumps(PEERS[arguments.build].build(arguments.file, arguments.scvi_epochs)))
        return
    path = arguments.file or simulated_file(arguments.folder, arguments.cells)
    ours = {"packages": [f"smile-zoo=={importlib.metadata.version('smile-zoo')}"]}
    rows = {"smile-zoo": {**ours, **measure_command([path], "--no-evaluation")}}
    for peer in arguments.peers:
        print(f"{PEERS[peer].name} ...", file=sys.stderr)
        rows[PEERS[peer].name] = measure(peer, path, arguments)
    report(rows, as_json=arguments.json)


def report(rows: dict[str, dict[str, Any]], *, as_json: bool) -> None:
    """Print a table, or JSON."""
    if as_json:
        print(json.dumps({"processor": cpu_model(), "rows": rows}))
        return
    print(cpu_model(), "\n\n| reference by | version | CPU time | peak memory |\n|---|---|---|---|")
    for name, row in rows.items():
        figures = f"{row['reason']} | " if "reason" in row else f"{row['CPU']:,.0f} s | {row['peak, MB'] / 1e3:.2f} GB"
        if row.get("not run"):
            epochs = f"{row['epochs']} of {row['all epochs']} epochs of scVI"
            figures = f"about {row['CPU']:,.0f} s, extrapolated: {epochs} were run | {row['peak, MB'] / 1e3:.2f} GB"
        print(f"| {name} | {row['packages'][0].partition('==')[2]} | {figures} |")


if __name__ == "__main__":
    main()
