"""What made a projection, as it is recorded with it."""

from typing import Any

import numpy as np

from smile_runtime.encoder import installed_packages
from smile_runtime.projection.projector import Projector
from smile_runtime.query import ValueInterpretation
from smile_runtime.space import Space


def provenance(space: Space, projector: Projector, reading: ValueInterpretation) -> dict[str, Any]:
    """Return space, versions, features, kind of values and provider, as ``uns`` holds them.

    ``target_sum`` is what log-normalized cells were taken to have been scaled to, where they do not tell by themselves.
    """
    import platform
    from importlib import metadata

    versions = {name: metadata.version(name) for name in ("smile-zoo", "numpy", "anndata")}
    match = projector.match
    return {
        "space": space.name,
        "revision": space.revision,
        "manifest_sha256": space.manifest_sha256,
        "modality": projector.encoder.modality,
        "values": reading.kind,
        **({} if reading.total is None else {"target_sum": reading.total}),
        "n_features_matched": match.n_matched,
        "weight_matched": match.weight,
        "label_columns": np.array([column.name for column in projector.mapper.columns], dtype=object),
        "features_missing": np.array(match.missing, dtype=object),
        "features": match.report.as_uns(),
        "provider": projector.encoder.provider,
        "precision": projector.encoder.precision,
        "unknown_rate": projector.mapper.unknown_rate,
        "versions": {**versions, **installed_packages(), "python": platform.python_version()},
    }
