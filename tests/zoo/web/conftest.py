"""A space as it is pulled, and the same space as if its encoder had no files for sparse rows."""

from dataclasses import replace

import msgspec
import pytest

from smile_zoo.transfer import PulledSpace, pull


@pytest.fixture
def pbmc() -> PulledSpace:
    """The packaged pbmc space."""
    return pull("pbmc")


@pytest.fixture
def dense(pbmc: PulledSpace) -> PulledSpace:
    """The same space, whose encoder takes only whole rows."""
    encoder = msgspec.structs.replace(pbmc.manifest.encoders["rna"], sparse=msgspec.UNSET)
    return replace(pbmc, manifest=msgspec.structs.replace(pbmc.manifest, encoders={"rna": encoder}))
