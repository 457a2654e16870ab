"""The map while it moves on a machine that draws it slowly."""

import numpy as np
from playwright.sync_api import Page, expect
from served_page import opacity, open_page

from smile_zoo.web import PageServer

SLOW_DRAWING = """
    const wait = (milliseconds) => { for (const end = performance.now() + milliseconds; performance.now() < end;); };
    const drawArrays = WebGLRenderingContext.prototype.drawArrays;
    WebGLRenderingContext.prototype.drawArrays = function (...given) {
        drawArrays.apply(this, given);
        window.nDrawn = (window.nDrawn ?? 0) + 1;
        window.drawnAt = performance.now();
        wait(30);
    };
"""
DRAG = """(map) => new Promise((done) => {
    const { left, top } = map.getBoundingClientRect();
    const send = (kind, right, buttons) => map.dispatchEvent(new MouseEvent(kind,
        { clientX: left + 300 + right, clientY: top + 300, bubbles: true, cancelable: true, view: window, buttons }));
    let moved = 0;
    const step = () => {
        send("mousemove", (moved += 5), 1);
        window.movedAt = performance.now();
        if (moved < 100) return requestAnimationFrame(step);
        requestAnimationFrame(() => requestAnimationFrame(() => {
            done(map.toDataURL());
            send("mouseup", moved, 0);
        }));
    };
    for (const kind of ["mouseenter", "mousemove"]) send(kind, 0, 0);
    requestAnimationFrame(() => requestAnimationFrame(() => { send("mousedown", 0, 1); requestAnimationFrame(step); }));
})"""


def wait_for_rest(page: Page) -> None:
    """Wait until nothing has been drawn for half a second."""
    page.evaluate("window.seen = null")
    page.wait_for_function(
        """() => {
            const now = performance.now();
            if (window.seen !== window.nDrawn) [window.seen, window.seenAt] = [window.nDrawn, now];
            return now - window.seenAt > 500;
        }"""
    )


def test_a_slow_map_is_moved_as_a_picture_and_drawn_as_soon_as_it_rests(page: Page, server: PageServer) -> None:
    page.add_init_script(SLOW_DRAWING)
    canvas = page.locator("#map")
    open_page(page, server.url)
    wait_for_rest(page)
    before = opacity(canvas.evaluate("map => map.toDataURL()"))
    n_drawn = page.evaluate("nDrawn")
    moved = opacity(canvas.evaluate(DRAG))
    while_moving = page.evaluate("nDrawn") - n_drawn
    wait_for_rest(page)
    is_drawn_at_rest = page.evaluate("drawnAt > movedAt")
    after = opacity(canvas.evaluate("map => map.toDataURL()"))
    assert while_moving <= 8, "cells were drawn in most of the 20 frames"
    assert is_drawn_at_rest, "the picture was left as it was moved"
    difference = np.abs(after - before).mean()
    assert difference > 1
    assert np.abs(after - moved).mean() < 0.1 * difference, "the picture was moved to another place than the cells"


def test_no_cells_are_drawn_while_only_the_pointer_moves(page: Page, server: PageServer) -> None:
    page.add_init_script(SLOW_DRAWING)
    open_page(page, server.url)
    wait_for_rest(page)
    box = page.locator("#map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    n_drawn = page.evaluate("nDrawn")
    page.mouse.move(x, y)
    page.mouse.move(x + 50, y + 50, steps=20)
    page.keyboard.down("Shift")  # to draw a lasso
    page.mouse.down()
    page.mouse.move(x + 150, y + 50, steps=10)
    page.mouse.move(x + 150, y + 150, steps=10)
    corners = np.array(page.locator(".lasso polygon").evaluate("line => [...line.points].map(({ x, y }) => [x, y])"))
    assert page.evaluate("nDrawn") == n_drawn
    start = np.array([x + 50 - box["x"], y + 50 - box["y"]])
    np.testing.assert_allclose([corners.min(axis=0), corners.max(axis=0)], [start, start + 100], atol=12)
    page.mouse.up()
    expect(page.locator(".lasso polygon")).to_have_attribute("points", "")
