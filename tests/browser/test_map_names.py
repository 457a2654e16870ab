"""The names of labels on the map."""

import io
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page
from served_page import open_page

from smile_zoo.web import PageServer

RED = (255, 0, 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_name_leaves_most_of_what_is_beneath_it_in_view(
    page: Page, server: PageServer, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme)
    open_page(page, server.url)
    page.locator("#map").evaluate("map => { map.style.background = 'red'; map.getContext('2d').globalAlpha = 0; }")
    page.locator("#zoom-in").click()  # draws nothing now, so that only names cover the red
    page.wait_for_timeout(500)
    name = page.locator(".names span:not([hidden])").first
    pixels = np.asarray(Image.open(io.BytesIO(name.screenshot())).convert("RGB")).astype(int)
    bare = (np.abs(pixels - RED) < 20).all(axis=2)
    assert bare.mean() > 0.4
