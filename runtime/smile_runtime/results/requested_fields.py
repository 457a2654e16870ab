"""Fields of ``obs`` that are written on request: modalities, the runner-up, sets of labels, and their common label."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import JOINT_SEPARATOR
from smile_runtime.mapping import UNKNOWN, Records, common_names, find_runner_up, set_names
from smile_runtime.results.results import Projection

Field = Callable[[Records], NDArray[Any]]
"""Values of a field for a block of records; texts are objects."""


def names_on_request(key_added: str, *, probabilities: bool, sets: bool, joint: bool = False) -> list[str]:
    """Return the names of the requested fields in ``obs``."""
    return [
        *([f"{key_added}_modalities"] if joint else ()),
        *([f"{key_added}_runner_up", f"{key_added}_margin"] if probabilities else ()),
        *([f"{key_added}_set", f"{key_added}_label_guaranteed"] if sets else ()),
    ]


def fields_on_request(projection: Projection, key_added: str) -> dict[str, Field]:
    """Return the requested fields of a projection by name."""
    probabilities, sets = projection.probabilities, projection.sets is not None
    joint = bool(projection.modalities)
    fields = [
        *([_modalities_of(projection)] if joint else ()),
        *([_runner_up_of(projection), _margin] if probabilities else ()),
        *([_set_of(projection), _common_label_of(projection)] if sets else ()),
    ]
    names = names_on_request(key_added, probabilities=probabilities, sets=sets, joint=joint)
    return dict(zip(names, fields, strict=True))


def members_of(projection: Projection, records: Records) -> NDArray[np.bool_]:
    """Return which primary labels are in the set of each cell, none for unknown cells, shape ``(n, n_labels)``."""
    assert projection.sets is not None
    members = projection.sets.members(records["probability"], records["nearest"][:, 0], records["detected"])
    members[records["label"][:, 0] < 0] = False
    return members


def _modalities_of(projection: Projection) -> Field:
    return lambda records: set_names(records["used"], projection.modalities, JOINT_SEPARATOR)


def _runner_up_of(projection: Projection) -> Field:
    names = np.array([*projection.columns[0].labels, ""], object)
    return lambda records: names[find_runner_up(records["probability"], records["nearest"][:, 0]).label]


def _margin(records: Records) -> NDArray[np.float32]:
    return find_runner_up(records["probability"], records["nearest"][:, 0]).margin


def _set_of(projection: Projection) -> Field:
    return lambda records: set_names(members_of(projection, records), projection.columns[0].labels)


def _common_label_of(projection: Projection) -> Field:
    def names(records: Records) -> NDArray[np.object_]:
        result = common_names(members_of(projection, records), projection.columns)
        result[records["label"][:, 0] < 0] = UNKNOWN
        return result

    return names
