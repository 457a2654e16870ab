"""Ensembl gene ids: without their version, and whose they are."""

import re

_ENSEMBL = re.compile(r"ENS(?P<species>[A-Z]{3})?G(?P<number>\d{11}|R\d{10})(?:\.\d{1,4})?(?:_PAR_Y)?")
_SPECIES = {
    None: "Homo sapiens",
    "MUS": "Mus musculus",
    "RNO": "Rattus norvegicus",
    "DAR": "Danio rerio",
    "MMU": "Macaca mulatta",
    "MFA": "Macaca fascicularis",
    "SSC": "Sus scrofa",
}
KNOWN_SPECIES = frozenset(_SPECIES.values())


def unversioned(name: str) -> str:
    """Return an Ensembl gene id without version and ``_PAR_Y``; any other name as it is.

    The copy on the Y chromosome of a pseudoautosomal gene (``ENSG00000182378.15_PAR_Y``, ``ENSGR0000182378``) becomes
    the gene.
    """
    found = _ENSEMBL.fullmatch(name)
    return f"ENS{found['species'] or ''}G{found['number'].replace('R', '0')}" if found else name


def ensembl_species(name: str) -> str | None:
    """Return the species of an Ensembl gene id; None for any other name, and for species that are not known here."""
    found = _ENSEMBL.fullmatch(name)
    return _SPECIES.get(found["species"]) if found else None
