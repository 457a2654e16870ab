"""Features named by the current symbols of their genes."""

import logging
from pathlib import Path

import numpy as np
import pytest

from smile_training.data.gene_symbols import gene_symbols


def test_ids_aliases_and_symbols_become_symbols_and_other_names_stay() -> None:
    names = ("ENSG00000010610.5", "GNB2L1", "CD19", "not a gene")
    kept, symbols = gene_symbols(names, "human", Path("x.h5ad"))
    assert symbols == ("CD4", "RACK1", "CD19", "not a gene")
    np.testing.assert_array_equal(kept, range(4))


def test_of_several_features_of_one_gene_one_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """The one under a current name, or else the first."""
    with caplog.at_level(logging.INFO):
        kept, symbols = gene_symbols(("GNB2L1", "CD19", "RACK1", "ENSG00000177455"), "Homo sapiens", Path("x.h5ad"))
    assert (kept.tolist(), symbols) == ([1, 2], ("CD19", "RACK1"))
    assert "x.h5ad: 2 of 4 features are left out, because another one has the same symbol, such as RACK1" in caplog.text
