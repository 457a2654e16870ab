"""Colors and symbols of categories, told apart by people with any color vision."""

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
class Style:
    """How the cells of one category are drawn; the symbol by plotly's name."""

    color: str
    symbol: str


UNKNOWN_STYLE = Style("#444444", "x")


def style_of(place: int) -> Style:
    """Return the style of a category by its place among the names, -1 for ``unknown``.

    Colors change first, then symbols: 45 categories differ.
    """
    if place < 0:
        return UNKNOWN_STYLE
    return Style(_COLORS[place % len(_COLORS)], _SYMBOLS[place // len(_COLORS) % len(_SYMBOLS)])
