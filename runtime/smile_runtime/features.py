"""The features of an encoder, in the order that its graph takes them, and a query's columns matched to them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import FeatureMatchError, IntegrityError

_COLUMNS = ("id", "mean", "std")


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Feature ids with their reference statistics, in the graph's order.

    Attributes
    ----------
    ids
        Names, ``n_features`` of them, all different.
    mean, std
        Mean and standard deviation after per-cell scale and log, shape ``(n_features,)``.
    """

    ids: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    def to_tsv(self) -> str:
        """Return the table as it stands in a space directory: a header, then a line a feature."""
        rows = zip(self.ids, self.mean, self.std, strict=True)
        lines = ["\t".join(_COLUMNS), *(f"{name}\t{mean:.9g}\t{std:.9g}" for name, mean, std in rows)]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_tsv(cls, path: Path) -> "FeatureTable":
        """Read a table that `to_tsv` wrote.

        Raises
        ------
        IntegrityError
            If the file is not such a table.
        """
        reader = csv.DictReader(StringIO(path.read_text("utf-8")), delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            rows = [(row["id"], float(row["mean"]), float(row["std"])) for row in reader]
            ids, mean, std = zip(*rows, strict=True)
        except (KeyError, TypeError, ValueError) as error:
            raise IntegrityError(
                f"{path} is not a feature table: it needs the columns {', '.join(_COLUMNS)} and a line a feature"
            ) from error
        return cls(ids, np.array(mean), np.array(std))


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
    """

    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
    missing: tuple[str, ...]

    @property
    def n_matched(self) -> int:
        """Number of the encoder's features that the query has."""
        return len(self.columns)


def match_features(names: Sequence[str], features: FeatureTable, min_fraction: float) -> FeatureMatch:
    """Find an encoder's features among the names of a query's columns.

    Parameters
    ----------
    names
        The query's feature names (``adata.var_names``).
    features
        The encoder's features.
    min_fraction
        Share of the encoder's features, 0 to 1, below which the query is refused.

    Raises
    ------
    FeatureMatchError
        If a wanted name stands in the query twice, or too few are found.
    """
    position = {name: index for index, name in enumerate(features.ids)}
    found: dict[int, int] = {}
    for column, name in enumerate(names):
        if name in position and found.setdefault(position[name], column) != column:
            raise FeatureMatchError(
                f"the query has the feature {name!r} twice, so its value is unclear; "
                "sum or drop the repeated columns (adata.var_names_make_unique() renames the later ones)"
            )
    if len(found) < max(1, min_fraction * len(features)):
        raise FeatureMatchError(
            f"only {len(found):,} of the space's {len(features):,} features are in the query, "
            f"at least {max(1, round(min_fraction * len(features))):,} are needed; the query's names are like "
            f"{_sample(names)}, the space's like {_sample(features.ids)}: put the same kind of id into adata.var_names"
        )
    positions = np.array(sorted(found), dtype=np.intp)
    return FeatureMatch(
        columns=np.array([found[place] for place in positions.tolist()], dtype=np.intp),
        positions=positions,
        missing=tuple(name for index, name in enumerate(features.ids) if index not in found),
    )


def _sample(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)) for name in names[:3]) or "(none)"
