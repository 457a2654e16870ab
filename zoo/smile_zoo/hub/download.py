"""Parallel downloads from the Hub, each verified before it can be opened."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from typing import Any

from smile_runtime.errors import IntegrityError
from smile_runtime.manifest import FileRecord
from smile_runtime.space import FileHashes, require_pinned
from smile_zoo.errors import RepoNotFoundError
from smile_zoo.hub.client import Commit, Hub
from smile_zoo.hub.repo_cache import RepoCache
from smile_zoo.hub.running_call import UnusableAnswer

Progress = Callable[[int, int], None]
"""Called with the number of bytes just received and the total number of bytes."""

MAX_WORKERS = 8
MAX_WAIT_SECONDS = 0.5
MAX_SHUTDOWN_SECONDS = 5  # running downloads end at their next piece of data; those that hang are not waited for
LARGE_FILE_BYTES = 4_000_000
MAX_CONTENT_BYTES = 20_000_000
"""Size of a file that is read into memory: a manifest, a card or a catalogue."""
MAX_EXCESS_BYTES = 1_000
MAX_LARGE_DOWNLOADS = 2
"""Large files downloaded at the same time; more are not faster, and finished ones are hashed meanwhile."""


def no_progress(n_bytes: int, total: int) -> None:
    """Report no progress."""


def fetch_files(
    hub: Hub, cache: RepoCache, commit: str, files: Mapping[str, FileRecord], hashes: FileHashes, progress: Progress
) -> None:
    """Download files of a commit into the cache; a damaged file is downloaded once more, then rejected.

    Any interruption, including Ctrl-C, leaves only complete, correct files.

    Raises
    ------
    IntegrityError
        If a file arrives damaged twice.
    HubError
        If a download fails.
    OutputError
        If a file cannot be written.
    """
    for name in files:  # all of them first, because files with the same content share a blob
        cache.evict(commit, name)
    streams = threading.Semaphore(MAX_LARGE_DOWNLOADS)
    counter = _ByteCounter(sum(record.size for record in files.values()), progress)

    def fetch(name: str, pinned: FileRecord) -> None:
        bar, last_error = counter.bar_class(pinned.size), None
        for _ in range(2):
            with streams if pinned.size >= LARGE_FILE_BYTES else nullcontext():
                hub.download(cache.repo, commit, name, tqdm_class=bar)
            try:
                require_pinned(cache.snapshot(commit), name, pinned, hashes)
            except IntegrityError as error:
                cache.evict(commit, name)
                last_error = error
            else:
                return
        raise IntegrityError(
            f"{cache.repo}@{commit[:7]}: {name} arrived twice and differs from the manifest, so it was removed "
            f"({str(last_error).partition(';')[0]}); try again later, and tell the publisher if this persists"
        ) from last_error

    pool = ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="smile-zoo-fetch")
    futures = [pool.submit(fetch, name, pinned) for name, pinned in _small_first(files)]
    try:
        _require_all(futures)
    except BaseException:
        hub.canceled.set()
        pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in futures if not future.cancelled()], timeout=MAX_SHUTDOWN_SECONDS)
        raise
    finally:
        pool.shutdown(wait=False)
        hashes.save()


def fetch_content(hub: Hub, cache: RepoCache, commit: Commit, name: str) -> bytes:
    """Download a small file into the cache, verify it against the commit, and return its content.

    Raises
    ------
    RepoNotFoundError
        If the commit lacks the file.
    IntegrityError
        If the file is too large, or arrives damaged twice.
    HubError, OutputError
        As in `fetch_files`.
    """
    pinned, path = commit.files.get(name), cache.snapshot(commit.oid) / name
    if pinned is None:
        raise RepoNotFoundError(
            f"{cache.repo}@{commit.oid[:7]} has no {name}; check the name (smile-zoo search --hub shows spaces)"
        )
    if pinned.size > MAX_CONTENT_BYTES:
        raise IntegrityError(
            f"{cache.repo}@{commit.oid[:7]}: {name} has {pinned.size:,} bytes, and at most {MAX_CONTENT_BYTES:,} are "
            "read; do not use this repo, and tell its publisher"
        )
    if path.is_file() and (path.stat().st_size != pinned.size or not pinned.matches(path.read_bytes())):
        cache.evict(commit.oid, name)
    silent = _ByteCounter(0, no_progress).bar_class(pinned.size)
    for _ in range(2):
        content = hub.download(cache.repo, commit.oid, name, tqdm_class=silent).read_bytes()
        if pinned.matches(content):
            return content
        cache.evict(commit.oid, name)
    raise IntegrityError(
        f"{cache.repo}@{commit.oid[:7]}: {name} arrived twice and differs from the commit, so it was removed; "
        "try again later"
    )


def _require_all(futures: Iterable[Future[None]]) -> None:
    """Wait for all futures; raise the first error.

    Each wait is short: a signal that arrives just before a wait begins is only handled when that wait ends.
    """
    running = set(futures)
    while running:
        done, running = wait(running, timeout=MAX_WAIT_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()


def _small_first(files: Mapping[str, FileRecord]) -> list[tuple[str, FileRecord]]:
    return sorted(files.items(), key=lambda file: file[1].size)


class _ByteCounter:
    """Counts the bytes of all files through the progress bars that the client creates."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._lock = threading.Lock()

    def add(self, n_bytes: float) -> None:
        with self._lock:
            self._progress(int(n_bytes), self._total)

    def bar_class(self, size: int) -> type[Any]:
        """Return a class of progress bars for one file, of which the client creates one per attempt.

        A bar ends a download that is much longer than the file, before it fills the disk; the client notices a few
        bytes too many by itself, at the end.
        """
        from tqdm import tqdm

        counter, file = self, {"done": 0.0}

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
                """Ignore bytes received from the network; bytes written to disk are counted."""

            def set_transfer_postfix_str(self, text: str, *, refresh: bool = True) -> None:
                """Ignore the speed."""

            def _count(self, n: float) -> None:
                file["done"] += n
                if file["done"] > size + MAX_EXCESS_BYTES:
                    raise UnusableAnswer(f"more bytes arrived than the {size:,} that were announced")
                if n:
                    counter.add(n)

        return Bar
