"""A headless Chromium, and cells whose names are markup: their report, and the web page that labels them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from served_page import SECONDS, served

from smile_zoo.transfer import pull
from smile_zoo.web import PageServer, make_site

QUERY = Path(__file__).parents[2] / "zoo/smile_zoo/demo/query.h5ad"
ARGUMENTS = (
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no network
)
SCREEN = {"width": 1366, "height": 900}
PHONE = {"width": 375, "height": 800}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; not for the session, as nothing else can use asyncio in this thread while Playwright runs."""
    binary = shutil.which("chromium")
    if binary is None:
        reason = "chromium is not installed; apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    expect.set_options(timeout=SECONDS * 1000)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=binary, args=ARGUMENTS) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def log() -> list[str]:
    """What goes wrong in all pages: messages in the console and uncaught errors, of workers too."""
    return []


@pytest.fixture(autouse=True)
def problems(log: list[str]) -> Iterator[list[str]]:
    """What goes wrong during a test; nothing may be left in the end, so a test removes what it expects."""
    log.clear()
    yield log
    assert log == []


@pytest.fixture(scope="module")
def new_page(chromium: Browser, log: list[str]) -> Callable[..., Page]:
    """Opens an empty page in a browser context of its own, which takes the options."""

    def note(text: str) -> None:
        if "GL Driver Message" not in text:  # SwiftShader complains about its own speed
            log.append(text)

    def new_page(**options: Any) -> Page:
        page = chromium.new_page(**{"viewport": SCREEN, **options})
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", lambda message: note(message.text))
        page.on("pageerror", lambda error: note(str(error)))
        devtools = page.context.new_cdp_session(page)  # what a worker was refused is in no event of the page
        devtools.on("Log.entryAdded", lambda event: note(event["entry"]["text"]))
        devtools.send("Log.enable")
        return page

    return new_page


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Iterator[Page]:
    """An empty page."""
    with new_page() as page:
        yield page


@pytest.fixture
def phone(new_page: Callable[..., Page]) -> Iterator[Page]:
    """An empty page on a phone."""
    with new_page(viewport=PHONE, is_mobile=True, has_touch=True) as page:
        yield page


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    """A server of the page with the pbmc space."""
    with served(make_site([pull("pbmc")])) as server:
        yield server


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``report.html`` of real cells, and ``out.h5ad`` with the results it must show."""
    folder = tmp_path_factory.mktemp("report")
    adata = anndata.read_h5ad(QUERY)
    adata.obs_names = [f"{name} <script>throw 1</script> & <b>co</b>" for name in adata.obs_names]
    adata.obs["donor"] = np.where(np.arange(adata.n_obs) % 4 == 0, "<i>one</i>", "two")
    adata.write_h5ad(folder / "query.h5ad")
    command = [Path(sys.executable).with_name("smile-zoo"), "project", "query.h5ad", "pbmc", "-o", "out.h5ad"]
    subprocess.run([*command, "--report", "report.html", "--batch", "donor"], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def projected(folder: Path) -> anndata.AnnData:
    """The projected cells."""
    return anndata.read_h5ad(folder / "out.h5ad")
