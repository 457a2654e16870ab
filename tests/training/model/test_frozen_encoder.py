"""The encoder of a finished space embeds cells as a projection does, whatever features they measured."""

from pathlib import Path

import anndata
import numpy as np
import pytest

import smile_runtime
from smile_runtime import QueryError
from smile_runtime.projection import EncoderInput, read_encoder_input
from smile_runtime.query import AnnDataQuery
from smile_training.data import Cells
from smile_training.model import FrozenEncoder

PBMC = Path(__file__).parents[3] / "zoo/smile_zoo/spaces/pbmc"


@pytest.fixture
def space() -> smile_runtime.Space:
    return smile_runtime.open_space(PBMC, device="cpu")


def as_cells(values: EncoderInput, ids: tuple[str, ...]) -> Cells:
    measured = np.flatnonzero(values.measured)
    n = values.raw.shape[0]
    return Cells(
        raw=values.raw[:, measured],
        size_factor=values.size_factor,
        features=tuple(ids[column] for column in measured),
        names=np.arange(n).astype(object),
        batches=np.zeros(n, np.int64),
        batch_names=("all",),
        columns=(),
    )


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("n_missing", [0, 300])
def test_cells_are_embedded_as_a_projection_embeds_them(
    space: smile_runtime.Space, counts: anndata.AnnData, n_missing: int, dense: bool
) -> None:
    counts = counts[:, n_missing:].copy()
    if dense:
        counts.X = counts.X.toarray()
    values = read_encoder_input(AnnDataQuery(counts), space)
    np.testing.assert_allclose(values.total, np.asarray(counts.X.sum(axis=1)).ravel())
    encoder = FrozenEncoder(space.encoder(), has_components=True)
    embedding, components = encoder.embed_with_components(as_cells(values, space.encoder().features.ids))
    smile_runtime.project(counts, space)
    np.testing.assert_allclose(embedding, counts.obsm["X_smile"], atol=1e-5)
    assert components is not None
    assert components.shape == (30, 50)
    plain, none = FrozenEncoder(space.encoder(), has_components=False).embed_with_components(
        as_cells(values, space.encoder().features.ids)
    )
    assert none is None
    np.testing.assert_allclose(plain, embedding, atol=1e-5)


def test_cells_of_one_file_measured_the_same_features(space: smile_runtime.Space, counts: anndata.AnnData) -> None:
    values = counts.X.toarray()
    values[:15, :40] = np.nan
    counts.X = values
    with pytest.raises(QueryError, match="cells measured 2 different sets of features; write each batch to a file"):
        read_encoder_input(AnnDataQuery(counts), space)
