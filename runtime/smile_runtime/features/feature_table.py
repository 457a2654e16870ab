"""The features of an encoder, in the order that its graph takes them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import IntegrityError

_COLUMNS = ("id", "mean", "std", "weight")
_OPTIONAL = ("idf", "band")
_OTHER_IDS = ("ensembl", "symbol")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Feature ids with their reference statistics, in the graph's order.

    Attributes
    ----------
    ids
        Names, ``n_features`` of them, all different.
    mean, std
        Mean and standard deviation after per-cell scale and log, shape ``(n_features,)``.
    weight
        Share of each feature in what the encoder looks at, shape ``(n_features,)``; they add up to 1.
    idf
        Weight of each feature in TF-IDF, shape ``(n_features,)``; None where the preprocessing has none.
    band
        Band (distance) of each contact, int64, shape ``(n_features,)``; None likewise.
    ensembl, symbol
        Other ids of genes, ``n_features`` of them, empty where there is none; None where none are known.
    """

    ids: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    weight: NDArray[np.float64]
    idf: NDArray[np.float64] | None = None
    band: NDArray[np.int64] | None = None
    ensembl: tuple[str, ...] | None = None
    symbol: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to_tsv(self) -> str:
        """Return the table as it stands in a space directory: a header, then a line a feature."""
        columns: dict[str, Sequence[str]] = {"id": self.ids}
        columns |= {name: texts for name in _OTHER_IDS if (texts := getattr(self, name)) is not None}
        for name in (*_COLUMNS[1:], *_OPTIONAL):
            if (numbers := getattr(self, name)) is not None:
                columns[name] = [f"{number:.9g}" for number in numbers]
        lines = [tuple(columns), *zip(*columns.values(), strict=True)]
        return "".join("\t".join(line) + "\n" for line in lines)

    @classmethod
    def from_tsv(cls, path: Path) -> "FeatureTable":
        """Read a table that `to_tsv` wrote.

        Raises
        ------
        IntegrityError
            If the file is not such a table.
        """
        try:
            lines = StringIO(path.read_text("utf-8"))
            reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
            rows, header = list(reader), reader.fieldnames or ()
            names = [*_COLUMNS[1:], *(name for name in _OPTIONAL if name in header)]
            columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
            texts = {
                name: tuple(row[name] for row in rows) for name in ("id", *_OTHER_IDS) if name == "id" or name in header
            }
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise _broken(path) from error
        if not rows:
            raise _broken(path)
        band = columns.get("band")
        table = cls(
            texts["id"],
            columns["mean"],
            columns["std"],
            columns["weight"],
            columns.get("idf"),
            None if band is None else band.astype(np.int64),
            texts.get("ensembl"),
            texts.get("symbol"),
        )
        finite = all(np.isfinite(column).all() for column in columns.values())
        if len(set(table.ids)) < len(table) or not finite or table.std.min() < 0 or table.weight.min() < 0:
            raise IntegrityError(f"{path} has repeated features, or numbers that are no mean, std or weight")
        return table


def _broken(path: Path) -> IntegrityError:
    return IntegrityError(
        f"{path} is not a feature table: it needs the columns {', '.join(_COLUMNS)} and a line a feature"
    )
