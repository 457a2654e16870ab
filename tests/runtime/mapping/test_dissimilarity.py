"""The dissimilarity joins three measures, each in units of known-type cells."""

import dataclasses

import numpy as np
import pytest
import scipy

from smile_runtime.manifest import DissimilarityRecord, EvidenceWeights, TrendRecord
from smile_runtime.mapping.confidence import evidence_terms, weigh_evidence
from smile_runtime.mapping.dissimilarity import CellValues, Measures, dissimilarity_of, in_units, measure
from smile_runtime.mapping.label_profiles import LabelProfiles

PLAIN = TrendRecord(coefficients=[0.0] * 6, spread=1.0)
RECORD = DissimilarityRecord(
    profiles="profiles/rna.safetensors",
    log_detected=(0.0, 10.0),
    log_measured=(-4.0, 0.0),
    distance=PLAIN,
    surprise=PLAIN,
    deviation=PLAIN,
)


def measures(surprise=0.0, distance=0.0, deviation=0.0, detected=3.0, measured=0.0) -> Measures:
    return Measures(
        log_distance=np.array([distance]),
        surprise=np.array([surprise]),
        deviation=np.array([deviation]),
        log_detected=np.array([detected]),
        log_measured=np.array([measured]),
    )


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (measures(), 0.0),
        (measures(surprise=1.0, distance=0.5, deviation=0.25), 2.25),
        (measures(surprise=-9.0, distance=-9.0, deviation=1.0), 1.0),
        (measures(surprise=50.0), 4.5),
        (measures(distance=50.0), 2.0),
        (measures(distance=1.0, deviation=-50.0), 0.0),
        (measures(deviation=50.0), 3.0),
    ],
)
def test_the_sum_of_limited_measures_counts(cell, expected):
    np.testing.assert_allclose(dissimilarity_of(cell, RECORD), [expected])


def test_a_stranger_outweighs_known_cells_of_another_protocol_or_state():
    protocol, stimulated, stranger = measures(2.0, 0.4, 0.3), measures(-0.3, 2.2, 1.5), measures(1.2, 0.9, 1.8)
    assert dissimilarity_of(stranger, RECORD) > dissimilarity_of(protocol, RECORD)
    assert dissimilarity_of(stranger, RECORD) > dissimilarity_of(stimulated, RECORD)


def test_few_unsurprising_counts_do_not_excuse_a_deviation():
    assert dissimilarity_of(measures(-8.0, 0.0, 1.5), RECORD) == dissimilarity_of(measures(0.0, 0.0, 1.5), RECORD)


def test_without_axes_the_deviation_counts_as_one():
    record = DissimilarityRecord(
        profiles="p", log_detected=(0, 1), log_measured=(0, 0), distance=PLAIN, surprise=PLAIN, deviation=None
    )
    for surprise, expected in ((0.0, 1.0), (0.5, 1.75)):
        cell = dataclasses.replace(measures(surprise=surprise), deviation=None)
        np.testing.assert_allclose(dissimilarity_of(cell, record), [expected])


def test_units_follow_the_number_of_detected_features_and_the_measured_weight():
    trend = TrendRecord(coefficients=[1.0, 2.0, 3.0, 5.0, 7.0, 11.0], spread=4.0)
    d, m = 2.0, -0.5
    typical = 1 + 2 * d + 3 * d**2 + 5 * m + 7 * m**2 + 11 * d * m
    cell = measures(detected=d, measured=m)
    np.testing.assert_allclose(in_units(np.array([typical, typical + 4]), two(cell), trend), [0, 1])


def two(cell: Measures) -> Measures:
    return cell.subset(np.array([0, 0]))


def test_trends_do_not_extrapolate():
    trend = TrendRecord(coefficients=[0.0, 1.0, 0.0, 0.0, 0.0, 0.0], spread=1.0)
    record = DissimilarityRecord(
        profiles="p", log_detected=(2.0, 6.0), log_measured=(-1.0, 0.0), distance=PLAIN, surprise=trend, deviation=None
    )
    deep, deeper = (measures(surprise=7.5, detected=detected) for detected in (6.0, 9.0))
    np.testing.assert_allclose(dissimilarity_of(deep, record), [3.25])
    np.testing.assert_allclose(dissimilarity_of(deeper, record), [3.25])


def test_cells_are_measured_by_their_own_values():
    rows = scipy.sparse.csr_matrix(np.array([[7, 2, 1], [0, 0, 5]], np.float32))
    profiles = LabelProfiles(
        log_profile=np.log(np.array([[0.7, 0.2, 0.1]], np.float32)),
        axes=np.zeros((0, 0)),
        center=np.zeros((1, 0)),
        average=np.zeros(0),
    )
    found = measure(np.array([0.5, 0.0], np.float32), CellValues(rows, None), profiles, 0.25)
    np.testing.assert_allclose(found.log_detected, np.log([3, 1]))
    np.testing.assert_allclose(found.log_measured, np.log([0.25, 0.25]))
    np.testing.assert_allclose(found.log_distance, [np.log(0.5), np.log(1e-6)], rtol=1e-6)
    assert found.surprise[0] == pytest.approx(0, abs=1e-6)
    assert found.surprise[1] > 1
    assert found.deviation is None


def test_evidence_is_a_weighted_sum_of_its_terms():
    terms = evidence_terms(np.array([0.8], np.float32), measures(distance=1.5, measured=-1.0), RECORD)
    np.testing.assert_allclose(terms, [[np.log(4), 1.5, 3.0, -1.0, 4.5]], rtol=1e-5)
    weights = EvidenceWeights(vote=1.0, distance=10.0, detected=100.0, measured=1000.0, distance_detected=10_000.0)
    np.testing.assert_allclose(weigh_evidence(terms, weights), [np.log(4) + 15 + 300 - 1000 + 45_000], rtol=1e-6)


def test_votes_without_opposition_have_finite_odds():
    terms = evidence_terms(np.array([1.0, 0.0], np.float32), two(measures()), RECORD)
    np.testing.assert_allclose(terms[:, 0], [np.log(999), -np.log(999)], rtol=1e-4)
