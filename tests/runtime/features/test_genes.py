"""Ensembl ids, names of genes from the shipped tables, and names of other species."""

import subprocess
import sys

import pytest

from smile_runtime.features.gene_ids import ensembl_species, unversioned
from smile_runtime.features.gene_table import gene_table, latin
from smile_runtime.features.species import find_species_mismatch

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
def test_unversioned(name, gene):
    assert unversioned(name) == gene


def test_species_of_ensembl_ids():
    ids = ("ENSG00000141510.18", "ENSMUSG00000032094", "ENSRNOG00000010756", "ENSXXXG00000010756", "TP53")
    assert [ensembl_species(name) for name in ids] == [HUMAN, MOUSE, "Rattus norvegicus", None, None]


@pytest.mark.parametrize(("organism", "name"), [("human", HUMAN), ("homo sapiens", HUMAN), (" Mouse ", MOUSE)])
def test_organisms_by_other_names(organism, name):
    assert latin(organism) == name


def test_no_table_for_other_organisms():
    assert gene_table("Danio rerio") is None
    assert gene_table("") is None


@pytest.mark.parametrize(
    ("organism", "name", "symbol"),
    [
        (HUMAN, "ENSG00000167286", "CD3D"),
        (HUMAN, "CD3D", "CD3D"),
        (HUMAN, "MARCH1", "MARCHF1"),
        (HUMAN, "ATP5A1", "ATP5F1A"),
        (HUMAN, "SEPT7", "SEPTIN7"),
        (HUMAN, "TAZ", "TAFAZZIN"),  # its former symbol, though WWTR1 is called so too
        (HUMAN, "HIST1H2AC", "H2AC6"),
        (MOUSE, "ENSMUSG00000032094", "Cd3d"),
        (MOUSE, "March1", "Marchf1"),
    ],
)
def test_names_of_genes(organism, name, symbol):
    assert gene_table(organism).find(name).symbol == symbol


@pytest.mark.parametrize("name", ["Y_RNA", "U3", "Metazoa_SRP", "cd3d", "Cd3d", "p", ""])
def test_names_of_several_genes_and_of_none(name):
    assert gene_table(HUMAN).find(name) is None


def test_genes_without_a_current_symbol_have_the_former_names_of_their_clones():
    gene = gene_table(HUMAN).find("RP11-34P13.8")
    assert gene.ensembl == "ENSG00000239945"


@pytest.mark.parametrize("organism", [HUMAN, MOUSE])
def test_a_name_stands_for_one_gene(organism):
    table = gene_table(organism)
    assert not set(table.current) & set(table.former)
    genes = set(table.current.values())
    names = [name for gene in genes for name in (gene.ensembl, gene.symbol, *gene.former) if name]
    assert len(names) == len(set(names)) == len(table.current) + len(table.former)
    assert len(genes) > 50_000
    assert all(
        ensembl_species(gene.ensembl) == organism and unversioned(gene.ensembl) == gene.ensembl for gene in genes
    )


def test_tables_are_not_read_at_import():
    code = (
        "import smile_runtime; from smile_runtime.features.gene_table import gene_table as table; "
        "print(table.cache_info().currsize)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.strip() == "0"


MOUSE_SYMBOLS, HUMAN_SYMBOLS = ["Cd3d", "Ms4a1", "Lyz2"], ["CD3D", "MS4A1", "LYZ"]


@pytest.mark.parametrize(
    ("names", "organism", "whose", "kind"),
    [
        (MOUSE_SYMBOLS, HUMAN, MOUSE, "gene symbols"),
        (HUMAN_SYMBOLS, MOUSE, HUMAN, "gene symbols"),
        (["ENSMUSG00000032094.9", "ENSMUSG00000099999"], HUMAN, MOUSE, "Ensembl ids"),
        (["ENSG00000167286"], MOUSE, HUMAN, "Ensembl ids"),
        (["ENSRNOG00000010756"], HUMAN, "Rattus norvegicus", "Ensembl ids"),
        (["ENSRNOG00000010756"], "Danio rerio", "Rattus norvegicus", "Ensembl ids"),
    ],
)
def test_other_species_are_recognized(names, organism, whose, kind):
    mismatch = find_species_mismatch([names, ["Gene Expression"] * len(names)], organism)
    assert (mismatch.organism, mismatch.kind, mismatch.examples) == (whose, kind, tuple(names[:3]))


@pytest.mark.parametrize(
    ("candidates", "organism"),
    [
        ([HUMAN_SYMBOLS], HUMAN),
        ([MOUSE_SYMBOLS, HUMAN_SYMBOLS], HUMAN),  # a column of orthologs
        ([["ENSG00000167286", "ENSG00000156738", "ENSG00000090382"], MOUSE_SYMBOLS], HUMAN),
        ([["OTHER1", "OTHER2", "OTHER3", "Cd3d"]], HUMAN),  # mostly names of no species
        ([["cd3d", "CD3D"]], "Danio rerio"),  # of which there is no table
        ([["ENSG00000167286"]], "Homo sapiens, mus musculus"),
        ([[]], HUMAN),
        ([], HUMAN),
    ],
)
def test_one_own_list_of_names_is_enough(candidates, organism):
    assert find_species_mismatch(candidates, organism) is None
