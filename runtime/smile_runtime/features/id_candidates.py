"""The ids that a query's features go by: ``var_names``, and the columns of ``var`` that hold text."""

from typing import TYPE_CHECKING

from smile_runtime.errors import FeatureMatchError

if TYPE_CHECKING:
    import pandas as pd

INDEX = "var_names"


def id_candidates(var: "pd.DataFrame", stated: str | None = None) -> dict[str, list[str]]:
    """Return what may identify the features of a query, ``n_vars`` ids each, ``var_names`` first.

    Parameters
    ----------
    var
        The features, a row each.
    stated
        ``var_names``, or the column of ``var`` to take; None: all that hold text.

    Raises
    ------
    FeatureMatchError
        If there is no such column.
    """
    columns = {str(name): var.iloc[:, place] for place, name in enumerate(var.columns)}
    columns.pop(INDEX, None)  # this name is taken
    if stated is None:
        texts = {name: _texts(column) for name, column in columns.items() if _holds_text(column)}
        return {INDEX: var.index.astype(str).tolist(), **texts}
    if stated == INDEX:
        return {INDEX: var.index.astype(str).tolist()}
    if stated not in columns:
        known = ", ".join(map(repr, (INDEX, *columns)))
        raise FeatureMatchError(f"the query's var has no column {stated!r}; take one of: {known} (--features)")
    return {stated: _texts(columns[stated])}


def _holds_text(column: "pd.Series[str]") -> bool:
    import pandas as pd

    kind = column.dtype.categories.dtype if isinstance(column.dtype, pd.CategoricalDtype) else column.dtype
    return pd.api.types.is_object_dtype(kind) or pd.api.types.is_string_dtype(kind)


def _texts(column: "pd.Series[str]") -> list[str]:
    """Return values as text, empty where there is none."""
    return ["" if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]
