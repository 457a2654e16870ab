"""A prefix or suffix that nearly all names of a query share, such as the genome of a mixed reference."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MIN_COMMON_FRACTION = 0.9  # of the query's names
_MAX_OWN_FRACTION = 0.1  # of the encoder's ids
_N_SAMPLED_NAMES = 3
_SEPARATOR = re.compile(r"[:._|-]+")
_LOCUS = re.compile(r"(?:.*[:._|-])?chr\w+[:._-].*|[\W\d_]+", re.IGNORECASE)


@dataclass(frozen=True)
class CommonAffixes:
    """The prefix and the suffix that names share, each with its separator; empty if there is none."""

    prefix: str = ""
    suffix: str = ""

    def __bool__(self) -> bool:
        return bool(self.prefix or self.suffix)

    def __str__(self) -> str:
        parts = {"begin": self.prefix, "end": self.suffix}
        return " and ".join(f"{verb} with {text!r}" for verb, text in parts.items() if text)

    def drop(self, name: str) -> str:
        """Return a name without the prefix and the suffix."""
        return name.removeprefix(self.prefix).removesuffix(self.suffix) or name


def find_common_affixes(names: Sequence[str], own_ids: Sequence[str]) -> CommonAffixes:
    """Return the longest affixes that at least 90% of a query's names have, and the encoder's ids lack."""
    return CommonAffixes(_common_prefix(names, own_ids), _common_prefix(_reversed(names), _reversed(own_ids))[::-1])


def _reversed(names: Sequence[str]) -> list[str]:
    return [name[::-1] for name in names]


def _common_prefix(names: Sequence[str], own_ids: Sequence[str]) -> str:
    sampled = names[:: max(1, len(names) // _N_SAMPLED_NAMES)]
    prefixes = {prefix for name in sampled for prefix in _prefixes(name)}
    common = [
        prefix
        for prefix in prefixes
        if _fraction(names, prefix) >= _MIN_COMMON_FRACTION and _fraction(own_ids, prefix) <= _MAX_OWN_FRACTION
    ]
    return max(common, key=len, default="")


def _prefixes(name: str) -> Iterator[str]:
    """Yield the parts of a name up to each separator, except for coordinates: all peaks may lie on one chromosome."""
    prefixes = (name[: separator.end()] for separator in _SEPARATOR.finditer(name))
    return (prefix for prefix in prefixes if not _LOCUS.fullmatch(prefix))


def _fraction(names: Sequence[str], prefix: str) -> float:
    return sum(name.startswith(prefix) for name in names) / max(1, len(names))
