"""Write the golden labels of packaged spaces: what about 100 real cells are labeled.

    python tests/golden/golden_labels.py [NAME ...] [--data FOLDER]

Each encoder of a packaged space has a table, ``SPACE/MODALITY.tsv``, of cells drawn evenly from its own data files;
``DEMO_SPACE/demo.tsv`` is of the packaged demo query. `test_golden_labels.py` compares them.
"""

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata

from smile_runtime import Space, open_space, project
from smile_runtime.manifest import read_manifest

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent
SPACES = ROOT / "zoo/smile_zoo/spaces"
DEMO = ROOT / "zoo/smile_zoo/demo/query.h5ad"
DEMO_SPACE = "pbmc"
N_CELLS = 100
MAX_CONFIDENCE_DIFFERENCE = 0.011  # the tables have two digits

Table = list[list[str]]
"""Rows of text under a header: the cell, then the fields of each label column."""


@dataclass(frozen=True)
class GoldenQuery:
    """A query of which the labels are kept.

    Attributes
    ----------
    space
        Name of the packaged space.
    name
        Name of the table.
    modality
        Modality of the encoder.
    paths
        Query files; relative ones are in the data folder.
    layer
        Layer with the values; None for ``X``.
    """

    space: str
    name: str
    modality: str
    paths: tuple[Path, ...]
    layer: str | None = None

    def __str__(self) -> str:
        """Return the name for messages."""
        return f"{self.space}/{self.name}"

    @property
    def table(self) -> Path:
        """File of the golden labels."""
        return GOLDEN / self.space / f"{self.name}.tsv"

    @property
    def needs_data(self) -> bool:
        """Whether the query is in the data folder, and not in the package."""
        return not all(path.is_absolute() for path in self.paths)

    def labels(self, data: Path) -> Table:
        """Project every n-th cell of the files, one file after another, and return the labels."""
        space = open_space(SPACES / self.space, device="cpu")
        queries = [anndata.read_h5ad(data / path, backed="r") for path in self.paths]
        step = max(1, sum(query.n_obs for query in queries) // N_CELLS)
        rows: Table = []
        for query in queries:
            header, *more = self._project(query[::step].to_memory(), space)
            query.file.close()
            rows += more
        return [header, *rows]

    def _project(self, cells: anndata.AnnData, space: Space) -> Table:
        own = set(cells.obs)
        project(cells, space, modality=self.modality, layer=self.layer)
        follows = [key for key in cells.obs if key == "smile_similarity" or "ontology_term" in key]  # from other fields
        added = cells.obs[[key for key in cells.obs if key not in own and key not in follows]]
        columns = [added[key].map("{:.2f}".format) if added[key].dtype.kind == "f" else added[key] for key in added]
        return [["cell", *added], *map(list, zip(cells.obs_names, *columns, strict=True))]


def golden_queries(names: Sequence[str] = ()) -> Iterator[GoldenQuery]:
    """Yield the queries of these packaged spaces; of all if there are no names."""
    for space in sorted(path.parent for path in SPACES.glob("*/config.json")):
        if names and space.name not in names:
            continue
        for modality, record in read_manifest(space).recipe["modalities"].items():
            paths = record["data"]["path"]
            files = tuple(map(Path, [paths] if isinstance(paths, str) else paths))
            yield GoldenQuery(space.name, modality, modality, files, record["data"]["layer"])
        if space.name == DEMO_SPACE:
            yield GoldenQuery(space.name, "demo", "rna", (DEMO,))


def read_table(path: Path) -> Table:
    """Read golden labels."""
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()]


def differing_rows(golden: Table, found: Table) -> list[tuple[list[str], list[str]]]:
    """Return the rows that differ in the cell, in a label, or in a confidence by more than rounding explains."""
    return [(old, new) for old, new in zip(golden, found, strict=True) if not _agree(old, new, golden[0])]


def _agree(old: list[str], new: list[str], header: list[str]) -> bool:
    return len(old) == len(new) and all(
        a == b or ("confidence" in key and abs(float(a) - float(b)) <= MAX_CONFIDENCE_DIFFERENCE)
        for key, a, b in zip(header, old, new, strict=True)
    )


def main() -> None:
    """Write the tables of the named spaces, or of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="packaged spaces [default: all]")
    data = Path(os.environ.get("SMILE_ZOO_DATA", ROOT.parent / "shared/data"))
    parser.add_argument("--data", type=Path, default=data, help=f"folder of the data files [default: {data}]")
    arguments = parser.parse_args()
    for name in arguments.names or [path.name for path in GOLDEN.iterdir() if path.is_dir()]:
        shutil.rmtree(GOLDEN / name, ignore_errors=True)  # also of a space that is not packaged any more
    for query in golden_queries(arguments.names):
        query.table.parent.mkdir(exist_ok=True)
        text = "".join("\t".join(row) + "\n" for row in query.labels(arguments.data))
        query.table.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
