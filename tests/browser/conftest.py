"""A headless Chromium, and cells whose names are markup: their report, and the web page that labels them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

QUERY = Path(__file__).parents[2] / "zoo/smile_zoo/demo/query.h5ad"
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # Chromium refuses to start its sandbox as root
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",  # WebGL without a graphics card
    "--enable-unsafe-swiftshader",
    "--window-size=1366,900",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no network
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """The browser."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        reason = "chromium and chromedriver are not installed; apt-get install chromium chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


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


@pytest.fixture
def page(chromium: webdriver.Chrome, folder: Path) -> Iterator[webdriver.Chrome]:
    """The report, freshly opened; no test may leave an error in the browser's log."""
    chromium.get((folder / "report.html").as_uri())
    yield chromium
    assert chromium.get_log("browser") == []
