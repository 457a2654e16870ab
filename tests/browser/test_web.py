"""The web page in a browser: it labels cells as Python does, sends nothing, and says what is wrong with a file."""

import gzip
import io
import json
import re
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Download, Page, expect
from scipy.io import mmwrite
from scipy.sparse import csr_matrix
from served_page import SECONDS, open_page, served

from smile_zoo.transfer import pull
from smile_zoo.web import PageServer, make_site, write_single_file

MAX_BYTES_BEFORE_FILE = 1_500_000


@pytest.fixture
def start(page: Page, server: PageServer) -> Page:
    """The page before a file is chosen."""
    open_page(page, server.url)
    return page


@pytest.fixture(scope="module")
def labeled_page(new_page: Callable[..., Page], server: PageServer, folder: Path) -> Iterator[Page]:
    """The page with the labeled cells."""
    with new_page() as page:
        open_page(page, server.url)
        label(page, folder / "query.h5ad")
        yield page


@pytest.fixture
def labeled(labeled_page: Page) -> Page:
    """The page with the labeled cells, none of them selected, colored by label."""
    labeled_page.keyboard.press("Escape")
    labeled_page.locator("#write-names").check()
    labeled_page.locator("#label-column").select_option("cell_type")
    labeled_page.locator("#color-by").select_option("label:cell_type")
    labeled_page.get_by_role("button", name="Show all").click()
    return labeled_page


def label(page: Page, *files: Path) -> None:
    """Choose files, and wait until they are labeled."""
    page.locator("#files").set_input_files(files)
    expect_labels(page)


def expect_labels(page: Page) -> None:
    """Wait until cells are labeled."""
    expect(page.locator("#alert, #status")).to_have_text(["", re.compile("^Done: ")])


def label_rows(page: Page) -> dict[str, list[str]]:
    """Return the cells of the label table by label."""
    rows = [row.locator("th, td").all_inner_texts() for row in page.locator("#labels tbody tr").all()]
    return {label: rest for label, *rest in rows}


def label_counts(page: Page) -> dict[str, int]:
    """Return how many cells have each label, as the label table shows it."""
    return {label: int(row[0]) for label, row in label_rows(page).items()}


def save(page: Page, button: str) -> Download:
    """Press a button and return the file that it saves."""
    with page.expect_download() as download:
        page.locator(button).click()
    return download.value


def color_by_feature(page: Page, name: str) -> None:
    page.locator("#color-by").select_option("feature:")
    page.locator("#feature").fill(name)
    page.locator("#feature").press("Enter")


def first_name_left(page: Page) -> float:
    """Return where on the screen the first name is written that fits the map."""
    box = page.locator(".names span:not([hidden])").first.bounding_box()
    assert box is not None
    return box["x"]


def map_box(page: Page) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the map in the window."""
    page.locator("#map").scroll_into_view_if_needed()
    box = page.locator("#map").bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def map_pixels(page: Page) -> np.ndarray:
    """Return the colors of the map, shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(page.locator("#map").screenshot())).convert("RGB")).astype(int)


def wait_for_map(page: Page, condition: Callable[[np.ndarray], bool]) -> np.ndarray:
    """Wait until a condition holds for the colors of the map, and return them."""
    end = time.monotonic() + SECONDS
    while not condition(pixels := map_pixels(page)):
        assert time.monotonic() < end, "the map does not change as it should"
    return pixels


def drag_by_touch(page: Page, right: int, down: int = 0, *, fingers: int) -> None:
    """Move fingers by pixels, from the middle of the map."""
    left, top, width, height = map_box(page)
    x, y = left + width / 2, top + height / 2
    ys = [y + 60 * finger for finger in range(fingers)]
    moves = [(0, 0), (1, 0), *((right * step // 5, down * step // 5) for step in range(6))]
    devtools = page.context.new_cdp_session(page)  # Playwright itself only taps
    for number, (across, along) in enumerate(moves):
        kind = "touchMove" if number else "touchStart"
        points = [{"x": x + across, "y": y + along, "id": finger} for finger, y in enumerate(ys)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_labels_are_those_of_the_command(labeled: Page, projected: anndata.AnnData) -> None:
    counts = projected.obs["smile_label"].value_counts()
    confidence = projected.obs.groupby("smile_label", observed=True)["smile_confidence"].mean()
    confidence_text = {label: f"{mean:.3f}" for label, mean in confidence.items()} | {"unknown": "–"}
    assert label_rows(labeled) == {
        label: [f"{n:,}", f"{n / projected.n_obs:.1%}", confidence_text[label]] for label, n in counts.items()
    }
    labeled.locator("#label-column").select_option(label="cell type (broad)")
    assert label_counts(labeled) == projected.obs["smile_label_cell_type_broad"].value_counts().to_dict()
    stored = projected.uns["smile"]
    expect(labeled.locator("#provenance")).to_contain_text(stored["manifest_sha256"])
    expect(labeled.locator("#figures")).to_contain_text(f"{stored['n_features_matched']:,} of")
    batches, similar = (f"{stored[name]:.0%}" for name in ("accuracy_left_out_batches", "expected_accuracy"))
    notes = labeled.locator("#notes")
    expect(notes).to_have_text(
        re.compile(
            f"^Expect at most about {batches} of labels to be right, as in tests on batches new to the reference, "
        )
    )
    expect(notes).to_contain_text(f"It was {similar} for cells like yours")
    expect(notes).to_contain_text(
        f"a typical cell of your file shows {stored['median_detected']} of the reference's genes"
    )
    expect(labeled.locator("#warnings")).to_contain_text(f"with {stored['weight_matched']:.0%} of the weight")


def test_results_join_the_query_in_python(labeled: Page, folder: Path, projected: anndata.AnnData) -> None:
    table = pd.read_csv(
        save(labeled, "#save-csv").path(),
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
    embedding = np.load(save(labeled, "#save-embedding").path())
    np.testing.assert_allclose(embedding, projected.obsm["X_smile"], atol=1e-5)


def test_nothing_is_requested_elsewhere(page: Page, problems: list[str], server: PageServer, folder: Path) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    open_page(page, server.url)
    label(page, folder / "query.h5ad")
    assert f"{server.url}genes/human.tsv.gz" in requested  # by the worker
    assert [url for url in requested if not url.startswith((server.url, f"blob:{server.url}"))] == []
    # what answers every request, so that only the page's own policy can refuse one
    page.route("http://elsewhere.test", lambda route: route.fulfill(headers={"Access-Control-Allow-Origin": "*"}))
    refused = """() => {
        const code = `fetch("http://elsewhere.test").then(() => postMessage("sent"), () => postMessage("refused"))`;
        const worker = new Worker(URL.createObjectURL(new Blob([code])));
        const inWorker = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
        const inPage = fetch("http://elsewhere.test").then(() => "sent", () => "refused");
        return Promise.all([inPage, inWorker]);
    }"""
    assert page.evaluate(refused) == ["refused", "refused"]
    assert problems
    assert all("Content Security Policy" in message for message in problems)
    problems.clear()


def test_little_is_loaded_before_a_file_is_chosen(page: Page, server: PageServer) -> None:
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    open_page(page, server.url)
    names = [url.removeprefix(server.url) or "index.html" for url in requested if url.startswith(server.url)]
    assert sum(len(server.files[name]) for name in names) <= MAX_BYTES_BEFORE_FILE, names
    assert not any("hdf5" in name or name.startswith("genes/") for name in names), names


def test_a_table_can_be_dropped(start: Page, projected: anndata.AnnData) -> None:
    frame = pd.DataFrame(projected.X.toarray(), [f"cell {row}" for row in range(projected.n_obs)], projected.var_names)
    start.locator("body").drop(
        {"files": {"name": "cells.csv", "mimeType": "text/csv", "buffer": frame.to_csv().encode()}}
    )
    expect_labels(start)
    assert label_counts(start) == projected.obs["smile_label"].value_counts().to_dict()


def test_chunks_that_were_never_written_are_no_zeros(start: Page, projected: anndata.AnnData, tmp_path: Path) -> None:
    projected.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "a") as file:
        values = file["X/data"][:]
        del file["X/data"]
        file["X"].create_dataset("data", values.shape, values.dtype, chunks=(1000,), compression="gzip")
        n_chunks = -(-len(values) // 1000)
        n_written = 1000 * (n_chunks - 1)
        file["X/data"][:n_written] = values[:n_written]
    start.locator("#files").set_input_files(tmp_path / "query.h5ad")
    expect(start.locator("#alert")).to_contain_text(f"/X/data lacks 1 of its {n_chunks} chunks (never written)")


def test_a_zip_archive_is_read_unless_a_member_is_changed(
    start: Page, projected: anndata.AnnData, tmp_path: Path
) -> None:
    table = projected.to_df().to_csv().encode()
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "cells.zip", "w", compression) as archive:
            archive.writestr("cells.csv", table)
        label(start, tmp_path / "cells.zip")
        assert sum(label_counts(start).values()) == projected.n_obs
        content = bytearray((tmp_path / "cells.zip").read_bytes())
        content[content.index(b"cells.csv") + 5000] ^= 1
        (tmp_path / "changed.zip").write_bytes(content)
        start.locator("#again").click()
        start.locator("#files").set_input_files(tmp_path / "changed.zip")
        expect(start.locator("#alert")).to_contain_text("cells.csv in it is damaged (")


def test_a_file_that_is_opened_for_long_can_be_cancelled(start: Page, folder: Path, tmp_path: Path) -> None:
    remark = gzip.compress(b"%" * 10_000_000)
    (tmp_path / "matrix.mtx.gz").write_bytes(gzip.compress(b"%%MatrixMarket matrix\n") + 100 * remark)  # 1 GB
    for name in ("barcodes.tsv", "features.tsv"):
        (tmp_path / name).write_text("a\n")
    start.locator("#files").set_input_files(list(tmp_path.iterdir()))
    start.locator("#cancel").click()
    expect(start.locator("#start")).to_be_visible()
    expect(start.locator("#alert")).to_be_empty()
    label(start, folder / "query.h5ad")
    assert label_rows(start)


def test_names_that_xml_cannot_hold_do_not_break_the_pictures(
    start: Page, projected: anndata.AnnData, tmp_path: Path
) -> None:
    cells = anndata.AnnData(projected.X, obs=projected.obs[[]], var=projected.var[[]])
    cells.obs["donor"] = np.where(np.arange(cells.n_obs) % 2, "a\ufffe\uffff\x07b", "<&>")
    cells.write_h5ad(tmp_path / "query.h5ad")
    label(start, tmp_path / "query.h5ad")
    start.locator("#color-by").select_option("obs:donor")
    expect(start.locator("#legend")).to_contain_text("<&>")
    svg = ET.parse(save(start, "#save-svg").path())
    texts = [each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a\ufffd\ufffd\ufffdb (100)", "<&> (100)"} <= set(texts)
    with Image.open(save(start, "#save-png").path()) as picture:
        assert picture.width > 1500


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("cells.h5ad", b"\x89HDF\r\n\x1a\n" + bytes(100), r"cells\.h5ad.*\.$"),
        ("notes.docx", b"PK\x03\x04 not cells", r"notes\.docx.*\.$"),
        ("cells.csv", b"cell,EGFR9,FOO\na,1,2\nb,3,4\n", r"feature.*\.$"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(
    start: Page, problems: list[str], tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    start.locator("#files").set_input_files(tmp_path / name)
    alert = start.get_by_role("alert")
    expect(alert.locator("strong")).to_have_text("✕ These cells could not be labeled")
    expect(alert).to_have_text(re.compile(sentence))
    expect(alert).to_be_focused()
    expect(start.locator("#start")).to_be_visible()
    problems.clear()  # what the HDF5 library prints


def test_a_poor_fit_is_said_first_and_another_reference_is_one_click_away(
    page: Page, projected: anndata.AnnData, tmp_path: Path
) -> None:
    features = pd.read_csv(pull("pbmc").path / "features/rna.tsv", sep="\t", index_col="id")
    measured = projected.var_names.intersection(features.index[features["weight"].cumsum() < 0.3])
    weight = features.loc[measured, "weight"].sum()
    projected[:, measured].copy().write_h5ad(tmp_path / "few.h5ad")
    with served(make_site([pull("mouse-skin"), pull("pbmc")])) as server:
        open_page(page, server.url)
        expect(page.locator("#spaces .space").nth(1)).to_contain_text(
            "Cells labeled right in tests: 85% in batches new to it, 96% in batches that it was made from."
        )
        page.locator("#files").set_input_files(tmp_path / "few.h5ad")
        expect(page.locator("#alert")).to_contain_text("look like gene symbols of Homo sapiens")
        page.locator("#alert .other-references button").click()
        expect_labels(page)
        warnings = page.locator("#warnings")
        expect(warnings.locator("strong")).to_have_text(
            "⚠ Warning: Your file lacks many genes that this reference recognizes cells by"
        )
        text = f"The file has only {len(measured)} of 2,000 features, with {weight:.0%} of the weight by which"
        expect(warnings.locator("p").first).to_have_text(re.compile(f"^{re.escape(text)}"))
        above, below = warnings.bounding_box(), page.locator("#figures").bounding_box()
        assert above is not None
        assert below is not None
        assert above["y"] < below["y"]
        expect(warnings.get_by_role("button"), "a reference of another species is offered").to_have_count(0)
        for chip in page.locator("#drivers button").all():
            expect(chip).to_be_enabled(enabled=chip.inner_text() in measured)
        page.locator("#features summary").click()
        missing = features.drop(measured)["weight"].sort_values(ascending=False)
        expect(page.locator("#features .missing")).to_have_text(
            re.compile(f"^{re.escape(f'{missing.index[0]} ({missing.iloc[0]:.2%})')}, ")
        )


def test_labels_stay_if_another_reference_refuses_the_file(
    page: Page, projected: anndata.AnnData, tmp_path: Path
) -> None:
    strict = tmp_path / "strict"
    shutil.copytree(pull("pbmc").path, strict)
    manifest = json.loads((strict / "config.json").read_bytes())
    manifest |= {"name": "strict", "title": "Strict"}
    manifest["encoders"]["rna"]["min_matched"] = 1.0
    (strict / "config.json").write_text(json.dumps(manifest))
    projected[:, np.arange(projected.n_vars) % 10 > 0].copy().write_h5ad(tmp_path / "query.h5ad")
    with served(make_site([pull("pbmc"), pull(strict)])) as server:
        open_page(page, server.url)
        label(page, tmp_path / "query.h5ad")
        labels = label_rows(page)
        page.locator("#summary .other-references button").click()
        expect(page.locator("#alert strong")).to_have_text(
            "✕ Strict could not label these cells; the labels below are of Human PBMC, five studies"
        )
        expect(page.locator("#alert p").first).to_contain_text("100.0% is needed")
        assert label_rows(page) == labels
        color_by_feature(page, "lyz")  # from the file, which is open again
        expect(page.locator("#legend h3")).to_have_text("LYZ")


def test_results_stay_if_another_file_is_bad(start: Page, folder: Path, tmp_path: Path) -> None:
    label(start, folder / "query.h5ad")
    labels = label_rows(start)
    (tmp_path / "empty.csv").touch()
    start.locator("#files").set_input_files(tmp_path / "empty.csv")
    expect(start.locator("#alert strong")).to_have_text(
        "✕ empty.csv could not be labeled; the results below are of query.h5ad"
    )
    assert label_rows(start) == labels


def test_a_second_file_waits_for_the_first(start: Page) -> None:
    note = start.evaluate("""() => {
        const drop = (name) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["cell,EGFR9"], name));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
        };
        const note = document.getElementById("working-note");
        drop("first.csv");
        drop("second.csv");
        return new Promise((resolve) => {
            new MutationObserver(() => resolve(note.textContent)).observe(note, { childList: true });
        });
    }""")
    assert note == "Still reading first.csv; cancel it to open another file."


def test_results_of_an_earlier_file_are_never_shown_again(start: Page, folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "query.h5ad", tmp_path / "second.h5ad")
    label(start, folder / "query.h5ad")
    start.evaluate("""() => {
        window.titles = [];
        const [summary, title] = ["summary", "summary-title"].map((id) => document.getElementById(id));
        new MutationObserver(() => {
            if (!summary.hidden) titles.push(title.textContent);
        }).observe(document.body, { attributes: true, attributeFilter: ["data-state"] });
    }""")
    label(start, tmp_path / "second.h5ad")
    assert start.evaluate("titles") == ["second.h5ad"]


def test_peaks_are_shown_as_present_or_absent_and_named_peaks(
    page: Page, tmp_path: Path, present_peaks: anndata.AnnData
) -> None:
    present_peaks.write_h5ad(tmp_path / "peaks.h5ad")
    peak = present_peaks.var_names[0]
    chrom, start, end = peak.replace("-", ":").split(":")
    with served(make_site([pull("bone-marrow-atac")])) as server:
        open_page(page, server.url)
        label(page, tmp_path / "peaks.h5ad")
        expect(page.locator("#features-title")).to_have_text("Peaks of the reference in your file")
        expect(page.locator("#drivers-title")).to_have_text("Peaks that mark a label")
        page.locator("#color-by").select_option("feature:")
        expect(page.locator("#map-caption")).to_contain_text("Type the name of a peak.")
        color_by_feature(page, f"{chrom}_{start}_{end}")
        expect(page.locator("#legend h3")).to_have_text(peak)
        expect(page.locator("#legend .scale-ends span")).to_have_text(["0", "1"])
        expect(page.locator("#legend .caption")).to_have_text("1: found in the cell, 0: not found")
        assert save(page, "#save-svg").suggested_filename == f"peaks.smile-map-{chrom}_{start}-{end}.svg"


@pytest.fixture
def present_peaks() -> anndata.AnnData:
    """Cells with peaks of the packaged space of chromatin; the first one is in half of them."""
    peaks = pd.read_csv(pull("bone-marrow-atac").path / "features/atac.tsv", sep="\t")["id"]
    values = np.random.default_rng(0).poisson(0.1, (20, len(peaks))).astype(np.float32)
    values[:, 0] = 3 * (np.arange(20) % 2)
    return anndata.AnnData(csr_matrix(values), var=pd.DataFrame(index=peaks.tolist()))


def test_results_of_a_folder_bear_its_name(start: Page, projected: anndata.AnnData, tmp_path: Path) -> None:
    folder = tmp_path / "sample 1"
    folder.mkdir()
    mmwrite(folder / "matrix.mtx", csr_matrix(projected.X.T))
    for name, lines in {"barcodes.tsv": range(projected.n_obs), "genes.tsv": projected.var_names}.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    start.locator("#folder").set_input_files(folder)
    expect_labels(start)
    expect(start.locator("#summary-title")).to_have_text("sample 1")
    assert save(start, "#save-csv").suggested_filename == "sample_1.smile.csv"


def test_scaled_values_are_refused_and_another_layer_is_taken_for_this_file_alone(
    start: Page, projected: anndata.AnnData, folder: Path, tmp_path: Path
) -> None:
    values = projected.X.toarray()
    scaled = anndata.AnnData(
        (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9), var=projected.var, layers={"log": projected.X}
    )
    scaled.write_h5ad(tmp_path / "scaled.h5ad")
    start.locator("#files").set_input_files(tmp_path / "scaled.h5ad")
    expect(start.locator("#alert")).to_contain_text("values are negative, so the values were scaled")
    expect(start.locator("#alert")).to_contain_text(
        "the layer 'log' holds log-normalized values: choose it under Options"
    )
    expect(start.locator("#options")).to_have_attribute("open", "")
    start.locator("#layer").fill("log")
    start.locator("#retry").click()
    expect_labels(start)
    assert label_counts(start) == projected.obs["smile_label"].value_counts().to_dict()
    start.locator("#again").click()
    label(start, folder / "query.h5ad")  # which has no such layer


def test_two_samples_of_a_folder_are_told_apart(start: Page, tmp_path: Path) -> None:
    for sample in ("first", "second"):
        (tmp_path / "samples" / sample).mkdir(parents=True)
        (tmp_path / "samples" / sample / "matrix.mtx").write_text("%%MatrixMarket")
    start.locator("#folder").set_input_files(tmp_path / "samples")
    expect(start.locator("#alert")).to_contain_text("samples/first/matrix.mtx, samples/second/matrix.mtx")


def test_another_file_follows_a_bad_one(start: Page, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    start.locator("#files").set_input_files(tmp_path / "empty.csv")
    expect(start.locator("#alert")).not_to_be_empty()
    label(start, folder / "query.h5ad")


def changed(content: bytes) -> bytes:
    """Return content whose last byte is another one."""
    return content[:-1] + bytes([content[-1] ^ 1])


def test_a_changed_file_of_a_space_is_not_used(page: Page, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (name,) = (name for name in server.files if name.endswith("reference/points.safetensors"))
    monkeypatch.setitem(server.files, name, changed(server.files[name]))
    page.goto(server.url)
    alert = page.locator("#alert")
    expect(alert).to_contain_text("The reference could not be opened")
    expect(alert).to_contain_text("points.safetensors")
    expect(alert).to_contain_text(
        "start smile-zoo web again, or copy the whole exported site again, and reload the page."
    )


def test_a_changed_gene_table_is_not_used(
    page: Page, server: PageServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(server.files, "genes/human.tsv.gz", changed(server.files["genes/human.tsv.gz"]))
    open_page(page, server.url)
    page.locator("#files").set_input_files(folder / "query.h5ad")
    expect(page.locator("#alert")).to_contain_text("genes/human.tsv.gz was changed: its sha256 is")
    expect(page.locator("#alert")).to_contain_text("copy the whole exported site again")


@pytest.mark.parametrize("part", ["hdf5_hl", "worker"])
def test_a_missing_code_file_is_explained(
    page: Page, problems: list[str], server: PageServer, folder: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    (name,) = (name for name in server.files if name.startswith(f"assets/{part}") and name.endswith(".js"))
    monkeypatch.delitem(server.files, name)
    page.goto(server.url)
    page.locator("#files").set_input_files(folder / "query.h5ad")
    advice = "start smile-zoo web again, or copy the whole exported site again, and reload the page"
    expect(page.locator("#alert > *")).to_have_text(
        ["✕ The page is not complete", f"A file of the page's code cannot be loaded; {advice}."]
    )
    problems.clear()  # what the browser says of the missing file


def test_a_damaged_list_of_spaces_is_explained(page: Page, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(server.files, "spaces.json", b"<!DOCTYPE html><title>Not here</title>")
    page.goto(server.url)
    text = (
        "The list of spaces, spaces.json, cannot be used: it is no JSON but begins with "
        '"<!DOCTYPE html><title>Not here</title>". Copy the whole folder written by smile-zoo web --export to the '
        "server again, and reload this page."
    )
    expect(page.locator("#alert > *")).to_have_text(["✕ The page could not start", text])


def test_another_manifest_than_the_listed_one_is_not_used(
    page: Page, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = server.files["spaces.json"].replace(pull("pbmc").manifest_sha256.encode(), b"0" * 64)
    monkeypatch.setitem(server.files, "spaces.json", listed)
    page.goto(server.url)
    expect(page.locator("#alert")).to_contain_text("its sha256 differs")


def test_the_map_is_colored_by_labels_batches_and_genes(labeled: Page) -> None:
    labeled.locator("#write-names").uncheck()
    expect(labeled.locator(".names span:visible")).to_have_count(0)
    by_label = map_pixels(labeled)
    labeled.locator("#color-by").select_option("obs:donor")
    legend = labeled.locator("#legend")
    expect(legend.locator("h3")).to_have_text("donor")
    expect(legend.locator("label")).to_have_text(["two150", "<i>one</i>50"])
    wait_for_map(labeled, lambda by_donor: (by_donor != by_label).any(axis=2).sum() > 100)
    for written, title in (("lyz", "LYZ"), ("CD20", "MS4A1 (CD20)"), ("NOGENE", "NOGENE")):
        color_by_feature(labeled, written)
        expect(legend.locator("h3")).to_have_text(title)
    expect(legend).to_contain_text("NOGENE was not measured in this file")
    expect(labeled.locator("#map-caption")).to_contain_text("NOGENE was not measured in this file")
    labeled.locator("#color-by").select_option("label:cell_type")  # the menu starts with the labels again
    titles = labeled.locator("#color-by option").all_text_contents()
    assert len(titles) == len(set(titles))


def test_a_coloring_chosen_while_a_gene_is_read_stays(labeled: Page) -> None:
    legend = labeled.locator("#legend h3")
    before = legend.text_content() or ""
    labeled.evaluate(  # both before the gene can have been read
        """() => {
            const [feature, menu] = [document.getElementById("feature"), document.getElementById("color-by")];
            feature.value = "lyz";
            feature.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
            menu.value = "label:cell_type";
            menu.dispatchEvent(new Event("change"));
        }"""
    )
    labeled.wait_for_timeout(2000)  # longer than the gene takes
    expect(legend).to_have_text(before)
    expect(labeled.locator("#map-caption")).not_to_contain_text("LYZ")
    color_by_feature(labeled, "lyz")
    expect(legend).to_have_text("LYZ")


@pytest.mark.parametrize("kind", ["gene", "column"])
def test_colors_stay_if_the_file_has_changed_since(start: Page, folder: Path, tmp_path: Path, kind: str) -> None:
    query = tmp_path / "query.h5ad"
    shutil.copy(folder / "query.h5ad", query)
    label(start, query)
    caption = start.locator("#map-caption").inner_text()
    with query.open("ab") as file:
        file.write(b"changed")
    if kind == "gene":
        color_by_feature(start, "LYZ")
    else:
        start.locator("#color-by").select_option("obs:donor")
    expect(start.locator("#alert")).to_have_text(
        "✕ The file could not be readquery.h5ad was changed, moved or removed after it was chosen; choose it again."
    )
    expect(start.locator("#map-caption")).to_have_text(caption)
    expect(start.locator("#color-by")).to_have_value("label:cell_type")


def test_hidden_labels_leave_the_map(labeled: Page) -> None:
    def n_colorful(pixels: np.ndarray) -> int:
        return int((np.ptp(pixels[100:], axis=2) > 60).sum())

    wait_for_map(labeled, lambda pixels: n_colorful(pixels) > 100)
    labeled.get_by_role("button", name="Hide all").click()
    wait_for_map(labeled, lambda pixels: n_colorful(pixels) == 0)


def test_hidden_cells_leave_the_selection_and_stay_hidden_in_other_colors(
    labeled: Page, projected: anndata.AnnData
) -> None:
    fine, coarse = projected.obs["smile_label"], projected.obs["smile_label_cell_type_broad"]
    label = "CD4 T"
    n, n_hidden = len(fine), (fine == label).sum()
    n_coarse = (coarse == "T").sum()
    legend, title, caption = (labeled.locator(css) for css in ("#legend", "#selection h3", "#map-caption"))
    draw_around_all(labeled)
    selected = int(title.inner_text().split()[0])
    n_left = selected - len(set(selected_barcodes(labeled)) & set(fine.index[fine == label]))
    box = legend.get_by_label(re.compile(rf"^{re.escape(label)}\d"))
    box.press("Space")
    expect(title).to_have_text(f"{n_left} cells selected")
    expect(caption).to_contain_text(f"{n - n_hidden} of {n} cells of query.h5ad")
    expect(box).to_be_focused()
    box.press("Space")
    expect(title).to_have_text(f"{n_left} cells selected")
    box.press("Space")
    labeled.locator("#color-by").select_option("label:cell_type_broad")
    expect(legend.locator("label").first).to_contain_text(f"{n_coarse - n_hidden} of {n_coarse}")
    expect(legend.get_by_label(re.compile("^T"))).to_be_checked(indeterminate=True)
    labeled.locator("#color-by").select_option("similarity:")
    expect(legend).to_contain_text(f"{n_hidden} cells are hidden")
    svg = save(labeled, "#save-svg").path().read_text("utf-8")
    assert f">{n - n_hidden} of {n} cells in the reference" in svg
    labeled.locator("#labels button", has_text=label).click()  # selects them, and so shows them
    expect(title).to_have_text(f"{n_hidden} cells selected")
    expect(legend).not_to_contain_text("hidden")


def draw_around_all(page: Page) -> None:
    """Draw around most cells of the map."""
    page.locator("#lasso").click()
    left, top, width, height = map_box(page)
    for index, (x, y) in enumerate([(0.02, 0.1), (0.02, 0.98), (0.98, 0.98), (0.98, 0.1), (0.05, 0.1)]):
        page.mouse.move(left + x * width, top + y * height, steps=5)
        if index == 0:
            page.mouse.down()
    page.mouse.up()
    expect(page.locator("#selection h3:visible")).to_have_text(re.compile(r"^\d+ cells selected$"))


def selected_barcodes(page: Page) -> list[str]:
    """Return the names of the selected cells, as they are saved."""
    barcodes = save(page, "#selection button >> nth=0")
    assert barcodes.suggested_filename == "query.selected.txt"
    return barcodes.path().read_text("utf-8").splitlines()


def test_a_lasso_selects_cells(labeled: Page, projected: anndata.AnnData) -> None:
    draw_around_all(labeled)
    selection = labeled.locator("#selection")
    n_selected = int(selection.locator("h3").inner_text().split()[0])
    assert n_selected > 0.8 * projected.n_obs
    names = selected_barcodes(labeled)
    assert len(names) == n_selected
    assert set(names) <= set(projected.obs_names)
    labeled.keyboard.press("Escape")
    expect(selection).to_be_hidden()
    expect(labeled.locator("#lasso")).to_have_attribute("aria-pressed", "false")


def test_a_cell_below_the_pointer_has_a_ring_and_a_text(labeled: Page) -> None:
    labeled.locator("#reset-view").click()
    map_box(labeled)  # scrolls to the map
    name = labeled.locator(".names span", has_text=re.compile("^B$")).bounding_box()
    assert name is not None
    ring = labeled.locator(".ring:visible")
    for right, down in product(range(-60, 60, 3), range(-60, 60, 8)):
        x, y = name["x"] + right, name["y"] + down
        labeled.mouse.move(x, y)
        if ring.count() > 0:
            break
    expect(labeled.locator(".tooltip")).to_contain_text("cell type: ")
    box = ring.bounding_box()
    assert box is not None
    assert abs(box["x"] + box["width"] / 2 - x) < 10
    assert abs(box["y"] + box["height"] / 2 - y) < 10
    labeled.locator("#zoom-in").hover()
    expect(ring).to_have_count(0)


def test_the_map_is_moved_by_keyboard(labeled: Page) -> None:
    labeled.locator("#reset-view").press("Enter")
    before = first_name_left(labeled)
    labeled.locator("#map").press("ArrowLeft")
    wait_for_first_name(labeled, "left > before + 20", before)
    labeled.locator("#map").press("0")
    wait_for_first_name(labeled, "Math.abs(left - before) <= 1", before)


def wait_for_first_name(page: Page, condition: str, before: float) -> None:
    """Wait until a condition holds for where on the screen the first name is written."""
    page.wait_for_function(
        f"""(before) => {{
            const {{ left }} = document.querySelector(".names span:not([hidden])").getBoundingClientRect();
            return {condition};
        }}""",
        arg=before,
    )


def test_a_label_is_selected_by_keyboard(labeled: Page, projected: anndata.AnnData) -> None:
    button = labeled.locator("#labels button").first
    label = button.inner_text()
    button.press("Enter")
    n = (projected.obs["smile_label"] == label).sum()
    expect(labeled.locator("#selection h3")).to_have_text(f"{n} cells selected")
    expect(labeled.locator("#selection")).to_be_visible()
    expect(labeled.locator("#driver-label")).to_have_value(label)


def test_pictures_and_report_are_saved(labeled: Page, page: Page, projected: anndata.AnnData, tmp_path: Path) -> None:
    labeled.locator("#reset-view").click()
    svg = save(labeled, "#save-svg").path().read_text("utf-8")
    assert ">query.h5ad</text>" in svg
    assert ">200 cells in the reference Human PBMC, five studies (pbmc)</text>" in svg
    assert 'paint-order="stroke"' in svg, "the names on the map are missing"
    reference, *groups = (line.count("M") for line in svg.splitlines() if line.startswith("<path"))
    assert reference == 1000
    assert sum(groups) == projected.n_obs
    picture = Image.open(save(labeled, "#save-png").path())
    assert picture.width > 1500
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    save(labeled, "#save-report").save_as(tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator("body")).to_contain_text(projected.uns["smile"]["manifest_sha256"])
    expect(page.locator("body")).to_contain_text(f"{(projected.obs['smile_label'] == 'B').sum()}")


def test_the_single_file_works_without_a_server(
    page: Page, folder: Path, projected: anndata.AnnData, tmp_path: Path
) -> None:
    write_single_file(pull("pbmc"), tmp_path / "pbmc.html")
    open_page(page, (tmp_path / "pbmc.html").as_uri())
    label(page, folder / "query.h5ad")
    assert label_counts(page) == projected.obs["smile_label"].value_counts().to_dict()


def test_other_encoders_run_in_onnxruntime_also_where_there_is_webgpu(
    page: Page, folder: Path, projected: anndata.AnnData, tmp_path: Path
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
        open_page(page, server.url)
        label(page, folder / "query.h5ad")
        assert label_counts(page) == projected.obs["smile_nearest_label"].value_counts().to_dict()
        assert page.evaluate("navigator.gpu.requestAdapter().then((adapter) => adapter.info.vendor)") == "google"
        embedding = np.load(save(page, "#save-embedding").path())
    np.testing.assert_allclose(embedding, projected.obsm["X_smile"], atol=1e-5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_follows_the_color_scheme(
    phone: Page, server: PageServer, folder: Path, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    phone.emulate_media(color_scheme=scheme)
    open_page(phone, server.url)
    assert phone.evaluate("document.documentElement.scrollWidth") == 375
    expect(phone.locator("#choose-files"), "the button must be on the first screen").to_be_in_viewport(ratio=1)
    query = tmp_path / f"GSM4321_{'filtered_' * 10}matrix.h5ad"
    shutil.copy(folder / "query.h5ad", query)
    label(phone, query)
    assert phone.evaluate("document.documentElement.scrollWidth") == 375
    phone.locator("#map").evaluate("map => map.scrollIntoView()")
    before = first_name_left(phone)
    drag_by_touch(phone, 40, fingers=1)
    assert first_name_left(phone) == pytest.approx(before, abs=1)
    scrolled = phone.evaluate("scrollY")
    drag_by_touch(phone, 0, -150, fingers=1)
    assert phone.evaluate("scrollY") > scrolled + 100, "one finger does not scroll the page"
    phone.locator("#map").evaluate("map => map.scrollIntoView()")
    drag_by_touch(phone, 40, fingers=2)
    wait_for_first_name(phone, "Math.abs(left - before) <= 4", before + 40)
    background = np.median(map_pixels(phone)[-40:].reshape(-1, 3), axis=0)
    assert background.tolist() == ([255, 255, 255] if scheme == "light" else [21, 25, 29])
