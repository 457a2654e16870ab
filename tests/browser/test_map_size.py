"""The map when its size changes, as when a window is made narrower or a phone is turned."""

import numpy as np
from playwright.sync_api import Page
from served_page import opacity, open_page

from smile_zoo.web import PageServer

SMALL, LARGE = {"width": 375, "height": 800}, {"width": 1366, "height": 900}


def extent(page: Page) -> tuple[np.ndarray, np.ndarray]:
    """Return the size of the map and of what is drawn on it, in pixels, each as (height, width)."""
    page.wait_for_timeout(500)  # until the map has been drawn in its new size
    pixels = opacity(page.locator("#map").evaluate("map => map.toDataURL()"))
    return np.array(pixels.shape), np.ptp(np.argwhere(pixels > 0), axis=0) + 1


def test_the_whole_map_stays_in_view_in_every_size(page: Page, server: PageServer) -> None:
    open_page(page, server.url)
    _, before = extent(page)
    for size in (SMALL, {"width": 800, "height": 375}):
        page.set_viewport_size(size)
        box, drawn = extent(page)
        assert (drawn < box - 2).all(), "the map is cut off"
        assert (drawn > 0.8 * box).any(), "the map is smaller than it could be"
    page.set_viewport_size(LARGE)
    _, after = extent(page)
    np.testing.assert_allclose(after, before, atol=2)


def test_a_zoomed_map_keeps_its_zoom_when_the_window_returns_to_its_size(page: Page, server: PageServer) -> None:
    open_page(page, server.url)
    name = page.locator(".names span:not([hidden])").first
    page.locator("#zoom-in").click()
    page.locator("#map").press("ArrowLeft")
    page.wait_for_timeout(500)
    before = name.evaluate("name => name.style.transform")
    page.set_viewport_size(SMALL)
    page.wait_for_timeout(500)
    assert name.evaluate("name => name.style.transform") != before
    page.set_viewport_size(LARGE)
    page.wait_for_timeout(500)
    assert name.evaluate("name => name.style.transform") == before
