"""Genomic intervals (peaks and bins): one spelling for the notations of different tools."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_NUMBER = r"(\d{1,10}|\d{1,3}(?:,\d{3}){1,2}|\d(?:,\d{3}){3})"  # at most ten digits, with thousands separators or not
_INTERVAL = re.compile(rf"(?:chr)?(.+?)[:._-]{_NUMBER}[._-]{_NUMBER}", re.IGNORECASE)
_MIN_INTERVAL_FRACTION = 0.9
_MAX_CHECKED_NAMES = 1000


class Interval(NamedTuple):
    """Half-open part of a chromosome; chromosome names lose ``chr``, are upper case, and ``M`` becomes ``MT``."""

    chrom: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start}-{self.end}"


def parse_interval(name: str) -> Interval | None:
    """Parse ``chr1:1000-2000``, ``chr1_1000_2000``, ``chr1.1000.2000``, ``1:1,000-2,000``, ...; None for others."""
    parsed = _INTERVAL.fullmatch(name)
    if parsed is None:
        return None
    chrom, (start, end) = parsed[1].upper(), (int(number.replace(",", "")) for number in parsed.groups()[1:])
    return Interval("MT" if chrom == "M" else chrom, start, end) if start < end else None


def normalize_interval(name: str) -> str:
    """Return the interval spelled as ``1:100-200``; return any other name unchanged."""
    interval = parse_interval(name)
    return name if interval is None else str(interval)


def are_intervals(names: Sequence[str]) -> bool:
    """Return whether more than 90% of the names are intervals, judged by about a thousand of them."""
    checked = names[:: max(1, len(names) // _MAX_CHECKED_NAMES)]
    return sum(parse_interval(name) is not None for name in checked) > _MIN_INTERVAL_FRACTION * len(checked)
