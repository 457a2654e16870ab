"""The map while it moves on a machine that draws it slowly."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from smile_zoo.transfer import PulledSpace, pull
from smile_zoo.web import PageServer, make_site

SLOW_DRAWING = """
    const wait = (milliseconds) => { for (const end = performance.now() + milliseconds; performance.now() < end;); };
    const drawArrays = WebGLRenderingContext.prototype.drawArrays;
    WebGLRenderingContext.prototype.drawArrays = function (...given) {
        drawArrays.apply(this, given);
        window.nDrawn = (window.nDrawn ?? 0) + 1;
        wait(50);
    };
"""
DRAG = """(map) => new Promise((done) => {
    const { left, top } = map.getBoundingClientRect();
    const send = (kind, right, buttons) => map.dispatchEvent(new MouseEvent(kind,
        { clientX: left + 300 + right, clientY: top + 300, bubbles: true, cancelable: true, view: window, buttons }));
    let moved = 0;
    const step = () => {
        send("mousemove", (moved += 5), 1);
        if (moved < 100) return requestAnimationFrame(step);
        send("mouseup", moved, 0);
        done();
    };
    for (const kind of ["mouseenter", "mousemove"]) send(kind, 0, 0);
    requestAnimationFrame(() => requestAnimationFrame(() => { send("mousedown", 0, 1); requestAnimationFrame(step); }));
})"""


@contextmanager
def opened(page: Page, space: PulledSpace) -> Iterator[Page]:
    """Serve the page with a space, and open it."""
    with PageServer(make_site([space])) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            page.goto(server.url)
            expect(page.locator("#map-caption")).to_contain_text("colored by label")
            yield page
        finally:
            server.shutdown()
            thread.join()


def map_pixels(page: Page) -> np.ndarray:
    """Return the colors of the map without what lies above it, shape (height, width, 3)."""
    style = ".names, .map-buttons, .hidden-names, .tooltip { visibility: hidden }"
    content = page.locator("#map").screenshot(style=style)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def wait_for_rest(page: Page) -> None:
    """Wait until nothing has been drawn for half a second."""
    page.wait_for_function(
        """() => {
            const now = performance.now();
            if (window.seen !== window.nDrawn) [window.seen, window.seenAt] = [window.nDrawn, now];
            return now - window.seenAt > 500;
        }"""
    )


def test_a_slow_map_is_moved_as_a_picture_and_drawn_as_soon_as_it_rests(page: Page) -> None:
    page.add_init_script(SLOW_DRAWING)
    with opened(page, pull("pbmc")):
        page.locator("#map").scroll_into_view_if_needed()
        wait_for_rest(page)
        before = map_pixels(page)
        n_drawn = page.evaluate("nDrawn")
        page.locator("#map").evaluate(DRAG)
        while_moving = page.evaluate("nDrawn") - n_drawn
        wait_for_rest(page)
        at_rest = page.evaluate("nDrawn") - n_drawn
        assert while_moving <= 8, "cells were drawn in most of the 20 frames"
        assert at_rest > while_moving, "the picture was left as it was moved"
        moved = map_pixels(page)
    right = moved[:, 100:] - before[:, :-100]
    assert np.abs(right).max(axis=2).mean() < 1, "the cells are not where they were dragged to"
    assert np.abs(moved - before).max(axis=2).mean() > 2
