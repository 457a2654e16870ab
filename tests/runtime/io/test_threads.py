"""Work spread over threads."""

import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from smile_runtime.io import threads
from smile_runtime.io.threads import default_threads, map_in_order, single_threaded_blas
from smile_runtime.projection import single_projection as projection_module
from smile_runtime.projection import streaming
from smile_runtime.projection.anndata_projection import project


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_results_are_yielded_in_order(n_threads):
    def slow_negative(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return -item

    assert list(map_in_order(slow_negative, range(20), n_threads)) == [-item for item in range(20)]
    assert list(map_in_order(slow_negative, [], n_threads)) == []


def test_n_threads_run_at_the_same_time():
    together = threading.Barrier(3, timeout=10)  # raises unless three threads wait at once
    assert list(map_in_order(lambda _: together.wait() >= 0, range(9), 3)) == [True] * 9


def test_items_are_produced_on_demand():
    produced = []

    def items():
        for item in range(100):
            produced.append(item)
            yield item

    results = map_in_order(lambda item: item, items(), 2)
    next(results)
    assert len(produced) <= 5
    results.close()


@pytest.mark.parametrize("n_threads", [1, 3])
def test_error_is_raised_and_stops_the_work(n_threads):
    started = []

    def fail_at_2(item: int) -> int:
        started.append(item)
        if item == 2:
            raise RuntimeError("item 2")
        return item

    results = map_in_order(fail_at_2, range(1000), n_threads)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(RuntimeError, match="item 2"):
        next(results)
    assert len(started) < 10


@pytest.mark.parametrize(("stated", "expected"), [("1", 1), ("100000", None), ("", None), ("many", None), ("0", None)])
def test_omp_num_threads_can_lower_the_number_of_threads(monkeypatch, stated, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = default_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert default_threads() == (expected or cores)


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("900000 100000", 8), ("", 8)]
)
def test_threads_keep_to_the_limit_of_a_container(tmp_path, monkeypatch, limit, expected):
    (tmp_path / "cpu.max").write_text(limit, "ascii")
    monkeypatch.setattr(threads, "_CPU_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _process: range(8), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert default_threads() == expected
    (tmp_path / "cpu.max").unlink()
    assert default_threads() == 8


def test_blas_uses_one_thread_until_the_last_caller_leaves():
    first, second = single_threaded_blas(), single_threaded_blas()
    with threadpool_limits(2, "blas"):
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {2}


@pytest.mark.parametrize("kind", ["counts", "lognorm"])
def test_number_of_threads_does_not_change_a_projection(space, monkeypatch, request, kind):
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
