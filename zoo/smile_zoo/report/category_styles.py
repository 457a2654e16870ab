"""Colors and symbols of categories that people with any color vision can tell apart."""

from dataclasses import dataclass

REFERENCE_GRAY = "#d9d9d9"

_COLORS = (  # Tol's "muted" scheme, safe for the color-blind: Paul Tol 2021, SRON/EPS/TN/09-002, issue 3.2
    "#cc6677",
    "#332288",
    "#ddcc77",
    "#117733",
    "#88ccee",
    "#882255",
    "#44aa99",
    "#999933",
    "#aa4499",
)
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross")


@dataclass(frozen=True)
class CategoryStyle:
    """How the cells of one category are drawn; the symbol has plotly's name."""

    color: str
    symbol: str


UNKNOWN_STYLE = CategoryStyle("#444444", "x")


def category_style(category_id: int) -> CategoryStyle:
    """Return the style of a category by its id, -1 for ``unknown``.

    Ids cycle through the colors first and then through the symbols, so that 45 categories differ.
    """
    if category_id < 0:
        return UNKNOWN_STYLE
    return CategoryStyle(_COLORS[category_id % len(_COLORS)], _SYMBOLS[category_id // len(_COLORS) % len(_SYMBOLS)])
