"""The web page on a server of its own."""

import base64
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from smile_zoo.web import PageServer, Site

SECONDS = 60
"""Longest time to wait for the page."""


@contextmanager
def served(site: Site) -> Iterator[PageServer]:
    """Serve a site."""
    with PageServer(site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def open_page(page: Page, url: str) -> None:
    """Open the page, and wait for the map of the reference."""
    page.goto(url)
    expect(page.locator("#alert, #map-caption")).to_have_text(["", re.compile("colored by label")])


def opacity(picture: str) -> np.ndarray:
    """Return the opacity of the cells in a picture of the map (the data URL of a PNG), shape (height, width)."""
    content = base64.b64decode(picture.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)).getchannel("A")).astype(int)
