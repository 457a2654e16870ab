"""The feature table of an encoder: ids and reference statistics, in the order of the graph's inputs."""

import csv
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import IntegrityError

_REQUIRED_COLUMNS = ("id", "mean", "std", "weight")
_OPTIONAL_COLUMNS = ("idf", "band")
_OTHER_ID_COLUMNS = ("ensembl", "symbol")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Feature ids with their reference statistics, in the order of the graph's inputs.

    Attributes
    ----------
    ids
        Unique feature ids, ``n_features`` of them.
    mean, std
        Mean and standard deviation of each feature after all steps before centering, shape ``(n_features,)``.
    weight
        Fraction of the encoder's feature weight on each feature, shape ``(n_features,)``; sums to 1.
    idf
        TF-IDF weight of each feature, shape ``(n_features,)``; None for a preprocessing without TF-IDF.
    band
        Distance band of each contact, int64, shape ``(n_features,)``; None for a preprocessing without bands.
    ensembl, symbol
        Ensembl ids and symbols of genes, ``n_features`` each, empty for features without one; None for tables without
        that column.
    """

    ids: tuple[str, ...]
    _: KW_ONLY
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
        """Return the text of the table's file: a header, then one line per feature."""
        columns: dict[str, Sequence[str]] = {"id": self.ids}
        columns |= {name: texts for name in _OTHER_ID_COLUMNS if (texts := getattr(self, name)) is not None}
        for name in (*_REQUIRED_COLUMNS[1:], *_OPTIONAL_COLUMNS):
            if (numbers := getattr(self, name)) is not None:
                columns[name] = [f"{number:.9g}" for number in numbers]
        lines = [tuple(columns), *zip(*columns.values(), strict=True)]
        return "".join("\t".join(line) + "\n" for line in lines)

    @classmethod
    def from_tsv(cls, path: Path) -> "FeatureTable":
        """Read a table written by `to_tsv`.

        Raises
        ------
        IntegrityError
            If the file is not a valid feature table.
        """
        try:
            lines = StringIO(path.read_text("utf-8"))
            reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
            rows, header = list(reader), reader.fieldnames or ()
            names = [*_REQUIRED_COLUMNS[1:], *(name for name in _OPTIONAL_COLUMNS if name in header)]
            columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
            text_names = ["id", *(name for name in _OTHER_ID_COLUMNS if name in header)]
            texts = {name: tuple(row[name] for row in rows) for name in text_names}
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise _invalid_table(path) from error
        if not rows:
            raise _invalid_table(path)
        band = columns.get("band")
        table = cls(
            texts["id"],
            mean=columns["mean"],
            std=columns["std"],
            weight=columns["weight"],
            idf=columns.get("idf"),
            band=None if band is None else band.astype(np.int64),
            ensembl=texts.get("ensembl"),
            symbol=texts.get("symbol"),
        )
        finite = all(np.isfinite(column).all() for column in columns.values())
        if len(set(table.ids)) < len(table) or not finite or table.std.min() < 0 or table.weight.min() < 0:
            raise IntegrityError(f"{path} has repeated ids, or invalid values of mean, std or weight")
        return table


def _invalid_table(path: Path) -> IntegrityError:
    return IntegrityError(
        f"{path} is not a feature table: it needs the columns {', '.join(_REQUIRED_COLUMNS)} and one line per feature"
    )
