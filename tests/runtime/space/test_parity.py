"""Parity rows, encoded again on this machine."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from smile_runtime import IntegrityError, SmileError
from smile_runtime.space.parity import MAX_DIFFERENCE, parity_difference, require_parity, write_parity


@pytest.fixture
def parity(space, encoder, tmp_path):
    """A copy of the packaged space's parity file."""
    return shutil.copy(space.path / encoder.record.parity, tmp_path / "rna.safetensors")


def test_packaged_space_reproduces_the_embedding_of_torch(encoder, parity):
    difference = require_parity(encoder, parity)
    assert 0 < difference <= MAX_DIFFERENCE


def test_parity_rows_differ(encoder, parity):
    rows = load_file(parity)
    assert len(np.unique(rows["embedding"], axis=0)) == len(rows["X"]) > 1
    assert rows["X"].shape[1] == len(encoder.features)


def test_different_embedding_is_rejected(encoder, parity):
    rows = load_file(parity)
    rows["embedding"][1, 2] += 1e-3
    save_file(rows, parity)
    with pytest.raises(IntegrityError, match=r"rna encoder computes embeddings that differ from torch's by") as caught:
        require_parity(encoder, parity)
    assert f"{MAX_DIFFERENCE:g}" in str(caught.value)
    assert encoder.provider in str(caught.value)


def test_difference_is_the_maximum(encoder, parity, raw_values):
    X, factors = raw_values
    embedding = encoder.encode(X, factors)
    embedding[3, 5] += 0.25
    embedding[7, 1] -= 0.125
    write_parity(parity, X, factors[:, None], embedding)
    assert parity_difference(encoder, parity) == pytest.approx(0.25, abs=1e-5)


@pytest.mark.parametrize("damage", ["junk", "no embedding", "no rows"])
def test_damaged_parity_file_is_rejected(encoder, parity, damage):
    rows = load_file(parity)
    if damage == "junk":
        parity.write_bytes(b"junk")
    elif damage == "no embedding":
        save_file({"X": rows["X"], "size_factor": rows["size_factor"]}, parity)
    else:
        save_file({name: array[:0] for name, array in rows.items()}, parity)
    with pytest.raises(SmileError):
        require_parity(encoder, parity)
