"""Requirements of a space for an explanation: a label column, and an encoder from which features can be left out."""

from smile_runtime.encoder import Encoder
from smile_runtime.errors import QueryError, SpaceError
from smile_runtime.space import Space


def find_label_column(space: Space, name: str | None) -> int:
    """Return the index of a label column; raise if there is none of this name."""
    known = [column.name for column in space.manifest.reference.label_columns]
    if not known:
        raise SpaceError(f"the space {space.name} has no labels, so none can be explained; choose a space with labels")
    if name is None:
        return 0
    if name not in known:
        raise QueryError(
            f"the space {space.name} has no label column {name!r}; it has: {', '.join(known)}",
            options={"label_column": None},
        )
    return known.index(name)


def require_removable(space: Space, encoder: Encoder) -> None:
    """Raise SpaceError if features of the encoder cannot be left out one at a time."""
    if not encoder.record.sparse:
        raise SpaceError(
            f"the {encoder.modality} encoder of the space {space.name} has no sparse first layer, from which features "
            f"can be left out (its values are {encoder.record.preprocessing.values}); choose another encoder"
        )
