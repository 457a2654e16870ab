"""Screening of features by the distance between two modalities of the same cells.

After Xu, Das & McCord 2022 (doi:10.1093/bioinformatics/btab706): a feature is set to zero, and the cell is embedded
again; features that bring the modalities together move them apart when they are missing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smile_runtime.encoder import require_positive
from smile_runtime.errors import QueryError
from smile_runtime.explanation.label_explanation import MAX_CELLS
from smile_runtime.explanation.modality_screen import choose_half, screen_modality
from smile_runtime.explanation.pair_distances import PairDistances, embed_pairs
from smile_runtime.explanation.paired_cells import read_pairs
from smile_runtime.explanation.query_labels import sample_cells
from smile_runtime.explanation.requirements import find_label_column, require_removable
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection import Progress
from smile_runtime.space import Space

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_MIN_PAIRS = 2
"""Fewest cells to screen: groups of features are chosen on one half of them and measured on the other."""


@dataclass(frozen=True, eq=False, kw_only=True)
class PairScreening:
    """Features that bring the two modalities of cells together.

    Attributes
    ----------
    features
        One row for each modality, label and feature that any of the label's cells has, by rank:

        ``label``, ``modality``, ``feature``
            Names of the three.
        ``change``
            Mean increase of the distance between the embeddings of a cell in both modalities when the feature is set
            to zero; positive if the feature brings them together.
        ``rank``
            Rank of the change among the features of the label and modality, 1 for the largest.
        ``fraction``
            Fraction of the label's cells in which the feature is not zero.
        ``distance``
            Mean distance of the label's cells with all features.
        ``n_cells``
            Number of cells that were screened.
    groups
        One row for each modality and group of features, all of the same size, that are set to zero together. Groups are
        chosen on one half of the cells, and the other half is measured:

        ``modality``, ``group``
            ``key`` (the largest mean change), ``differential`` (the largest Kruskal-Wallis statistic over labels), or
            ``random`` (mean of twenty groups).
        ``n_features``, ``n_cells``
            Number of features in the group, and of cells that were measured.
        ``distance``, ``without``, ``change``
            Mean distance with all features, without the group, and the difference.
        ``sd``
            Standard deviation of the change over random groups; NaN for the other groups.
    provenance
        Space, modalities, label column, sampling and number of pairs.
    """

    features: "pd.DataFrame"
    groups: "pd.DataFrame"
    provenance: dict[str, Any]


def screen_pairs(
    query: "AnnData | Path | str",
    space: Space,
    *,
    modality: str,
    against: str,
    against_query: "AnnData | Path | str | None" = None,
    unknown_rate: float = UNKNOWN_RATE,
    label_column: str | None = None,
    max_cells: int = MAX_CELLS,
    seed: int = 0,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> PairScreening:
    """Screen the features of two modalities by the distance between their embeddings of the same cells.

    Cells are matched by name. Those that are unknown by the first modality, or all zero in one, are left out.

    Parameters
    ----------
    query
        Query cells in both modalities: the path of an ``.h5mu`` file, or an AnnData or a file whose
        ``var["feature_types"]`` tells the modalities apart; with ``against_query``, of the first modality alone.
    space
        Open space with encoders of both modalities.
    modality
        Modality that cells are labeled by, or another word for its features, as in `project`.
    against
        The other modality, likewise.
    against_query
        Query with the same cells in the other modality; None if ``query`` holds both.
    unknown_rate
        As in `project`.
    label_column
        Label column of the space; None for the primary one.
    max_cells
        Maximum number of cells per label, chosen at random if there are more.
    seed
        Seed of that choice, of the halves and of the random groups.
    progress
        Called with the number of cells just screened and the number of all cells to screen, in both modalities.

    Returns
    -------
        Tables of features and of groups.

    Raises
    ------
    QueryError
        If both modalities are the same, or fewer than two labeled cells are in both.
    SmileError
        As `explain`.
    """
    import pandas as pd

    require_positive(max_cells=max_cells)
    encoders = [space.encoder(each) for each in (modality, against)]
    modality, against = (encoder.modality for encoder in encoders)
    if modality == against:
        raise QueryError(
            f"two modalities are needed, got {modality!r} twice; name the other one", options={"against": None}
        )
    column = find_label_column(space, label_column)
    for encoder in encoders:
        require_removable(space, encoder)
    pairs = read_pairs({modality: query, against: against_query or query}, space, column, unknown_rate).with_values()
    screened = pairs.select(sample_cells(pairs.labels, max_cells, seed))
    if len(screened) < _MIN_PAIRS:
        raise QueryError(
            f"of {len(pairs):,} cells with values in both modalities, {len(screened):,} have a label by {modality}; at "
            f"least {_MIN_PAIRS} are needed; provide more cells that both measured"
        )
    embeddings = [embed_pairs(encoder, screened) for encoder in encoders]
    half, names = choose_half(screened.labels, seed), space.reference.label_columns[column].labels
    screens = []
    for encoder, own, other in zip(encoders, embeddings, reversed(embeddings), strict=True):
        distances = PairDistances(encoder=encoder, pairs=screened, own=own, other=other)
        screens.append(screen_modality(distances, half, names, progress, 2 * len(screened)))
    return PairScreening(
        features=pd.concat([screen.table for screen in screens], ignore_index=True),
        groups=pd.DataFrame([row for screen in screens for row in screen.compare_groups(seed)]),
        provenance={
            "space": space.name,
            "revision": space.revision,
            "manifest_sha256": space.manifest_sha256,
            "modalities": [modality, against],
            "label_column": space.reference.label_columns[column].name,
            "n_pairs": len(pairs),
            "n_screened": len(screened),
            "max_cells": max_cells,
            "seed": seed,
        },
    )
