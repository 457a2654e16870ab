"""Fetching files from the Hub, several at once, each checked before anybody can open it."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import nullcontext
from typing import Any

from smile_runtime.errors import IntegrityError
from smile_runtime.manifest import FileRecord
from smile_runtime.space import FileHashes, require_pinned
from smile_zoo.errors import RepoNotFoundError
from smile_zoo.hub.client import Commit, Hub
from smile_zoo.hub.repo_cache import RepoCache

Progress = Callable[[int, int], None]
"""Told how many bytes came, and how many will have come at the end."""

_WORKERS = 8
_SECONDS_TO_END = 5  # what is under way ends at its next piece; what hangs is not waited for
_LARGE = 4_000_000  # bytes, from which a file is slow by its size
_STREAMS = 2
"""Large files on their way at once: more are no faster, and while these come, those that came are hashed."""


def no_progress(n_bytes: int, total: int) -> None:
    """Tell nobody."""


def fetch_files(
    hub: Hub, cache: RepoCache, commit: str, files: Mapping[str, FileRecord], hashes: FileHashes, progress: Progress
) -> None:
    """Bring files of a commit into the cache; one that comes wrong is fetched once more, and then refused.

    Whatever ends this early, Ctrl-C included, leaves the files that were right and nothing else.

    Raises
    ------
    IntegrityError
        If a file came wrong twice.
    HubError
        If the Hub did not give one.
    OutputError
        If one cannot be written.
    """
    for name in files:  # all of them first: files of the same content are one blob
        cache.evict(commit, name)
    streams = threading.Semaphore(_STREAMS)
    meter = _Meter(sum(record.size for record in files.values()), progress)

    def fetch(name: str, pinned: FileRecord) -> None:
        bar, problem = meter.bar(), None
        for _ in range(2):
            with streams if pinned.size >= _LARGE else nullcontext():
                hub.download(cache.repo, commit, name, tqdm_class=bar)
            try:
                require_pinned(cache.snapshot(commit), name, pinned, hashes)
            except IntegrityError as error:
                cache.evict(commit, name)
                problem = error
            else:
                return
        raise IntegrityError(
            f"{cache.repo}@{commit[:7]}: {name} came twice and was not what the manifest pins, so it was removed "
            f"({str(problem).partition(';')[0]}); try again later, and tell the publisher if it stays so"
        ) from problem

    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="smile-zoo-fetch")
    futures = [pool.submit(fetch, name, pinned) for name, pinned in _small_first(files)]
    try:
        for future in as_completed(futures):
            future.result()
    except BaseException:
        hub.cancelled.set()
        pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in futures if not future.cancelled()], timeout=_SECONDS_TO_END)
        raise
    finally:
        pool.shutdown(wait=False)
        hashes.save()


def fetch_content(hub: Hub, cache: RepoCache, commit: Commit, name: str) -> bytes:
    """Bring a small file into the cache and return what it holds, once that has the hash that the commit has for it.

    Raises
    ------
    RepoNotFoundError
        If the commit has no such file.
    IntegrityError
        If it came wrong twice.
    HubError, OutputError
        As `fetch_files`.
    """
    pinned, path = commit.files.get(name), cache.snapshot(commit.oid) / name
    if pinned is None:
        raise RepoNotFoundError(
            f"{cache.repo}@{commit.oid[:7]} has no {name}; check the name (smile-zoo search --hub shows spaces)"
        )
    if path.is_file() and not pinned.fits(path.read_bytes()):
        cache.evict(commit.oid, name)
    silent = _Meter(0, no_progress).bar()
    for _ in range(2):
        content = hub.download(cache.repo, commit.oid, name, tqdm_class=silent).read_bytes()
        if pinned.fits(content):
            return content
        cache.evict(commit.oid, name)
    raise IntegrityError(
        f"{cache.repo}@{commit.oid[:7]}: {name} came twice and was not what the commit has, so it was removed; "
        "try again later"
    )


def _small_first(files: Mapping[str, FileRecord]) -> list[tuple[str, FileRecord]]:
    return sorted(files.items(), key=lambda file: file[1].size)


class _Meter:
    """One count of bytes for all files, fed by the bars that the client makes."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._lock = threading.Lock()

    def add(self, n_bytes: float) -> None:
        with self._lock:
            self._progress(int(n_bytes), self._total)

    def bar(self) -> type[Any]:
        """Return a class of bars that the client makes for one file, a new one each time it starts anew."""
        from tqdm import tqdm

        meter, file = self, {"done": 0.0}

        class Bar(tqdm):  # type: ignore[type-arg]
            def __init__(
                self, *_args: object, initial: float = 0, total: float | None = None, **_kwargs: object
            ) -> None:
                super().__init__(disable=True, total=total)
                self._count(initial - file["done"])

            def update(self, n: float | None = 1) -> bool | None:
                self._count(n or 0)
                return None

            def update_transfer(self, n: float) -> None:
                """Pass over what came from the network: what reached the disk is counted."""

            def set_transfer_postfix_str(self, text: str, *, refresh: bool = True) -> None:
                """Pass over the speed."""

            def _count(self, n: float) -> None:
                file["done"] += n
                if n:
                    meter.add(n)

        return Bar
