"""This runtime still gives what the web page is tested against."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from preprocessing_vectors import PATH, preprocessing_vectors

from web_vectors import VECTORS, Vector, array, open_packaged

MAX_BYTES = 1_000_000

pytestmark = [
    pytest.mark.filterwarnings("ignore:Variable names are not unique:UserWarning"),
    pytest.mark.filterwarnings("ignore:Observation names are not unique:UserWarning"),
]

opened = cache(open_packaged)


def test_vectors_are_small():
    assert sum(path.stat().st_size for path in VECTORS.parent.rglob("*.gz")) < MAX_BYTES


def test_preprocessing_gives_what_its_vectors_say():
    expected, found = json.loads(PATH.read_text("utf-8")), preprocessing_vectors()
    assert found.keys() == expected.keys()
    for name, kind in expected["kinds"].items():
        assert found["kinds"][name]["record"] == kind["record"]
        np.testing.assert_allclose(found["kinds"][name]["transformed"], kind["transformed"], rtol=1e-6)


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json.gz")), ids=lambda path: path.name.removesuffix(".json.gz"))
def test_the_runtime_gives_what_a_vector_says(path: Path):
    vector, expected = Vector.read(path)
    found = vector.expected(opened(vector.space))
    if "error" in expected:
        assert found == expected
        return
    assert (found["values"], found["matched"]) == (expected["values"], expected["matched"])
    assert (found["weight"], found["accuracy"]) == pytest.approx((expected["weight"], expected["accuracy"]), abs=1e-6)
    for name, tolerance in {"embedding": 1e-5, "map": 1e-3, "similarity": 1e-4}.items():
        np.testing.assert_allclose(array(found[name], "f"), array(expected[name], "f"), rtol=0, atol=tolerance)
    assert found["columns"].keys() == expected["columns"].keys()
    for name, column in expected["columns"].items():
        assert found["columns"][name]["labels"] == column["labels"]
        assert found["columns"][name]["nearest"] == column["nearest"]
        confidence = (array(each["confidence"], "f") for each in (found["columns"][name], column))
        np.testing.assert_allclose(*confidence, rtol=0, atol=1e-4)
