"""The web page in Chromium: how soon it is usable, what it loads, how fast it labels, and how much memory it takes.

The cells are simulated: 20,000 genes, among them those of the space, drawn from the profiles of its labels. The page is
opened in Chromium without a window or a graphics card. "usable" ends when the map of the reference is drawn, "labels"
begins when the file is chosen and ends when labels and map are there. Memory is the highest resident size of the page's
process, worker included, and of all of Chromium's processes together. Frames are those of a map that is dragged in an
eight, of one that is zoomed in and out, and of one over whose cells the pointer moves in an eight, at first without a
button and then drawing a lasso: the median frame, their mean, and the slowest one.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy
from playwright.sync_api import Page, sync_playwright
from safetensors.numpy import load_file

from machine import cpu_model
from smile_zoo.transfer import PulledSpace, pull
from smile_zoo.web import PageServer, make_site, write_single_file

ARGUMENTS = (
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
OBSERVER = """
    new MutationObserver(() => {
        const text = (id) => document.getElementById(id)?.textContent;
        if (text("map-caption")) window.usableAt ??= performance.now();
        if (text("alert") || text("status")?.startsWith("Done")) window.doneAt ??= performance.now();
    }).observe(document, { childList: true, subtree: true });
"""
MOVE = """(map, kind) => new Promise((done) => {
    const { left, top } = document.querySelector(".names span:not([hidden])").getBoundingClientRect(), times = [];
    const size = kind === "hover" ? 0.4 : 1; // the eight that the pointer draws stays over the cells of the first label
    const buttons = kind === "pan" || kind === "lasso" ? 1 : 0;
    const send = (type, right, down, more) => map.dispatchEvent(new (more.deltaY ? WheelEvent : MouseEvent)(type, {
        clientX: left + size * right, clientY: top + size * down,
        bubbles: true, cancelable: true, view: window, ...more }));
    const step = (time) => {
        times.push(time);
        const turn = times.length / 60 * 2 * Math.PI;
        if (times.length > 60) {
            send("mouseup", 0, 0, {});
            return done(times.slice(1).map((time, index) => time - times[index]));
        }
        if (kind === "zoom") send("wheel", 0, 0, { deltaY: times.length <= 30 ? -10 : 10 });
        else send("mousemove", 150 * Math.sin(turn), 60 * Math.sin(2 * turn), { buttons });
        requestAnimationFrame(step);
    };
    for (const type of ["mouseenter", "mousemove"]) send(type, 0, 0, {});
    requestAnimationFrame(() => requestAnimationFrame(() => {
        if (buttons) send("mousedown", 0, 0, { buttons });
        requestAnimationFrame(step);
    }));
})"""
SCREEN = {"width": 1366, "height": 900}
N_GENES = 20_000
COUNTS_PER_CELL = 2_500
SHARE_OF_SPACE = 0.3  # of the counts of a cell
BLOCK_CELLS = 10_000
SECONDS = 1_200
REST_MS = 2_000


def simulated_block(space: PulledSpace, n_cells: int) -> tuple[scipy.sparse.csr_matrix, list[str]]:
    """Return counts of cells, CSR, and the names of the genes."""
    rng = np.random.default_rng(0)
    encoder = space.manifest.encoders["rna"]
    symbols = pd.read_csv(space.path / encoder.features, sep="\t")["id"].tolist()
    profiles = np.exp(load_file(space.path / "profiles/rna.safetensors")["log_profile"].astype(np.float64))
    others = rng.gamma(0.3, size=N_GENES - len(symbols))
    rows = []
    for label in rng.integers(len(profiles), size=n_cells):
        own = profiles[label] / profiles[label].sum() * SHARE_OF_SPACE
        p = np.concatenate([own, others / others.sum() * (1 - SHARE_OF_SPACE)])
        genes = np.searchsorted(np.cumsum(p), rng.random(COUNTS_PER_CELL))
        rows.append(np.unique(np.minimum(genes, N_GENES - 1), return_counts=True))
    indptr = np.cumsum([0, *(len(genes) for genes, _ in rows)])
    indices, data = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    counts = scipy.sparse.csr_matrix((data.astype(np.float32), indices, indptr), (n_cells, N_GENES))
    return counts, [*symbols, *(f"OTHER{number}" for number in range(N_GENES - len(symbols)))]


def write_gzip(path: Path, space: PulledSpace, n_cells: int) -> None:
    """Write cells as scanpy does with ``compression="gzip"``."""
    counts, genes = simulated_block(space, n_cells)
    obs = pd.DataFrame(index=[f"CELL{number}-1" for number in range(n_cells)])
    anndata.AnnData(counts, obs, pd.DataFrame(index=genes)).write_h5ad(path, compression="gzip")


def write_large(path: Path, space: PulledSpace, n_bytes: int) -> int:
    """Write at least this many bytes of cells without compression, and return the number of cells."""
    counts, genes = simulated_block(space, BLOCK_CELLS)
    n_blocks = -(-n_bytes // (counts.data.nbytes + counts.indices.nbytes))
    n_cells = n_blocks * BLOCK_CELLS
    obs = pd.DataFrame(index=[f"CELL{number}-1" for number in range(n_cells)])
    anndata.AnnData(
        scipy.sparse.csr_matrix((n_cells, N_GENES), dtype=np.float32), obs, pd.DataFrame(index=genes)
    ).write_h5ad(path)
    with h5py.File(path, "r+") as file:
        group = file["X"]
        steps = np.tile(np.diff(counts.indptr), n_blocks)
        values = {"data": counts.data, "indices": counts.indices.astype(np.int32)}
        for name in ("data", "indices", "indptr"):
            del group[name]
        group["indptr"] = np.concatenate([[0], np.cumsum(steps, dtype=np.int64)])
        for name, block in values.items():
            stored = group.create_dataset(name, (n_blocks * len(block),), block.dtype, chunks=(100_000,))
            for start in range(0, len(stored), len(block)):
                stored[start : start + len(block)] = block
    return n_cells


@contextmanager
def opened_chromium() -> Iterator[Page]:
    """Yield a page of Chromium with an observer in each document."""
    binary = shutil.which("chromium") or sys.exit("there is no chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=binary, args=ARGUMENTS) as browser,
        browser.new_page(viewport=SCREEN) as page,
    ):
        page.set_default_timeout(SECONDS * 1000)
        page.add_init_script(OBSERVER)
        yield page


@contextmanager
def served(space: PulledSpace) -> Iterator[tuple[PageServer, list[int]]]:
    """Yield a server of the page, and the sizes of the files that it sent."""
    sent: list[int] = []

    class Files(dict[str, bytes]):
        def get(self, name: str, default: Any = None) -> Any:
            content = super().get(name, default)
            sent.append(len(content or b""))
            return content

    with PageServer(make_site([space])) as server:
        server.files = Files(server.files)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server, sent
        finally:
            server.shutdown()
            thread.join()


class MemoryWatch(threading.Thread):
    """Highest resident sizes of Chromium's processes, in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        self.page = self.all = 0

    def run(self) -> None:
        """Look five times a second."""
        while not self._stopped.wait(0.2):
            commands = {pid: _command(pid) for pid in _descendants(os.getpid())}
            sizes = {pid: _resident(pid) for pid, command in commands.items() if "chromium" in command}
            pages = [size for pid, size in sizes.items() if "--type=renderer" in commands[pid]]
            self.page = max(self.page, *pages, 0)
            self.all = max(self.all, sum(sizes.values()))

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self.join()


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            found += map(int, _read(children).split())
    return found[1:]


def _resident(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in _read(Path(f"/proc/{pid}/status")).splitlines())
    return int(fields.get("VmRSS", "0 kB").split()[0]) * 1000


def _command(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline"))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):  # the process has ended
        return ""


def open_page(page: Page, url: str) -> float:
    """Open the page, and return the seconds until it is usable."""
    page.goto(url)
    return page.wait_for_function("window.usableAt").json_value() / 1000


def label(page: Page, path: Path) -> float:
    """Choose a file, and return the seconds until its labels and map are there."""
    page.evaluate("() => { window.doneAt = undefined; window.startAt = performance.now(); }")
    page.locator("#files").set_input_files(path)
    page.wait_for_function("window.doneAt", polling=200)
    if problem := page.locator("#alert").inner_text():
        sys.exit(problem)
    return page.evaluate("window.doneAt - window.startAt") / 1000


def move_pointer(page: Page, kind: Literal["pan", "zoom", "hover", "lasso"]) -> dict[str, float]:
    """Return frames per second, as the median frame and on average, and the milliseconds of the slowest one."""
    page.wait_for_timeout(REST_MS)
    if kind == "lasso":
        page.locator("#lasso").click()
    milliseconds = page.locator("#map").evaluate(MOVE, kind)
    page.keyboard.press("Escape")
    return {
        "median_per_second": 1000 / np.median(milliseconds),
        "mean_per_second": 1000 / np.mean(milliseconds),
        "slowest_ms": max(milliseconds),
    }


def measure(name: str, n_cells: int, large_bytes: int) -> dict[str, Any]:
    """Return sizes in MB, times in seconds, and cells per second."""
    space = pull(name)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary, opened_chromium() as page, served(space) as (server, sent):
        folder = Path(temporary)
        found["site_mb"] = make_site([space]).size / 1e6
        write_single_file(space, folder / "page.html")
        found["single_file_mb"] = (folder / "page.html").stat().st_size / 1e6
        found["single_file_usable_seconds"] = open_page(page, (folder / "page.html").as_uri())
        found["usable_seconds"] = open_page(page, server.url)
        found["before_file_mb"] = sum(sent) / 1e6
        write_gzip(folder / "cells.h5ad", space, n_cells)
        found["gzip"] = {"cells": n_cells, "file_mb": (folder / "cells.h5ad").stat().st_size / 1e6}
        found["gzip"]["seconds"] = label(page, folder / "cells.h5ad")
        found["gzip"]["cells_per_second"] = n_cells / found["gzip"]["seconds"]
        if large_bytes:
            n_large = write_large(folder / "large.h5ad", space, large_bytes)
            open_page(page, server.url)
            watch = MemoryWatch()
            watch.start()
            before = time.perf_counter()
            seconds = label(page, folder / "large.h5ad")
            watch.stop()
            assert time.perf_counter() - before >= seconds
            size = (folder / "large.h5ad").stat().st_size / 1e6
            memory = {"page_mb": watch.page / 1e6, "browser_mb": watch.all / 1e6}
            page.locator("#map-box").evaluate("box => box.scrollIntoView()")
            frames = {kind: move_pointer(page, kind) for kind in ("pan", "zoom", "hover", "lasso")}
            large = {"cells": n_large, "file_mb": size, "seconds": seconds, "frames": frames}
            found["large"] = {**large, **memory}
    return found


def main() -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description="Size, speed and memory of the web page.")
    parser.add_argument("--space", default="pbmc")
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--large-mb", type=int, default=0, help="size of a large file; 0 for none")
    arguments = parser.parse_args()
    found = measure(arguments.space, arguments.cells, arguments.large_mb * 1_000_000)
    print(json.dumps({"cpu": cpu_model(), **found}, indent=2))


if __name__ == "__main__":
    main()
