"""Features that data files of different cells have in common."""

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from smile_runtime.errors import RecipeError

logger = logging.getLogger(__name__)

_MIN_SHARED_FRACTION = 0.05
_N_EXAMPLES = 2


def require_shared_features(features: Mapping[str, pd.Index]) -> None:
    """Validate that each file shares features with the others, so that their cells can be compared.

    Parameters
    ----------
    features
        Feature ids of each file, by the name of the file.

    Raises
    ------
    RecipeError
        If a file shares less than 5% with the others, of its own features or of theirs, whichever are fewer.
    """
    if len(features) == 1:
        return
    n_files = count_files(features.values())
    for name, ids in features.items():
        own = n_files[ids.unique()]
        n_shared, n_alone = int((own > 1).sum()), int((own == 1).sum())
        if n_shared == 0 or n_shared < _MIN_SHARED_FRACTION * min(len(own), len(n_files) - n_alone):
            other = next(other for other in features if other != name)
            raise RecipeError(
                f"{name} shares only {n_shared:,} of its {len(own):,} features with the other files, so their cells "
                f"cannot be compared; the ids in {name} look like {_examples(ids)}, those in {other} like "
                f"{_examples(features[other])}: put the same kind of ids into the var_names of all files (for peaks, "
                "count all files in the same peaks), or train a space on each file"
            )


def common_features(features: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the features that all files measured, in the order of the first, and log how many are left out.

    Parameters
    ----------
    features
        Feature ids of each file, by the name of the file.

    Raises
    ------
    RecipeError
        If there are none.
    """
    (first, ids), *others = features.items()
    shared = set(ids).intersection(*(each for _, each in others))
    if not shared:
        last, other = others[-1]
        raise RecipeError(
            f"the {len(features)} data files share no features, such as {ids[0]!r} in {first} and {other[0]!r} in "
            f"{last}; give all of them the same kind of feature ids"
        )
    if n_others := len(set().union(*features.values())) - len(shared):
        logger.warning(
            "%s features are left out, because not all of the %s files measured them; %s are shared",
            *(f"{n_others:,}", f"{len(features):,}", f"{len(shared):,}"),
        )
    return tuple(name for name in ids if name in shared)


def count_files(features: Collection[pd.Index]) -> "pd.Series[int]":
    """Return the number of files that have each feature, with the feature ids as the index."""
    return pd.Series(np.concatenate([ids.unique().to_numpy(object) for ids in features])).value_counts()


def _examples(ids: pd.Index) -> str:
    return ", ".join(repr(str(each)) for each in ids[:_N_EXAMPLES])
