"""The map: two coordinates a cell."""

import sys
from collections.abc import Sequence

import numpy as np
import pytest

from smile_runtime.errors import DependencyError, RecipeError
from smile_training.reference.layout import fit_map, require_map_packages


def groups(n: int = 60) -> np.ndarray:
    rng = np.random.default_rng(0)
    embedding = 0.2 * rng.standard_normal((n, 8)) + 2 * np.eye(8)[np.arange(n) % 2]
    return (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_a_map_is_repeatable_and_keeps_groups_apart(method: str) -> None:
    embedding = groups()
    position = fit_map(embedding, method, seed=0)
    assert position.shape == (60, 2)
    assert position.dtype == np.float32
    np.testing.assert_array_equal(fit_map(embedding, method, seed=0), position)

    distances = np.linalg.norm(position[:, None] - position[None], axis=2) + 1e9 * np.eye(60)
    nearest = distances.argmin(axis=1)
    assert np.mean(nearest % 2 == np.arange(60) % 2) > 0.95


def test_another_seed_gives_another_map() -> None:
    """With t-SNE it does not: the layout starts from principal components."""
    assert not np.array_equal(fit_map(groups(), "umap", seed=0), fit_map(groups(), "umap", seed=1))


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_ten_cells_have_a_map_and_nine_do_not(method: str) -> None:
    assert np.isfinite(fit_map(groups(10), method, seed=0)).all()
    with pytest.raises(RecipeError, match="a map needs at least 10 cells, the reference has 9"):
        fit_map(groups(9), method, seed=0)


class _Broken:
    """Import hook of a package that cannot be loaded."""

    def __init__(self, package: str, error: Exception) -> None:
        self._package, self._error = package, error

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: object = None) -> None:
        if name == self._package:
            raise self._error


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (ImportError("No module named 'umap'"), r"pip install 'smile-zoo\[train\]'"),
        (RuntimeError("cannot cache function 'rdist': no locator available"), "set .* NUMBA_CACHE_DIR to a folder"),
    ],
)
def test_a_package_that_cannot_be_loaded_is_noticed_before_the_work(
    error: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "umap"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Broken("umap", error), *sys.meta_path])
    with pytest.raises(DependencyError, match=remedy):
        require_map_packages("umap")
