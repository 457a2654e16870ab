"""Ensembl ids, current names and aliases of genes, and the recognition of other species."""

import subprocess
import sys

import pandas as pd
import pytest

from smile_runtime.features.ensembl_ids import ensembl_species, strip_version
from smile_runtime.features.gene_aliases import latin_name, load_gene_aliases
from smile_runtime.features.species_mismatch import find_species_mismatch, recognize_organism

HUMAN, MOUSE = "Homo sapiens", "Mus musculus"


@pytest.mark.parametrize(
    ("name", "gene"),
    [
        ("ENSG00000141510", "ENSG00000141510"),
        ("ENSG00000141510.18", "ENSG00000141510"),
        ("ENSG00000182378.15_PAR_Y", "ENSG00000182378"),
        ("ENSG00000182378_PAR_Y", "ENSG00000182378"),
        ("ENSGR0000182378.11", "ENSG00000182378"),
        ("ENSMUSG00000032094.9", "ENSMUSG00000032094"),
        ("RP11-34P13.7", "RP11-34P13.7"),
        ("AC003681.1", "AC003681.1"),
        ("ENSG00000141510-AS", "ENSG00000141510-AS"),
        ("ENST00000269305.9", "ENST00000269305.9"),
        ("ENSG0000014151.1", "ENSG0000014151.1"),
        ("", ""),
    ],
)
def test_version_is_stripped_from_ensembl_ids_only(name, gene):
    assert strip_version(name) == gene


def test_species_of_ensembl_ids():
    ids = ("ENSG00000141510.18", "ENSMUSG00000032094", "ENSRNOG00000010756", "ENSXXXG00000010756", "TP53")
    assert [ensembl_species(name) for name in ids] == [HUMAN, MOUSE, "Rattus norvegicus", None, None]


@pytest.mark.parametrize(("organism", "name"), [("human", HUMAN), ("homo sapiens", HUMAN), (" Mouse ", MOUSE)])
def test_organisms_get_their_latin_name(organism, name):
    assert latin_name(organism) == name


def test_other_organisms_have_no_aliases():
    assert load_gene_aliases("Danio rerio") is None
    assert load_gene_aliases("") is None


@pytest.mark.parametrize(
    ("organism", "name", "symbol"),
    [
        (HUMAN, "ENSG00000167286", "CD3D"),
        (HUMAN, "CD3D", "CD3D"),
        (HUMAN, "MARCH1", "MARCHF1"),
        (HUMAN, "ATP5A1", "ATP5F1A"),
        (HUMAN, "SEPT7", "SEPTIN7"),
        (HUMAN, "TAZ", "TAFAZZIN"),  # its former symbol, though also an alias of WWTR1
        (HUMAN, "HIST1H2AC", "H2AC6"),
        (MOUSE, "ENSMUSG00000032094", "Cd3d"),
        (MOUSE, "March1", "Marchf1"),
    ],
)
def test_genes_are_found_by_current_names_and_aliases(organism, name, symbol):
    assert load_gene_aliases(organism).find([name]).symbol == symbol


@pytest.mark.parametrize("name", ["Y_RNA", "U3", "Metazoa_SRP", "cd3d", "Cd3d", "p", ""])
def test_ambiguous_and_unknown_names_find_no_gene(name):
    assert load_gene_aliases(HUMAN).find([name]) is None


def test_a_gene_without_a_symbol_is_found_by_its_clone_name():
    gene = load_gene_aliases(HUMAN).find(["RP11-34P13.8"])
    assert gene.ensembl == "ENSG00000239945"


@pytest.mark.parametrize("organism", [HUMAN, MOUSE])
def test_each_name_stands_for_one_gene(organism):
    table = load_gene_aliases(organism)
    assert not set(table.by_current_name) & set(table.by_alias)
    genes = set(table.by_current_name.values())
    names = [name for gene in genes for name in (gene.ensembl, gene.symbol, *gene.aliases) if name]
    assert len(names) == len(set(names)) == len(table.by_current_name) + len(table.by_alias)
    assert len(genes) > 50_000
    assert all(
        ensembl_species(gene.ensembl) == organism and strip_version(gene.ensembl) == gene.ensembl for gene in genes
    )


def test_aliases_are_not_read_at_import():
    code = (
        "import smile_runtime; from smile_runtime.features.gene_aliases import load_gene_aliases as load; "
        "print(load.cache_info().currsize)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "0"


MOUSE_SYMBOLS, HUMAN_SYMBOLS = ["Cd3d", "Ms4a1", "Lyz2"], ["CD3D", "MS4A1", "LYZ"]


@pytest.mark.parametrize(
    ("names", "organism", "other", "kind"),
    [
        (MOUSE_SYMBOLS, HUMAN, MOUSE, "gene symbols"),
        (HUMAN_SYMBOLS, MOUSE, HUMAN, "gene symbols"),
        (["ENSMUSG00000032094.9", "ENSMUSG00000099999"], HUMAN, MOUSE, "Ensembl ids"),
        (["ENSG00000167286"], MOUSE, HUMAN, "Ensembl ids"),
        (["ENSRNOG00000010756"], HUMAN, "Rattus norvegicus", "Ensembl ids"),
        (["ENSRNOG00000010756"], "Danio rerio", "Rattus norvegicus", "Ensembl ids"),
    ],
)
def test_other_species_are_recognized(names, organism, other, kind):
    mismatch = find_species_mismatch([names, ["Gene Expression"] * len(names)], organism)
    assert (mismatch.organism, mismatch.kind, mismatch.examples) == (other, kind, tuple(names[:3]))


@pytest.mark.parametrize(
    ("candidates", "organism"),
    [
        ([HUMAN_SYMBOLS], HUMAN),
        ([MOUSE_SYMBOLS, HUMAN_SYMBOLS], HUMAN),  # a column of orthologs
        ([["ENSG00000167286", "ENSG00000156738", "ENSG00000090382"], MOUSE_SYMBOLS], HUMAN),
        ([["OTHER1", "OTHER2", "OTHER3", "Cd3d"]], HUMAN),  # mostly names of no known species
        ([["cd3d", "CD3D"]], "Danio rerio"),  # without a table of aliases
        ([["ENSG00000167286"]], "Homo sapiens, mus musculus"),
        ([[]], HUMAN),
        ([], HUMAN),
    ],
)
def test_one_list_of_the_expected_species_is_enough(candidates, organism):
    assert find_species_mismatch(candidates, organism) is None


@pytest.mark.parametrize(
    ("names", "organism"),
    [
        (["CD4", "LYZ", "NKG7", "RP11-34P13.7"], "Homo sapiens"),
        (["Cd4", "Lyz2", "Nkg7", "Gm1"], "Mus musculus"),
        (["ENSG00000010610.9", "ENSG00000090382"], "Homo sapiens"),
        (["ENSMUSG00000023274", "ENSMUSG00000069516"], "Mus musculus"),
        (["ENSDARG00000000001"], "Danio rerio"),
        (["gene1", "gene2", "CD4"], None),
        ([], None),
    ],
)
def test_an_organism_is_recognized_by_its_genes(names, organism):
    assert recognize_organism(pd.DataFrame(index=names)) == organism
    unnamed = pd.DataFrame({"symbol": names}, index=[f"f{number}" for number in range(len(names))])
    assert recognize_organism(unnamed) == organism
