"""The feature table of an encoder: ids and reference statistics, in the order of the graph's inputs."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from io import StringIO

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import IntegrityError
from smile_runtime.io import Readable
from smile_runtime.manifest import TEXT_PATTERN

_REQUIRED_COLUMNS = ("id", "mean", "std", "weight")
_OPTIONAL_COLUMNS = ("idf", "band")
_OTHER_ID_COLUMNS = ("ensembl", "symbol")
_TEXT = re.compile(TEXT_PATTERN)
_LARGEST = 1e30  # well within single precision
_RANGES = {"mean": (-_LARGEST, _LARGEST), "weight": (0.0, 1.0), "band": (0.0, 1e6)}
_MAX_WEIGHT_ERROR = 1e-3


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
    def from_tsv(cls, file: Readable) -> "FeatureTable":
        """Read a table written by `to_tsv`.

        Raises
        ------
        IntegrityError
            If the file is not a valid feature table.
        """
        content = file.read_bytes()  # not in the block below: it raises errors of its own
        try:
            lines = StringIO(content.decode("utf-8"))
            reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
            rows, header = list(reader), reader.fieldnames or ()
            names = [*_REQUIRED_COLUMNS[1:], *(name for name in _OPTIONAL_COLUMNS if name in header)]
            columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
            text_names = ["id", *(name for name in _OTHER_ID_COLUMNS if name in header)]
            texts = {name: tuple(row[name] for row in rows) for name in text_names}
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise _invalid_table(file) from error
        if not rows:
            raise _invalid_table(file)
        _require_statistics(file, columns)
        _require_names(file, texts)
        band = columns.get("band")
        return cls(
            texts["id"],
            mean=columns["mean"],
            std=columns["std"],
            weight=columns["weight"],
            idf=columns.get("idf"),
            band=None if band is None else band.astype(np.int64),
            ensembl=texts.get("ensembl"),
            symbol=texts.get("symbol"),
        )


def _require_names(file: Readable, texts: dict[str, tuple[str, ...]]) -> None:
    """Raise IntegrityError unless ids are unique, and all names printable."""
    counts, names = Counter(texts["id"]), set().union(*texts.values())
    wrong = [name for name in names if not _TEXT.match(name)] + [
        name for name, n in counts.items() if n > 1 or not name
    ]
    if wrong:
        raise IntegrityError(
            f"{file} has the feature {wrong[0]!r}, but each needs an id of its own, without control characters; pull "
            "or build the space again"
        )


def _require_statistics(file: Readable, columns: dict[str, NDArray[np.float64]]) -> None:
    """Raise IntegrityError unless each column of numbers is within its range."""
    for name, column in columns.items():
        low, high = _RANGES.get(name, (0.0, _LARGEST))
        if (outside := column[~((column >= low) & (column <= high))]).size:
            raise IntegrityError(
                f"{file} has the {name} {outside[0]:g}, but it must be between {low:g} and {high:g}; pull or build "
                "the space again"
            )
    if not abs((total := columns["weight"].sum()) - 1) <= _MAX_WEIGHT_ERROR:
        raise IntegrityError(f"{file} has weights that sum to {total:g}, not to 1; pull or build the space again")
    if "band" in columns and (columns["band"] % 1).any():
        raise IntegrityError(f"{file} has a band that is no whole number; pull or build the space again")


def _invalid_table(file: Readable) -> IntegrityError:
    return IntegrityError(
        f"{file} is not a feature table: it needs the columns {', '.join(_REQUIRED_COLUMNS)} and one line per feature"
    )
