"""Ensembl gene ids: stripping the version, and reading off the species."""

import re

_ENSEMBL_ID = re.compile(r"ENS(?P<species>[A-Z]{3})?G(?P<number>\d{11}|R\d{10})(?:\.\d{1,4})?(?:_PAR_Y)?")
_SPECIES_BY_CODE = {
    None: "Homo sapiens",
    "MUS": "Mus musculus",
    "RNO": "Rattus norvegicus",
    "DAR": "Danio rerio",
    "MMU": "Macaca mulatta",
    "MFA": "Macaca fascicularis",
    "SSC": "Sus scrofa",
}
KNOWN_SPECIES = frozenset(_SPECIES_BY_CODE.values())


def strip_version(name: str) -> str:
    """Strip the version and ``_PAR_Y`` from an Ensembl gene id; return any other name unchanged.

    The Y copy of a pseudoautosomal gene (``ENSG00000182378.15_PAR_Y``, ``ENSGR0000182378``) becomes the gene itself.
    """
    parsed = _ENSEMBL_ID.fullmatch(name)
    return f"ENS{parsed['species'] or ''}G{parsed['number'].replace('R', '0')}" if parsed else name


def ensembl_species(name: str) -> str | None:
    """Return the species of an Ensembl gene id; None for other names and for species outside `KNOWN_SPECIES`."""
    parsed = _ENSEMBL_ID.fullmatch(name)
    return _SPECIES_BY_CODE.get(parsed["species"]) if parsed else None
