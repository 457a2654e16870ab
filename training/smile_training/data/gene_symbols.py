"""Current symbols of genes as the names of features, so that files that name genes differently can be joined."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.features import latin_name, load_gene_aliases, strip_version

logger = logging.getLogger(__name__)


def gene_symbols(names: Sequence[str], organism: str, path: Path) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Translate the features of a file to the current symbols of their genes.

    Features without a known gene keep their names. Of several with one symbol the first is kept, those under a current
    name or id before those under an alias, because a sum would be wrong for log-normalized values; the log reports how
    many are left out.

    Parameters
    ----------
    names
        Names of the features: symbols, former ones, or Ensembl ids.
    organism
        Species, one whose gene names are known.
    path
        Path of the file, for the log.

    Returns
    -------
        Ascending indices of the kept features, shape ``(n_kept,)``, and their symbols.
    """
    aliases = load_gene_aliases(latin_name(organism))
    assert aliases is not None  # as the recipe's checks require
    genes = [aliases.find([strip_version(name)]) for name in names]
    symbols = pd.Index([gene.symbol if gene and gene.symbol else name for gene, name in zip(genes, names, strict=True)])
    is_alias = np.array([aliases.find_current([strip_version(name)]) is None for name in names], bool)
    order = np.argsort(is_alias, kind="stable")
    kept = np.sort(order[~symbols[order].duplicated()])
    n_translated = sum(symbol != name for symbol, name in zip(symbols, names, strict=True))
    logger.info("%s: %s of %s features are named by another symbol", path, f"{n_translated:,}", f"{len(names):,}")
    if n_repeated := len(names) - len(kept):
        logger.warning(
            "%s: %s of %s features are left out, because another one has the same symbol, such as %s",
            *(path, f"{n_repeated:,}", f"{len(names):,}", symbols[symbols.duplicated()][0]),
        )
    return kept, tuple(symbols[kept])
