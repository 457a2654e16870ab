"""Candidate ids of a query's features: ``var_names``, and the text columns of ``var``."""

from typing import TYPE_CHECKING

from smile_runtime.errors import FeatureMatchError

if TYPE_CHECKING:
    import pandas as pd

VAR_NAMES = "var_names"


def find_id_candidates(var: "pd.DataFrame", source: str | None = None) -> dict[str, list[str]]:
    """Return lists of ids that may identify a query's features, ``n_vars`` ids each, ``var_names`` first.

    Parameters
    ----------
    var
        Feature annotation of the query, one row per feature.
    source
        ``var_names``, or the one column of ``var`` to use; None for all text columns.

    Raises
    ------
    FeatureMatchError
        If ``var`` has no such column.
    """
    columns = {str(name): var.iloc[:, index] for index, name in enumerate(var.columns)}
    columns.pop(VAR_NAMES, None)  # the name is reserved for the index
    if source is None:
        texts = {name: _texts(column) for name, column in columns.items() if _holds_text(column)}
        return {VAR_NAMES: var.index.astype(str).tolist(), **texts}
    if source == VAR_NAMES:
        return {VAR_NAMES: var.index.astype(str).tolist()}
    if source not in columns:
        known = ", ".join(map(repr, (VAR_NAMES, *columns)))
        raise FeatureMatchError(
            f"the query's var has no column {source!r}; choose one of: {known}", options={"features": None}
        )
    return {source: _texts(columns[source])}


def _holds_text(column: "pd.Series[str]") -> bool:
    import pandas as pd

    kind = column.dtype.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    return pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)


def _texts(column: "pd.Series[str]") -> list[str]:
    """Return the values as text; missing values become empty."""
    return ["" if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
