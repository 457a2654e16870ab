"""The web page in a browser: it labels cells as Python does, sends nothing, and says what is wrong with a file."""

import gzip
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import mmwrite
from scipy.sparse import csr_matrix
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from smile_zoo.transfer import pull
from smile_zoo.web import PageServer, Site, make_site, write_single_file

MAX_BYTES_BEFORE_FILE = 1_500_000
SECONDS = 30


class CountedFiles(dict[str, bytes]):
    """Files of a site, and those that were asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(files)
        self.asked: list[str] = []

    def get(self, name: str, default: bytes | None = None) -> bytes | None:  # type: ignore[override]
        self.asked.append(name)
        return super().get(name, default)


@contextmanager
def served(site: Site) -> Iterator[PageServer]:
    """Serve a site."""
    with PageServer(site) as server:
        server.files = CountedFiles(server.files)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    """A server of the page with the pbmc space."""
    with served(make_site([pull("pbmc")])) as server:
        yield server


@pytest.fixture
def start(chromium: Chrome, server: PageServer, tmp_path: Path) -> Iterator[Chrome]:
    """The page before a file is chosen; no test may leave an error in the browser's log."""
    open_page(chromium, server.url, tmp_path)
    yield chromium
    assert errors(chromium) == []


@pytest.fixture
def labeled(chromium: Chrome, server: PageServer, folder: Path, tmp_path: Path) -> Iterator[Chrome]:
    """The page with the labeled cells, colored by label; the one that an earlier test left, if it is still there."""
    if chromium.current_url != server.url or not find(chromium, "details").is_displayed():
        open_page(chromium, server.url, tmp_path)
        choose(chromium, folder / "query.h5ad")
    save_into(chromium, tmp_path)
    chromium.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)  # selects no cells
    if not find(chromium, "write-names").is_selected():
        find(chromium, "write-names").click()
    for value in ("similarity:", "label:cell_type"):  # a change of the coloring also shows what was hidden
        color_by(chromium, value)
    yield chromium
    assert errors(chromium) == []


def save_into(page: Chrome, folder: Path) -> None:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})


def open_page(page: Chrome, url: str, downloads: Path) -> None:
    """Open the page, and wait for the map of the reference."""
    save_into(page, downloads)
    errors(page)  # of an earlier test
    page.get(url)
    wait(page).until(lambda page: find(page, "map-caption").text or alert(page))
    assert alert(page) == ""


def choose(page: Chrome, *files: Path) -> None:
    """Choose files, and wait for their labels or for an error."""
    find(page, "files").send_keys("\n".join(map(str, files)))
    wait(page).until(lambda page: find(page, "labels").text or alert(page))


def wait(page: Chrome) -> WebDriverWait[Chrome]:
    return WebDriverWait(page, SECONDS)


def find(page: Chrome, identifier: str) -> WebElement:
    return page.find_element(By.ID, identifier)


def alert(page: Chrome) -> str:
    return find(page, "alert").text


def errors(page: Chrome) -> list[str]:
    """Return the errors in the browser's log, without what SwiftShader says about its speed."""
    return [entry["message"] for entry in page.get_log("browser") if "GL Driver Message" not in entry["message"]]


def label_rows(page: Chrome) -> dict[str, list[str]]:
    """Return the cells of the label table by label."""
    rows = page.find_elements(By.CSS_SELECTOR, "#labels tbody tr")
    texts = [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in rows]
    return {label: rest for label, *rest in texts}


def save(page: Chrome, button: str, downloads: Path, pattern: str) -> Path:
    """Press a button and return the file that it saves."""
    find(page, button).click()
    wait(page).until(lambda _: list(downloads.glob(pattern)))
    (path,) = downloads.glob(pattern)
    return path


def color_by(page: Chrome, value: str) -> None:
    Select(find(page, "color-by")).select_by_value(value)


def first_name_left(page: Chrome) -> float:
    """Return where on the screen the first name is written that fits the map."""
    script = "return document.querySelector('.names span:not([hidden])').getBoundingClientRect().left"
    return float(page.execute_script(script))


def drag_by_touch(page: Chrome, right: int, down: int = 0, *, fingers: int) -> None:
    """Move fingers by pixels, from the middle of the map."""
    left, top, width, height = map_box(page)
    x, y = left + width / 2, top + height / 2
    ys = [y + 60 * finger for finger in range(fingers)]
    moves = [(0, 0), (1, 0), *((right * step // 5, down * step // 5) for step in range(6))]
    for number, (across, along) in enumerate(moves):
        kind = "touchMove" if number else "touchStart"
        points = [{"x": x + across, "y": y + along, "id": finger} for finger, y in enumerate(ys)]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def map_box(page: Chrome) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the map in the window."""
    script = "const b = document.getElementById('map').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
    return tuple(page.execute_script(script))


def map_pixels(page: Chrome) -> np.ndarray:
    """Return the colors of the map, shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(find(page, "map").screenshot_as_png)).convert("RGB")).astype(int)


def test_labels_are_those_of_the_command(labeled: Chrome, projected: anndata.AnnData) -> None:
    counts = projected.obs["smile_label"].value_counts()
    confidence = projected.obs.groupby("smile_label", observed=True)["smile_confidence"].mean()
    assert label_rows(labeled) == {
        label: [f"{n:,}", f"{n / projected.n_obs:.1%}", f"{confidence[label]:.3f}"] for label, n in counts.items()
    }
    Select(find(labeled, "label-column")).select_by_visible_text("cell type (broad)")
    broad = projected.obs["smile_label_cell_type_broad"].value_counts()
    assert {label: int(row[0]) for label, row in label_rows(labeled).items()} == broad.to_dict()
    stored = projected.uns["smile"]
    assert stored["manifest_sha256"] in find(labeled, "provenance").text
    assert f"{stored['n_features_matched']:,} of" in find(labeled, "figures").text
    batches, similar = (f"{stored[name]:.0%}" for name in ("accuracy_left_out_batches", "expected_accuracy"))
    notes = find(labeled, "notes").text
    assert notes.startswith(
        f"Expect about {batches} of labels to be right, as in tests on batches new to the reference"
    )
    assert f"It was {similar} for cells like yours" in notes
    assert f"a typical cell of your file shows {stored['median_detected']} of the reference's genes" in notes
    assert f"only {stored['weight_matched']:.0%} of what" in find(labeled, "warnings").text


def test_results_join_the_query_in_python(
    labeled: Chrome, folder: Path, projected: anndata.AnnData, tmp_path: Path
) -> None:
    table = pd.read_csv(
        save(labeled, "save-csv", tmp_path, "*.csv"),
        index_col="obs_names",
        dtype={"obs_names": str},
        keep_default_na=False,
        na_values=[""],
    )
    table.index = table.index.str.removeprefix("'")
    adata = anndata.read_h5ad(folder / "query.h5ad")
    adata.obs = adata.obs.join(table)
    names = [name for name in projected.obs if name.startswith("smile_")]
    assert set(names) < set(table)
    for name in names:
        if pd.api.types.is_float_dtype(projected.obs[name]):
            np.testing.assert_allclose(adata.obs[name], projected.obs[name], atol=1e-4)
        else:
            assert adata.obs[name].tolist() == projected.obs[name].tolist()
    position = adata.obs[["X_smile_map_1", "X_smile_map_2"]].to_numpy()
    np.testing.assert_allclose(position, projected.obsm["X_smile_map"], atol=1e-3)
    embedding = np.load(save(labeled, "save-embedding", tmp_path, "*.npy"))
    np.testing.assert_allclose(embedding, projected.obsm["X_smile"], atol=1e-5)


def test_nothing_is_requested_elsewhere(start: Chrome, server: PageServer, folder: Path) -> None:
    choose(start, folder / "query.h5ad")
    names = start.execute_script("return performance.getEntries().map((entry) => entry.name)")
    assert {
        name for name in names if "://" in name and not name.startswith((server.url, f"blob:{server.url}"))
    } == set()
    refused = """
        const done = arguments[0], code = `fetch("http://127.0.0.1:9").then(() => postMessage("sent"),
            () => postMessage("refused"))`;
        const worker = new Worker(URL.createObjectURL(new Blob([code])));
        worker.onmessage = ({ data }) => fetch("http://127.0.0.1:9").then(() => done("sent"), () => done(data));
    """
    assert start.execute_async_script(refused) == "refused"
    messages = errors(start)
    assert len(messages) >= 2
    assert all("Content Security Policy" in message for message in messages)


def test_little_is_loaded_before_a_file_is_chosen(chromium: Chrome, server: PageServer, tmp_path: Path) -> None:
    server.files.asked.clear()  # type: ignore[attr-defined]
    open_page(chromium, server.url, tmp_path)
    asked = server.files.asked  # type: ignore[attr-defined]
    assert sum(len(server.files[name]) for name in asked) <= MAX_BYTES_BEFORE_FILE, asked
    assert not any("hdf5" in name or name.startswith("genes/") for name in asked), asked


def test_a_table_can_be_dropped(start: Chrome, projected: anndata.AnnData) -> None:
    script = """
        const transfer = new DataTransfer();
        transfer.items.add(new File([arguments[0]], "cells.csv"));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    """
    frame = pd.DataFrame(projected.X.toarray(), [f"cell {row}" for row in range(projected.n_obs)], projected.var_names)
    start.execute_script(script, frame.to_csv())
    wait(start).until(lambda page: find(page, "labels").text or alert(page))
    assert alert(start) == ""
    assert {label: int(row[0]) for label, row in label_rows(start).items()} == projected.obs[
        "smile_label"
    ].value_counts().to_dict()


def test_chunks_that_were_never_written_are_no_zeros(start: Chrome, projected: anndata.AnnData, tmp_path: Path) -> None:
    projected.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        values = file["X/data"][:]
        del file["X/data"]
        file["X"].create_dataset("data", values.shape, values.dtype, chunks=(1000,), compression="gzip")
        n_chunks = -(-len(values) // 1000)
        n_written = 1000 * (n_chunks - 1)
        file["X/data"][:n_written] = values[:n_written]
    choose(start, tmp_path / "query.h5ad")
    assert f"/X/data lacks 1 of its {n_chunks} chunks, which were never written" in alert(start)


def test_a_zip_archive_is_read_unless_a_member_is_changed(
    start: Chrome, projected: anndata.AnnData, tmp_path: Path
) -> None:
    table = projected.to_df().to_csv().encode()
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "cells.zip", "w", compression) as archive:
            archive.writestr("cells.csv", table)
        choose(start, tmp_path / "cells.zip")
        assert alert(start) == ""
        assert sum(int(row[0]) for row in label_rows(start).values()) == projected.n_obs
        content = bytearray((tmp_path / "cells.zip").read_bytes())
        content[content.index(b"cells.csv") + 5000] ^= 1
        (tmp_path / "changed.zip").write_bytes(content)
        find(start, "again").click()
        choose(start, tmp_path / "changed.zip")
        assert "cells.csv in it is damaged (" in alert(start)


def test_a_file_that_is_opened_for_long_can_be_cancelled(start: Chrome, folder: Path, tmp_path: Path) -> None:
    remark = gzip.compress(b"%" * 10_000_000)
    (tmp_path / "matrix.mtx.gz").write_bytes(gzip.compress(b"%%MatrixMarket matrix\n") + 100 * remark)  # 1 GB
    for name in ("barcodes.tsv", "features.tsv"):
        (tmp_path / name).write_text("a\n")
    find(start, "files").send_keys("\n".join(map(str, tmp_path.glob("*.*"))))
    find(start, "cancel").click()
    wait(start).until(lambda page: find(page, "start").is_displayed())
    assert alert(start) == ""
    choose(start, folder / "query.h5ad")
    assert alert(start) == ""
    assert label_rows(start)


def test_names_that_xml_cannot_hold_do_not_break_the_pictures(
    start: Chrome, projected: anndata.AnnData, tmp_path: Path
) -> None:
    cells = anndata.AnnData(projected.X, obs=projected.obs[[]], var=projected.var[[]])
    cells.obs["donor"] = np.where(np.arange(cells.n_obs) % 2, "a\ufffe\uffff\x07b", "<&>")
    cells.write_h5ad(tmp_path / "query.h5ad")
    choose(start, tmp_path / "query.h5ad")
    color_by(start, "obs:donor")
    wait(start).until(lambda page: "<&>" in find(page, "legend").text)
    svg = ET.parse(save(start, "save-svg", tmp_path, "*.svg"))
    texts = [each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a\ufffd\ufffd\ufffdb (100)", "<&> (100)"} <= set(texts)
    with Image.open(save(start, "save-png", tmp_path, "*.png")) as picture:
        assert picture.width > 1500


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("cells.h5ad", b"\x89HDF\r\n\x1a\n" + bytes(100), "cells.h5ad"),
        ("notes.docx", b"PK\x03\x04 not cells", "notes.docx"),
        ("cells.csv", b"cell,EGFR9,FOO\na,1,2\nb,3,4\n", "feature"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(
    chromium: Chrome, server: PageServer, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    open_page(chromium, server.url, tmp_path)
    choose(chromium, tmp_path / name)
    title, *text = alert(chromium).splitlines()
    assert title == "✕ These cells could not be labeled"
    assert sentence in " ".join(text)
    assert " ".join(text).endswith(".")
    focused = chromium.switch_to.active_element
    assert (focused.get_attribute("id"), focused.get_attribute("role")) == ("alert", "alert")
    assert find(chromium, "start").is_displayed()


def test_a_poor_fit_is_said_first_and_another_reference_is_one_click_away(
    chromium: Chrome, projected: anndata.AnnData, tmp_path: Path
) -> None:
    features = pd.read_csv(pull("pbmc").path / "features/rna.tsv", sep="\t", index_col="id")
    measured = projected.var_names.intersection(features.index[features["weight"].cumsum() < 0.3])
    weight = features.loc[measured, "weight"].sum()
    projected[:, measured].copy().write_h5ad(tmp_path / "few.h5ad")
    with served(make_site([pull("mouse-skin"), pull("pbmc")])) as server:
        open_page(chromium, server.url, tmp_path)
        cards = chromium.find_elements(By.CSS_SELECTOR, "#spaces .space")
        assert (
            "Cells labeled right in tests: 83% in batches new to it, 96% in batches that it was made from."
            in cards[1].text
        )
        choose(chromium, tmp_path / "few.h5ad")
        assert "look like gene symbols of Homo sapiens" in alert(chromium)
        chromium.find_element(By.CSS_SELECTOR, "#alert .other-references button").click()
        wait(chromium).until(lambda page: find(page, "labels").text)
        assert alert(chromium) == ""
        title, text, *_ = find(chromium, "warnings").text.splitlines()
        assert title == f"⚠ Warning: Your file has only {weight:.0%} of what this reference recognizes cells by"
        assert text.startswith(
            f"The file measured only {weight:.0%} of the reference's feature weight ({len(measured)} of"
        )
        assert find(chromium, "warnings").location["y"] < find(chromium, "figures").location["y"]
        offered = find(chromium, "warnings").find_elements(By.TAG_NAME, "button")
        assert offered == [], "a reference of another species is offered"
        chips = chromium.find_elements(By.CSS_SELECTOR, "#drivers button")
        assert [chip.is_enabled() for chip in chips] == [chip.text in measured for chip in chips]
        find(chromium, "features").find_element(By.TAG_NAME, "summary").click()
        missing = features.drop(measured)["weight"].sort_values(ascending=False)
        first = chromium.find_element(By.CSS_SELECTOR, "#features .missing").text.split(", ")[0]
        assert first == f"{missing.index[0]} ({missing.iloc[0]:.2%})"
    assert errors(chromium) == []


def test_labels_stay_if_another_reference_refuses_the_file(
    chromium: Chrome, projected: anndata.AnnData, tmp_path: Path
) -> None:
    strict = tmp_path / "strict"
    shutil.copytree(pull("pbmc").path, strict)
    manifest = json.loads((strict / "config.json").read_bytes())
    manifest |= {"name": "strict", "title": "Strict"}
    manifest["encoders"]["rna"]["min_matched"] = 1.0
    (strict / "config.json").write_text(json.dumps(manifest))
    projected[:, np.arange(projected.n_vars) % 10 > 0].copy().write_h5ad(tmp_path / "query.h5ad")
    with served(make_site([pull("pbmc"), pull(strict)])) as server:
        open_page(chromium, server.url, tmp_path)
        choose(chromium, tmp_path / "query.h5ad")
        assert alert(chromium) == ""
        labels = label_rows(chromium)
        chromium.execute_script("document.getElementById('other-reference').open = true")
        button = find(chromium, "summary").find_element(By.CSS_SELECTOR, ".other-references button")
        chromium.execute_script("arguments[0].click()", button)
        wait(chromium).until(alert)
        title, text, *_ = alert(chromium).splitlines()
        assert title == "✕ Strict could not label these cells; the labels below are of Human PBMC, five studies"
        assert "100.0% is needed" in text
        assert label_rows(chromium) == labels
        color_by(chromium, "feature:")  # from the file, which is open again
        find(chromium, "feature").send_keys("lyz", Keys.ENTER)
        wait(chromium).until(lambda page: find(page, "legend").text.startswith("LYZ"))
    assert errors(chromium) == []


def test_results_stay_if_another_file_is_bad(start: Chrome, folder: Path, tmp_path: Path) -> None:
    choose(start, folder / "query.h5ad")
    labels = label_rows(start)
    (tmp_path / "empty.csv").touch()
    find(start, "files").send_keys(str(tmp_path / "empty.csv"))
    wait(start).until(alert)
    title = alert(start).splitlines()[0]
    assert title == "✕ empty.csv could not be labeled; the results below are of query.h5ad"
    assert label_rows(start) == labels


def test_a_second_file_waits_for_the_first(start: Chrome, folder: Path) -> None:
    start.execute_script(
        """
        const note = document.getElementById("working-note");
        new MutationObserver(() => { window.note ||= note.textContent; }).observe(note, { childList: true });
        const drop = (name) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["cell,EGFR9"], name));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
        };
        drop("first.csv");
        drop("second.csv");
        """
    )
    wait(start).until(alert)
    assert start.execute_script("return window.note") == "Still reading first.csv; cancel it to open another file."


def test_results_of_an_earlier_file_are_never_shown_again(start: Chrome, folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "query.h5ad", tmp_path / "second.h5ad")
    choose(start, folder / "query.h5ad")
    start.execute_script(
        """
        window.titles = [];
        const [summary, title] = ["summary", "summary-title"].map((id) => document.getElementById(id));
        new MutationObserver(() => {
            if (!summary.hidden) titles.push(title.textContent);
        }).observe(document.body, { attributes: true, attributeFilter: ["data-state"] });
        """
    )
    find(start, "files").send_keys(str(tmp_path / "second.h5ad"))
    wait(start).until(lambda page: page.execute_script("return titles.length"))
    assert start.execute_script("return titles") == ["second.h5ad"]


def test_peaks_are_shown_as_present_or_absent_and_named_peaks(
    chromium: Chrome, tmp_path: Path, present_peaks: anndata.AnnData
) -> None:
    present_peaks.write_h5ad(tmp_path / "peaks.h5ad")
    chrom, start, end = present_peaks.var_names[0].replace("-", ":").split(":")
    with served(make_site([pull("bone-marrow-atac")])) as server:
        open_page(chromium, server.url, tmp_path)
        choose(chromium, tmp_path / "peaks.h5ad")
        assert alert(chromium) == ""
        assert find(chromium, "features-title").text == "Peaks of the reference in your file"
        assert find(chromium, "drivers-title").text == "Peaks that mark a label"
        color_by(chromium, "feature:")
        assert "Type the name of a peak." in find(chromium, "map-caption").text
        find(chromium, "feature").send_keys(f"{chrom}_{start}_{end}", Keys.ENTER)
        wait(chromium).until(lambda page: find(page, "legend").text.startswith("chr"))
        assert find(chromium, "legend").text.splitlines()[:4] == [
            present_peaks.var_names[0],
            "0",
            "1",
            "1: found in the cell, 0: not found",
        ]
        picture = save(chromium, "save-svg", tmp_path, "*.svg")
        assert picture.name == f"peaks.smile-map-{chrom}_{start}-{end}.svg"
    assert errors(chromium) == []


@pytest.fixture
def present_peaks() -> anndata.AnnData:
    """Cells with peaks of the packaged space of chromatin; the first one is in half of them."""
    peaks = pd.read_csv(pull("bone-marrow-atac").path / "features/atac.tsv", sep="\t")["id"]
    values = np.random.default_rng(0).poisson(0.1, (20, len(peaks))).astype(np.float32)
    values[:, 0] = 3 * (np.arange(20) % 2)
    return anndata.AnnData(csr_matrix(values), var=pd.DataFrame(index=peaks.tolist()))


def test_results_of_a_folder_bear_its_name(start: Chrome, projected: anndata.AnnData, tmp_path: Path) -> None:
    folder = tmp_path / "sample 1"
    folder.mkdir()
    mmwrite(folder / "matrix.mtx", csr_matrix(projected.X.T))
    for name, lines in {"barcodes.tsv": range(projected.n_obs), "genes.tsv": projected.var_names}.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    find(start, "folder").send_keys(str(folder))
    wait(start).until(lambda page: find(page, "labels").text or alert(page))
    assert alert(start) == ""
    assert find(start, "summary-title").text == "sample 1"
    assert save(start, "save-csv", tmp_path, "*.csv").name == "sample_1.smile.csv"


def test_scaled_values_are_refused_and_another_layer_is_taken(
    start: Chrome, projected: anndata.AnnData, tmp_path: Path
) -> None:
    values = projected.X.toarray()
    scaled = anndata.AnnData(
        (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9), var=projected.var, layers={"log": projected.X}
    )
    scaled.write_h5ad(tmp_path / "scaled.h5ad")
    choose(start, tmp_path / "scaled.h5ad")
    assert "values are negative, so they were scaled" in alert(start)
    assert "layer 'log'" in alert(start)
    find(start, "layer").send_keys("log")
    find(start, "retry").click()
    wait(start).until(lambda page: find(page, "labels").text)
    assert alert(start) == ""
    assert {label: int(row[0]) for label, row in label_rows(start).items()} == projected.obs[
        "smile_label"
    ].value_counts().to_dict()


def test_another_file_follows_a_bad_one(start: Chrome, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    choose(start, tmp_path / "empty.csv")
    assert alert(start) != ""
    find(start, "files").send_keys(str(folder / "query.h5ad"))
    wait(start).until(lambda page: find(page, "labels").text)
    assert alert(start) == ""


def test_a_changed_file_of_a_space_is_not_used(chromium: Chrome, server: PageServer, tmp_path: Path) -> None:
    (name,) = (name for name in server.files if name.endswith("reference/points.safetensors"))
    original = server.files[name]
    server.files[name] = original[:-1] + bytes([original[-1] ^ 1])
    try:
        chromium.get(server.url)
        wait(chromium).until(alert)
    finally:
        server.files[name] = original
    assert "The reference could not be opened" in alert(chromium)
    assert "points.safetensors" in alert(chromium)
    assert "start smile-zoo web again, or copy the whole exported site again, and reload the page." in alert(chromium)


def test_a_changed_gene_table_is_not_used(chromium: Chrome, server: PageServer, folder: Path, tmp_path: Path) -> None:
    original = server.files["genes/human.tsv.gz"]
    server.files["genes/human.tsv.gz"] = original[:-1] + bytes([original[-1] ^ 1])
    try:
        open_page(chromium, server.url, tmp_path)
        choose(chromium, folder / "query.h5ad")
    finally:
        server.files["genes/human.tsv.gz"] = original
    assert "genes/human.tsv.gz was changed: its sha256 is" in alert(chromium)
    assert "copy the whole exported site again" in alert(chromium)


def test_a_missing_code_file_is_explained(chromium: Chrome, server: PageServer, folder: Path, tmp_path: Path) -> None:
    advice = "start smile-zoo web again, or copy the whole exported site again, and reload the page"
    for part in ("hdf5_hl", "worker"):
        (name,) = (name for name in server.files if name.startswith(f"assets/{part}") and name.endswith(".js"))
        content = server.files.pop(name)
        try:
            if part == "worker":
                chromium.get(server.url)
                wait(chromium).until(alert)
            else:
                open_page(chromium, server.url, tmp_path)
                choose(chromium, folder / "query.h5ad")
        finally:
            server.files[name] = content
        assert alert(chromium).splitlines() == [
            "✕ The page is not complete",
            f"A file of the page's code cannot be loaded; {advice}.",
        ]


def test_a_damaged_list_of_spaces_is_explained(chromium: Chrome, server: PageServer) -> None:
    original = server.files["spaces.json"]
    server.files["spaces.json"] = b"<!DOCTYPE html><title>Not here</title>"
    try:
        chromium.get(server.url)
        wait(chromium).until(alert)
    finally:
        server.files["spaces.json"] = original
    assert alert(chromium) == (
        "✕ The page could not start\nThe list of spaces, spaces.json, cannot be used: it is no JSON but begins with "
        '"<!DOCTYPE html><title>Not here</title>". Copy the whole folder written by smile-zoo web --export to the '
        "server again, and reload this page."
    )


def test_another_manifest_than_the_listed_one_is_not_used(chromium: Chrome, server: PageServer) -> None:
    original = server.files["spaces.json"]
    server.files["spaces.json"] = original.replace(pull("pbmc").manifest_sha256.encode(), b"0" * 64)
    try:
        chromium.get(server.url)
        wait(chromium).until(alert)
    finally:
        server.files["spaces.json"] = original
    assert "its sha256 differs" in alert(chromium)


def test_the_map_is_colored_by_labels_batches_and_genes(labeled: Chrome) -> None:
    labeled.execute_script("document.getElementById('map-title').scrollIntoView()")
    find(labeled, "write-names").click()
    by_label = map_pixels(labeled)
    color_by(labeled, "obs:donor")
    wait(labeled).until(lambda page: "two" in find(page, "legend").text)
    legend = find(labeled, "legend").text.splitlines()
    assert legend[:5] == ["donor", "two", "150", "<i>one</i>", "50"]
    by_donor = map_pixels(labeled)
    assert (by_donor != by_label).any(axis=2).sum() > 100
    color_by(labeled, "feature:")
    for written, title in (("lyz", "LYZ"), ("CD20", "MS4A1 (CD20)"), ("NOGENE", "NOGENE")):
        find(labeled, "feature").clear()
        find(labeled, "feature").send_keys(written, Keys.ENTER)
        wait(labeled).until(lambda page, title=title: find(page, "legend").text.splitlines()[0] == title)
    assert "NOGENE was not measured in this file" in find(labeled, "legend").text
    assert "NOGENE was not measured in this file" in find(labeled, "map-caption").text
    color_by(labeled, "label:cell_type")  # the menu starts with the labels again
    titles = [option.text for option in Select(find(labeled, "color-by")).options]
    assert len(titles) == len(set(titles))


def test_hidden_labels_leave_the_map(labeled: Chrome) -> None:
    labeled.execute_script("document.getElementById('map-title').scrollIntoView()")
    everything = map_pixels(labeled)
    hide = next(
        button for button in labeled.find_elements(By.CSS_SELECTOR, "#legend button") if button.text == "Hide all"
    )
    hide.click()
    wait(labeled).until(lambda page: (map_pixels(page) != everything).any(axis=2).sum() > 100)
    colorful = np.ptp(map_pixels(labeled), axis=2) > 60
    assert colorful[100:].sum() == 0, "cells are still drawn, although all labels are hidden"


def test_a_lasso_selects_cells(labeled: Chrome, projected: anndata.AnnData, tmp_path: Path) -> None:
    labeled.execute_script("document.getElementById('map-title').scrollIntoView()")
    find(labeled, "lasso").click()
    box = map_box(labeled)
    corners = [(0.02, 0.1), (0.02, 0.98), (0.98, 0.98), (0.98, 0.1), (0.05, 0.1)]
    drag = ActionChains(labeled)
    pointer = drag.w3c_actions.pointer_action
    for index, (x, y) in enumerate(corners):
        pointer.move_to_location(round(box[0] + x * box[2]), round(box[1] + y * box[3]))
        pointer.pause(0.05)
        if index == 0:
            pointer.pointer_down()
    pointer.pointer_up()
    drag.perform()
    wait(labeled).until(lambda page: find(page, "selection").is_displayed())
    n_selected = int(find(labeled, "selection").text.split()[0])
    assert n_selected > 0.8 * projected.n_obs
    find(labeled, "selection").find_elements(By.TAG_NAME, "button")[0].click()
    wait(labeled).until(lambda _: list(tmp_path.glob("*.selected.txt")))
    names = next(tmp_path.glob("*.selected.txt")).read_text("utf-8").splitlines()
    assert len(names) == n_selected
    assert set(names) <= set(projected.obs_names)
    labeled.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    assert not find(labeled, "selection").is_displayed()
    assert find(labeled, "lasso").get_attribute("aria-pressed") == "false"


def test_the_map_is_moved_by_keyboard(labeled: Chrome) -> None:
    find(labeled, "reset-view").send_keys(Keys.ENTER)
    before = first_name_left(labeled)
    find(labeled, "map").send_keys(Keys.ARROW_LEFT)
    wait(labeled).until(lambda page: first_name_left(page) > before + 20)
    find(labeled, "map").send_keys("0")
    wait(labeled).until(lambda page: first_name_left(page) == pytest.approx(before, abs=1))


def test_a_label_is_selected_by_keyboard(labeled: Chrome, projected: anndata.AnnData) -> None:
    button = labeled.find_element(By.CSS_SELECTOR, "#labels button")
    label = button.text
    button.send_keys(Keys.ENTER)
    wait(labeled).until(lambda page: find(page, "selection").is_displayed())
    n = (projected.obs["smile_label"] == label).sum()
    assert find(labeled, "selection").text.startswith(f"{n} cells selected")
    assert Select(find(labeled, "driver-label")).first_selected_option.text == label


def test_pictures_and_report_are_saved(labeled: Chrome, projected: anndata.AnnData, tmp_path: Path) -> None:
    find(labeled, "reset-view").click()
    svg = save(labeled, "save-svg", tmp_path, "*.svg").read_text("utf-8")
    assert ">query.h5ad</text>" in svg
    assert ">200 cells in the reference Human PBMC, five studies (pbmc)</text>" in svg
    assert 'paint-order="stroke"' in svg, "the names on the map are missing"
    reference, *groups = (line.count("M") for line in svg.splitlines() if line.startswith("<path"))
    assert reference == 1000
    assert sum(groups) == projected.n_obs
    picture = Image.open(save(labeled, "save-png", tmp_path, "*.png"))
    assert picture.width > 1500
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    report = save(labeled, "save-report", tmp_path, "*.html")
    window = labeled.current_window_handle
    labeled.switch_to.new_window("tab")
    labeled.get(report.as_uri())
    text = labeled.find_element(By.TAG_NAME, "body").text
    labeled.close()
    labeled.switch_to.window(window)
    assert projected.uns["smile"]["manifest_sha256"] in text
    assert f"{(projected.obs['smile_label'] == 'B').sum()}" in text


def test_the_single_file_works_without_a_server(
    chromium: Chrome, folder: Path, projected: anndata.AnnData, tmp_path: Path
) -> None:
    write_single_file(pull("pbmc"), tmp_path / "pbmc.html")
    open_page(chromium, (tmp_path / "pbmc.html").as_uri(), tmp_path)
    choose(chromium, folder / "query.h5ad")
    assert alert(chromium) == ""
    counts = {label: int(row[0]) for label, row in label_rows(chromium).items()}
    assert counts == projected.obs["smile_label"].value_counts().to_dict()
    assert errors(chromium) == []


def test_other_encoders_run_in_onnxruntime(
    chromium: Chrome, folder: Path, projected: anndata.AnnData, tmp_path: Path
) -> None:
    space = tmp_path / "dense"
    shutil.copytree(pull("pbmc").path, space)
    manifest = json.loads((space / "config.json").read_bytes())
    encoder = manifest["encoders"]["rna"]
    del encoder["sparse"], encoder["similarity"], encoder["label_sets"]  # both are computed from the first layer
    for calibration in encoder["calibrations"].values():
        del calibration["weights"]
    (space / "config.json").write_text(json.dumps(manifest))
    with served(make_site([pull(space)])) as server:
        open_page(chromium, server.url, tmp_path)
        choose(chromium, folder / "query.h5ad")
        assert alert(chromium) == ""
        counts = {label: int(row[0]) for label, row in label_rows(chromium).items()}
        assert [text for text in errors(chromium) if "No available adapters" not in text] == []  # of WebGPU
    assert counts == projected.obs["smile_nearest_label"].value_counts().to_dict()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_follows_the_color_scheme(
    chromium: Chrome, server: PageServer, folder: Path, tmp_path: Path, scheme: str
) -> None:
    metrics = {"width": 375, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        open_page(chromium, server.url, tmp_path)
        assert chromium.execute_script("return document.documentElement.scrollWidth") == 375
        button = find(chromium, "choose-files").rect
        assert button["y"] + button["height"] < 800, "the button to choose a file is not on the first screen"
        choose(chromium, folder / "query.h5ad")
        assert chromium.execute_script("return document.documentElement.scrollWidth") == 375
        chromium.execute_script("document.getElementById('map').scrollIntoView()")
        before = first_name_left(chromium)
        drag_by_touch(chromium, 40, fingers=1)
        assert first_name_left(chromium) == pytest.approx(before, abs=1)
        scrolled = chromium.execute_script("return scrollY")
        drag_by_touch(chromium, 0, -150, fingers=1)
        assert chromium.execute_script("return scrollY") > scrolled + 100, "one finger does not scroll the page"
        chromium.execute_script("document.getElementById('map').scrollIntoView()")
        drag_by_touch(chromium, 40, fingers=2)
        wait(chromium).until(lambda page: first_name_left(page) == pytest.approx(before + 40, abs=4))
        background = np.median(map_pixels(chromium)[-40:].reshape(-1, 3), axis=0)
        assert background.tolist() == ([255, 255, 255] if scheme == "light" else [21, 25, 29])
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
