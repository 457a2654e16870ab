"""Compare our co-inertia axes with ade4's on its published example, `escopage` (needs R with r-cran-ade4).

python benchmarks/peers/check_mcia.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).with_name("methods")))
from multiple_coinertia import coinertia_axes

SCRIPT = """
suppressPackageStartupMessages(library(ade4)); data(escopage)
values <- data.frame(scale(escopage$tab)); table <- ktab.data.frame(values, escopage$blo)
found <- mcoa(table, "lambda1", scannf = FALSE, nf = 3)
folder <- commandArgs(trailingOnly = TRUE)
write.table(values, file.path(folder, "values"), row.names = FALSE, col.names = FALSE)
write.table(found$axis, file.path(folder, "axes"), row.names = FALSE, col.names = FALSE)
write.table(found$pseudoeig[1:3], file.path(folder, "eigenvalues"), row.names = FALSE, col.names = FALSE)
write.table(escopage$blo, file.path(folder, "sizes"), row.names = FALSE, col.names = FALSE)
"""


def main() -> None:
    """Print the largest differences."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["Rscript", "-e", SCRIPT, folder], check=True)
        values, axes, eigenvalues, sizes = (
            np.loadtxt(Path(folder) / name) for name in ("values", "axes", "eigenvalues", "sizes")
        )
    ends = np.cumsum(sizes.astype(int))[:-1]
    tables = np.split(values, ends, axis=1)
    ours, singular = coinertia_axes(tables, 3)
    worst = 0.0
    for own, other in zip(ours, np.split(axes, ends), strict=True):
        own = own / np.linalg.norm(own, axis=0)
        worst = max(worst, float(np.abs(np.abs(own) - np.abs(other)).max()))
    print(f"axes differ by up to {worst:.1e}, eigenvalues by {np.abs(singular**2 - eigenvalues).max():.1e}")


if __name__ == "__main__":
    main()
