"""Projection of the cells of an AnnData."""

from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.errors import QueryError
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection.joint_anndata import is_mudata, project_jointly
from smile_runtime.projection.joint_projection import is_joint_request
from smile_runtime.projection.preparation import ProjectionOptions
from smile_runtime.projection.single_projection import project_anndata
from smile_runtime.projection.streaming import Progress
from smile_runtime.query import MatrixLocation
from smile_runtime.results import write_fields
from smile_runtime.space import Space

if TYPE_CHECKING:
    from anndata import AnnData


def project(
    adata: "AnnData",
    space: Space,
    *,
    modality: str | None = None,
    layer: str | None = None,
    use_raw: bool = False,
    values: ValueKind | None = None,
    target_sum: float | None = None,
    features: str | None = None,
    overlap: bool = False,
    min_matched: float | None = None,
    unknown_rate: float = UNKNOWN_RATE,
    probabilities: bool = False,
    coverage: float | None = None,
    clusters: str | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
    key_added: str = "smile",
    overwrite: bool = False,
    copy: bool = False,
    progress: Progress = lambda _n_cells, _n_total: None,
) -> "AnnData | None":
    """Project cells into a space and write the results into their AnnData.

    Parameters
    ----------
    adata
        Query cells, shape ``(n_obs, n_vars)``, with raw counts or log-normalized values; in memory, backed or as Dask
        arrays. Symbols, Ensembl ids or coordinates of the features are in ``var_names`` or a column of ``var``. A
        MuData, if several modalities label its cells together.
    space
        Open space.
    modality
        Modality of the encoder, or another word for its features (``prot`` for ``adt``). Several, joined by ``+``,
        label each cell together (``rna+adt``). None means all that the query and the space share, by
        ``var["feature_types"]`` or, of a MuData, by the names of its tables; if these state no more than one, the
        encoder that the features of the query suit best.
    layer
        Layer that holds the values; None for ``X``.
    use_raw
        Whether to use the values in ``raw``, which may have more features.
    values
        Kind of the values; None to recognize it.
    target_sum
        Total that log-normalized cells were scaled to before the logarithm; None to infer it from each cell's total,
        or to assume the encoder's own if features have been removed.
    features
        Source of the feature ids: ``var_names`` or a column of ``var``; None for the one that matches best.
    overlap
        Whether a peak or bin matches the space's peak that it overlaps most, instead of only an identical one.
    min_matched
        Fraction of the encoder's feature weight that the query must have measured; None for the space's own minimum.
        A lower one projects queries that the space would reject, with a warning.
    unknown_rate
        Cells with a similarity below this are labeled ``unknown``; about this share of known-type cells is.
    probabilities
        Whether to write the probabilities of all labels of the primary column.
    coverage
        Fraction of cells of known types whose set of labels holds their own, such as 0.9; None to write no sets.
    clusters
        Column of ``obs`` with the cluster of each cell; None to label no clusters.
    batch_size
        Number of cells that run through the encoder together; affects speed, not results.
    key_added
        Prefix of the names of the fields written.
    overwrite
        Whether existing fields of these names may be replaced.
    copy
        Whether to write into a copy and return it.
    progress
        Called with the number of cells just projected and the number of all cells.

    Returns
    -------
        None, or the copy. These fields are written:

        ``obsm["X_smile"]``
            Embedding, float32, shape ``(n_obs, n_latent)``, L2-normalized.
        ``obs["smile_label"]``
            Transferred label, categorical; ``unknown`` if nothing similar is in the reference. Only if the reference
            has labels.
        ``obs["smile_confidence"]``
            Probability that the nearest label is right for a cell of a known type, float32, 0 to 1. For an ``unknown``
            cell it is no probability: it tells how clearly the nearest label won, not whether the type is known. Only
            with labels.
        ``obs["smile_nearest_label"]``
            Label with the most votes, categorical: the transferred label, or for an ``unknown`` cell
            the one it would have had. Only with labels.
        ``obs["smile_label_<column>"]``, ``obs["smile_confidence_<column>"]``, ``obs["smile_nearest_label_<column>"]``
            The same for each further label column of the reference: coarser levels, which never contradict the label,
            and independent columns.
        ``obs["smile_label_ontology_term_id"]``, ``obs["smile_label_ontology_term_id_<column>"]``
            Cell Ontology term of the label, categorical; ``unknown`` for unknown cells and for labels without a term.
            Only if the space states terms for labels of the column.
        ``obs["smile_similarity"]``
            Share of known-type cells that are less like the reference, float32, 0 to 1. Only if the space has
            measured it.
        ``obsm["smile_probabilities"]``, ``obs["smile_runner_up"]``, ``obs["smile_margin"]``
            Only with ``probabilities``: the probability of each label, float32, shape ``(n_obs, n_labels)``, rows
            summing to 1, with the names of the labels in ``uns["smile"]["probability_labels"]``; the label with the
            second highest one, categorical; and the difference of the two highest, float32. The highest is that of the
            nearest label: its confidence, unless that is below chance, ``1 / n_labels``, when all are equal.
        ``obs["smile_set"]``, ``obs["smile_label_guaranteed"]``
            Only with ``coverage``: the labels that the cell has with this probability if it is of a known type,
            categorical, joined by ``|`` in the order of the space; and the finest label of the primary column or a
            coarser level that they share, categorical, empty if there is none. An ``unknown`` cell has an empty set.
        ``uns["smile_clusters"]``
            Only with ``clusters``: columns of equal length with a row for each cluster. Its ``label`` has the highest
            mean probability of all its cells, and at least twice that of the next label; otherwise it is the finest
            coarser label of which this is so, or ``mixed``, and ``unknown`` if most cells are. ``column`` is the label
            column, ``confidence`` the mean probability, ``fraction_other`` the share of cells with another label,
            ``fraction_unknown`` that of unknown ones, ``n_cells`` their number; and ``nearest_1`` to ``nearest_3`` are
            the most probable labels, with ``probability_1`` to ``probability_3``. Cells keep their own labels.
        ``obs["smile_modalities"]``
            Only if several modalities label cells together: those that the label of each cell comes from, categorical,
            joined by ``+``; empty for a cell that none of them measured.
        ``obsm["X_smile_map"]``
            Position on the reference map, float32, shape ``(n_obs, 2)``.
        ``uns["smile"]``
            Provenance: space, manifest sha256, modality, features, kind of values, provider, versions; and
            ``expected_accuracy`` on known-type cells of the space's studies, of this depth and with these features,
            and ``accuracy_left_out_batches``, that on whole batches left out of training, if the space measured them.

    Raises
    ------
    QueryError, FeatureMatchError, ValueKindError
        If the cells cannot be projected.
    UnknownModalityError
        If the space has no encoder of the modality, or none is named and the features do not show which suits them.
    DependencyError, DeviceError
        If ONNX Runtime or the device does not work.
    SpaceError
        If this ONNX Runtime cannot run the encoder, or the space has no labels or no calibrated sets of them and
        ``probabilities``, ``coverage`` or ``clusters`` needs them.
    """
    options = ProjectionOptions(
        modality=modality,
        location=MatrixLocation(layer, use_raw),
        values=values,
        target_sum=target_sum,
        features=features,
        overlap=overlap,
        min_matched=min_matched,
        unknown_rate=unknown_rate,
        probabilities=probabilities,
        coverage=coverage,
        clusters=clusters,
        batch_size=batch_size,
        key_added=key_added,
        overwrite=overwrite,
    )
    joint = is_joint_request(space, modality)
    if not (joint and is_mudata(adata)):
        require_anndata(adata, "smile_runtime.project_file")
    _require_writable(adata, copy=copy)
    project_cells = project_jointly if joint else project_anndata
    projection = project_cells(adata, space, options, progress)
    target = adata.copy() if copy else adata
    write_fields(target, projection, key_added)
    return target if copy else None


def require_anndata(adata: object, file_function: str) -> None:
    """Raise unless this is an AnnData; the function reads files itself."""
    from anndata import AnnData

    if isinstance(adata, str | Path):
        raise QueryError(
            f"an AnnData is needed, got the path {str(adata)!r}; pass anndata.read_h5ad(...) of it, or use "
            f"{file_function}, which reads files itself"
        )
    if not isinstance(adata, AnnData):
        raise QueryError(
            f"an AnnData is needed, got {type(adata).__name__}; build one from values and names: "
            "anndata.AnnData(X, var=pandas.DataFrame(index=genes))"
        )


def _require_writable(adata: "AnnData", *, copy: bool) -> None:
    """Raise unless results can be written into an AnnData."""
    if adata.isbacked and adata.is_view:
        raise QueryError("a view of a backed AnnData cannot be written into; pass a copy of it: adata[...].to_memory()")
    if adata.isbacked and copy:
        raise QueryError(
            "a backed AnnData cannot be copied in memory; pass adata.to_memory(), or write into it",
            options={"copy": False},
        )
