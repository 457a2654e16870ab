"""The features of an encoder, in the order that its graph takes them, and a query's columns matched to them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import FeatureMatchError, IntegrityError

_COLUMNS = ("id", "mean", "std", "weight")
_OPTIONAL = ("idf", "band")
_ROUNDING = 1e-6  # of weights written with nine digits


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
    """

    ids: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    weight: NDArray[np.float64]
    idf: NDArray[np.float64] | None = None
    band: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to_tsv(self) -> str:
        """Return the table as it stands in a space directory: a header, then a line a feature."""
        columns = {name: getattr(self, name) for name in (*_COLUMNS[1:], *_OPTIONAL)}
        kept = {name: column for name, column in columns.items() if column is not None}
        rows = zip(self.ids, *kept.values(), strict=True)
        lines = [
            "\t".join(["id", *kept]),
            *("\t".join([name, *(f"{number:.9g}" for number in row)]) for name, *row in rows),
        ]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_tsv(cls, path: Path) -> "FeatureTable":
        """Read a table that `to_tsv` wrote.

        Raises
        ------
        IntegrityError
            If the file is not such a table.
        """
        try:
            reader = csv.DictReader(StringIO(path.read_text("utf-8")), delimiter="\t", quoting=csv.QUOTE_NONE)
            names = [*_COLUMNS[1:], *(name for name in _OPTIONAL if name in (reader.fieldnames or ()))]
            ids, *numbers = zip(*((row["id"], *(float(row[name]) for name in names)) for row in reader), strict=True)
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise IntegrityError(
                f"{path} is not a feature table: it needs the columns {', '.join(_COLUMNS)} and a line a feature"
            ) from error
        columns = dict(zip(names, map(np.array, numbers), strict=True))
        band = columns.get("band")
        table = cls(
            ids,
            columns["mean"],
            columns["std"],
            columns["weight"],
            columns.get("idf"),
            None if band is None else band.astype(np.int64),
        )
        finite = all(np.isfinite(column).all() for column in columns.values())
        if len(set(ids)) < len(ids) or not finite or table.std.min() < 0 or table.weight.min() < 0:
            raise IntegrityError(f"{path} has repeated features, or numbers that are no mean, std or weight")
        return table


@dataclass(frozen=True, eq=False)
class FeatureMatch:
    """Which column of a query holds which feature of an encoder.

    Attributes
    ----------
    columns
        Columns of the query, shape ``(n_matched,)``.
    positions
        Where each of these columns stands among the encoder's features, shape ``(n_matched,)``.
    missing
        Features of the encoder that the query lacks, in the encoder's order.
    weight
        Share of what the encoder looks at that the query has, 0 to 1.
    """

    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
    missing: tuple[str, ...]
    weight: float

    @property
    def n_matched(self) -> int:
        """Number of the encoder's features that the query has."""
        return len(self.columns)


def match_features(names: Sequence[str], features: FeatureTable, min_weight: float) -> FeatureMatch:
    """Find an encoder's features among the names of a query's columns.

    Parameters
    ----------
    names
        The query's feature names (``adata.var_names``).
    features
        The encoder's features.
    min_weight
        Share of what the encoder looks at, 0 to 1, below which the query is refused.

    Raises
    ------
    FeatureMatchError
        If a wanted name stands in the query twice, or too little is found.
    """
    position = {name: index for index, name in enumerate(features.ids)}
    found: dict[int, int] = {}
    for column, name in enumerate(names):
        if name in position and found.setdefault(position[name], column) != column:
            raise FeatureMatchError(
                f"the query has the feature {name!r} twice, so its value is unclear; "
                "sum or drop the repeated columns (adata.var_names_make_unique() renames the later ones)"
            )
    positions = np.array(sorted(found), dtype=np.intp)
    weight = float(features.weight[positions].sum())
    if not found or weight < min_weight - _ROUNDING:
        raise FeatureMatchError(
            f"only {len(found):,} of the space's {len(features):,} features are in the query, {weight:.1%} of what the "
            f"encoder looks at ({min_weight:.1%} is needed); the query's names are like {_sample(names)}, the space's "
            f"like {_sample(features.ids)}: put the same kind of id into adata.var_names"
        )
    return FeatureMatch(
        columns=np.array([found[place] for place in positions.tolist()], dtype=np.intp),
        positions=positions,
        missing=tuple(name for index, name in enumerate(features.ids) if index not in found),
        weight=weight,
    )


def _sample(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)) for name in names[:3]) or "(none)"
