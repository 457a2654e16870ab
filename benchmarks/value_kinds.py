"""Evidence from which values are recognized, on real counts under every transform that a query may come with.

Each line is a data set and what was done to its counts. It shows, in this order: the share of values that are whole
multiples of their cell's smallest one once each transform is undone (1.00 shows the transform, less than 0.1 is
chance); the median share of a cell's values that are near whole numbers; the median of a cell's largest value divided
by its median one; the share of frequent features with a standard deviation of 1; the correlation of a feature's
frequency and mean positive value; and the verdict for an encoder of expression.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import scipy

from smile_runtime.errors import ValueKindError
from smile_runtime.query import ValueInterpreter, sample_rows
from smile_runtime.query.value_evidence import EXACT_SD, TRANSFORMS, cell_shapes, frequent_features, multiple_share

COUNTS = (
    "pbmc_3chem_counts_unlabelled",
    "pbmc_ifnb_counts_unlabelled",
    "cell_lines_rna",
    "pbmc_3k_rna",
    "pbmc_zheng_facs_rna",
    "fetal_7tissues_rna",
    "mouse_skin_rna",
    "mouse_marrow_rna",
    "mouse_cortex_snare_rna",
    "pairedtag_rna",
    "bmmc_cite_A_rna",
    "bmmc_cite_A_adt",
    "pbmc_10k_cite_adt",
)
AS_THEY_ARE = ("pbmc_rna", "a549_rna", "scgem_rna", "pancreas_rna", "pancreas_celseq_rna")
N_VARIABLE = 2000
N_CELLS = 1000


def variants(counts: np.ndarray, seed: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a name and the values of each way to process counts, shape ``(n, n_vars)``, float32."""
    rng = np.random.default_rng(seed)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    scaled = counts / total * 1e4
    size_factor = total / total.mean() * np.exp(rng.normal(0, 0.2, total.shape))
    length = np.exp(rng.normal(7.5, 0.8, counts.shape[1]))
    tpm = counts / length / np.maximum((counts / length).sum(axis=1, keepdims=True), 1e-12) * 1e6
    soup = counts.sum(axis=0) / counts.sum()
    variable = np.sort(np.argsort(np.log1p(scaled).var(axis=0))[-N_VARIABLE:])
    yield "counts", counts
    for name, values in (("1e4", scaled), ("1e6", scaled * 100), ("median", scaled * np.median(total) / 1e4)):
        yield f"ln {name}", np.log1p(values)
        yield f"ln {name}, variable", np.log1p(values)[:, variable]
    yield "ln 1e4, float16", np.log1p(scaled).astype(np.float16)
    yield "ln 1e4, 3 decimals", np.log1p(scaled).round(3)
    yield "log2 1e4", np.log2(1 + scaled)
    yield "log10 1e4", np.log10(1 + scaled)
    yield "log10 1e4, variable", np.log10(1 + scaled)[:, variable]
    yield "ln twice", np.log1p(np.log1p(scaled))
    yield "log2 size factors", np.log2(1 + counts / size_factor)
    yield "1e4, no logarithm", scaled
    yield "arcsinh / 5", np.arcsinh(counts / 5)
    yield "square root", np.sqrt(counts)
    yield "clr", np.log1p(counts / np.exp(np.log1p(counts).mean(axis=1, keepdims=True)))
    sd = np.maximum(np.log1p(scaled).std(axis=0, ddof=1), 1e-12)
    yield "scaled, not centered", np.minimum(np.log1p(scaled) / sd, 10)
    yield "soup subtracted", np.maximum(counts - 0.1 * total * soup, 0)
    yield "TPM", tpm
    yield "ln TPM", np.log1p(tpm)
    yield "ln TPM, variable", np.log1p(tpm)[:, variable]
    yield "log2 TPM", np.log2(1 + tpm)


def verdict(values: scipy.sparse.csr_matrix) -> str:
    """Return the interpretation of values for an encoder of expression, or the start of the refusal."""
    try:
        interpretation = ValueInterpreter(accepted="expression", target_sum=1e4).interpret(values)
    except ValueKindError as error:
        return f"refused: {error.message[:50]}"
    undone = "" if interpretation.undone is None else f", {interpretation.undone}"
    return f"{interpretation.kind}{undone}{'' if not interpretation.remarks else ', with a remark'}"


def measure(values: np.ndarray) -> dict[str, object]:
    """Return the evidence of values, shape ``(n, n_vars)``."""
    matrix = scipy.sparse.csr_matrix(values.astype(np.float32))
    sample = sample_rows(matrix)
    shapes, features = cell_shapes(sample), frequent_features(sample)
    return {
        **{str(each): multiple_share(sample, each) for each in TRANSFORMS},
        "near whole": float(np.median(shapes.near_whole)),
        "dynamic range": float(np.median(shapes.dynamic_range)),
        "unit sd": float(np.mean((features.sd >= EXACT_SD[0]) & (features.sd <= EXACT_SD[1]))),
        "correlation": features.correlation,
        "verdict": verdict(matrix),
    }


def read(path: Path) -> np.ndarray:
    """Return the values of at most 1,000 cells, chosen at random, shape ``(n, n_vars)``."""
    adata = anndata.read_h5ad(path)
    rows = np.sort(np.random.default_rng(0).permutation(adata.n_obs)[:N_CELLS])
    return scipy.sparse.csr_matrix(adata.X[rows]).toarray().astype(np.float64)


def main() -> None:
    """Print a line for each data set and variant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", nargs="*", default=[*COUNTS, *AS_THEY_ARE], help="data sets to measure")
    parser.add_argument("--json", action="store_true", help="print a JSON object per line")
    args = parser.parse_args()
    for name in args.sets:
        values = read(args.data / f"{name}.h5ad")
        for variant, each in variants(values) if name in COUNTS else [("as it is", values)]:
            result = measure(each)
            if args.json:
                print(json.dumps({"set": name, "variant": variant, **result}), flush=True)
            else:
                figures = " ".join(f"{value:.2f}" for value in result.values() if isinstance(value, float))
                print(f"{name:28s} {variant:22s} {figures} {result['verdict']}", flush=True)


if __name__ == "__main__":
    main()
