"""The dissimilarity is fitted so that 0 is typical and 1 the 95% quantile of known-type cells."""

import dataclasses

import numpy as np

from smile_runtime.mapping.dissimilarity import Measures, in_units
from smile_training.evaluation.dissimilarity_fit import (
    LABORATORY_ALLOWANCE,
    fit_similarity,
    fit_trend,
    widen_similarity,
)
from smile_training.evaluation.queried_cells import QueriedCells


def simulated(n: int, seed: int, shift: float = 0.0) -> QueriedCells:
    """Return known cells whose measures depend on their depth and features, shifted as in another laboratory."""
    rng = np.random.default_rng(seed)
    detected, measured = rng.uniform(3, 6, n), rng.uniform(-2, 0, n)
    typical = 1.0 - 0.5 * detected + 0.1 * detected**2 - 0.3 * measured
    measures = Measures(
        log_distance=typical + rng.normal(shift, 0.3, n),
        surprise=rng.normal(shift, 0.3, n),
        deviation=typical + rng.normal(shift, 0.3, n),
        log_detected=detected,
        log_measured=measured,
    )
    names = np.array([f"{seed}-{row}" for row in range(n)], dtype=object)
    ones, column = np.ones(n, bool), np.ones((n, 1), bool)
    return QueriedCells(
        names=names,
        label=np.zeros((n, 1), np.int64),
        share=np.ones((n, 1), np.float32),
        right=column,
        labeled=column,
        determined=column,
        known=ones,
        distance=np.full(n, 0.5, np.float32),
        measures=measures,
        own=np.zeros(n, np.int64),
        label_distance=np.ones((n, 1), np.float32),
        detected=np.ones(n, np.int64),
    )


def test_units_are_the_median_and_the_95_percent_quantile_at_any_depth():
    measures = simulated(20_000, 0).measures
    assert measures is not None
    trend = fit_trend(measures.log_distance, measures)
    units = in_units(measures.log_distance, measures, trend)
    for low, high in ((3, 4), (4, 5), (5, 6)):
        part = units[(measures.log_detected >= low) & (measures.log_detected < high)]
        np.testing.assert_allclose(np.quantile(part, [0.5, 0.95]), [0, 1], atol=0.1)


def test_strangers_do_not_move_what_is_typical():
    measures = simulated(5000, 1).measures
    assert measures is not None
    values = measures.log_distance.copy()
    values[:250] += 50.0
    units = in_units(measures.log_distance, measures, fit_trend(values, measures))
    assert abs(np.median(units[250:])) < 0.15


def test_the_least_similar_batch_sets_the_quantiles():
    within, near, far = simulated(4000, 2), simulated(4000, 3), simulated(4000, 4, shift=3.0)
    record = fit_similarity([within], [[near], [far]], "p", 4000)
    assert record.dissimilarity is not None
    alone = fit_similarity([within], [[far]], "p", 4000)
    np.testing.assert_allclose(record.quantiles, alone.quantiles, atol=1e-4)
    assert (np.diff(record.quantiles) >= 0).all()


def test_one_batch_is_given_an_allowance_for_other_laboratories():
    within = simulated(4000, 5)
    one = fit_similarity([within], [], "p", 4000)
    again = fit_similarity([within], [[within]], "p", 4000)
    assert one.quantiles == again.quantiles
    assert LABORATORY_ALLOWANCE > 0
    np.testing.assert_allclose(np.quantile(one.quantiles, 0.0), one.quantiles[0])


def test_without_profiles_the_quantiles_are_those_of_the_distance():
    record = fit_similarity([simulated(100, 6)], [], None, 100)
    assert record.dissimilarity is None
    np.testing.assert_allclose(record.quantiles, 0.5)


def test_further_cells_widen_a_similarity_only_where_they_are_less_similar():
    record = fit_similarity([simulated(4000, 7)], [], "p", 4000)
    near, far = simulated(1000, 8, shift=-0.3), simulated(1000, 9, shift=3.0)
    same = widen_similarity(record, [[near]], 1000)
    assert (same.quantiles, same.n_cells) == (record.quantiles, 5000)
    wider = widen_similarity(record, [[near], [far]], 2000)
    assert np.median(wider.quantiles) > np.median(record.quantiles) + 1
    assert (np.diff(wider.quantiles) >= 0).all()
    assert wider.dissimilarity == record.dissimilarity


def test_folds_that_know_a_single_label_have_no_part_in_the_units_of_the_deviation():
    alike, without = simulated(4000, 4), simulated(400, 5, shift=9.0)
    assert without.measures is not None
    without = dataclasses.replace(without, measures=dataclasses.replace(without.measures, deviation=None))
    both = fit_similarity([alike, without], [], "p", 10).dissimilarity
    alone = fit_similarity([alike], [], "p", 10).dissimilarity
    none = fit_similarity([without], [], "p", 10).dissimilarity
    assert both is not None
    assert alone is not None
    assert none is not None
    assert both.deviation == alone.deviation
    assert both.surprise != alone.surprise
    assert none.deviation is None
