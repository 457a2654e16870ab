"""The web page on a server of its own."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from smile_zoo.web import PageServer, Site


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
