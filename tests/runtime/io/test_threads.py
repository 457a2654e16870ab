"""Work shared among threads."""

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from smile_runtime.io.threads import default_threads, map_in_order, single_threaded_blas
from smile_runtime.projection import anndata_projection as projection_module
from smile_runtime.projection import streaming
from smile_runtime.projection.anndata_projection import project


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_what_is_done_comes_in_order(n_threads):
    def slow_first(piece: int) -> int:
        time.sleep(0.02 if piece % 3 == 0 else 0)
        return -piece

    assert list(map_in_order(slow_first, range(20), n_threads)) == [-piece for piece in range(20)]
    assert list(map_in_order(slow_first, [], n_threads)) == []


def test_as_many_work_at_a_time_as_were_asked_for():
    together = threading.Barrier(3, timeout=10)  # broken unless three wait there at once
    assert list(map_in_order(lambda _: together.wait() >= 0, range(9), 3)) == [True] * 9


def test_pieces_are_taken_as_they_are_needed():
    taken = []

    def pieces():
        for piece in range(100):
            taken.append(piece)
            yield piece

    done = map_in_order(lambda piece: piece, pieces(), 2)
    next(done)
    assert len(taken) <= 5
    done.close()


@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_comes_out_and_ends_it(n_threads):
    started = []

    def fails(piece: int) -> int:
        started.append(piece)
        if piece == 2:
            raise RuntimeError("piece 2")
        return piece

    done = map_in_order(fails, range(1000), n_threads)
    assert [next(done), next(done)] == [0, 1]
    with pytest.raises(RuntimeError, match="piece 2"):
        next(done)
    assert len(started) < 10


@pytest.mark.parametrize(("stated", "at_most"), [("1", 1), ("100000", None), ("", None), ("many", None), ("0", None)])
def test_the_environment_may_ask_for_fewer_threads(monkeypatch, stated, at_most):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = default_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert default_threads() == (at_most or cores)


def test_matrix_products_take_one_thread_as_long_as_anyone_asks():
    first, second = single_threaded_blas(), single_threaded_blas()
    with threadpool_limits(2, "blas"):
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}


@pytest.mark.parametrize("kind", ["counts", "lognorm"])
def test_threads_do_not_change_a_projection(space, monkeypatch, request, kind):
    query = request.getfixturevalue(kind)
    monkeypatch.setattr(projection_module, "rows_per_read", lambda _matrix: 4)
    results = []
    for n_threads in (1, 4):
        monkeypatch.setattr(streaming, "default_threads", lambda n_threads=n_threads: n_threads)
        results.append(project(query, space, copy=True))
    one, four = results
    np.testing.assert_array_equal(four.obsm["X_smile"], one.obsm["X_smile"])
    np.testing.assert_array_equal(four.obsm["X_smile_map"], one.obsm["X_smile_map"])
    assert four.obs["smile_label"].tolist() == one.obs["smile_label"].tolist()
