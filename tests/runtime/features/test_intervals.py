"""Intervals in all spellings, and the target that overlaps most."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smile_runtime.features.interval_overlap import find_largest_overlap
from smile_runtime.features.intervals import Interval, are_intervals, normalize_interval, parse_interval

SETTINGS = settings(max_examples=150, deadline=None, database=None, derandomize=True)
SPELLINGS = [
    "chr1:100-200",
    "chr1_100_200",
    "chr1-100-200",
    "1-100-200",
    "1:100-200",
    "chr1.100.200",
    "Chr1:100-200",
    "CHR1:0100-200",
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_of_one_interval_are_equal(name):
    assert parse_interval(name) == Interval("1", 100, 200)
    assert normalize_interval(name) == "1:100-200"


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("chr1:100,200-300,400", 100_200, 300_400),
        ("1-999-1,000", 999, 1000),
        ("chr1_1,234,567_9,999,999,999", 1_234_567, 9_999_999_999),
    ],
)
def test_thousands_separators_are_parsed(name, start, end):
    assert parse_interval(name) == Interval("1", start, end)
    assert normalize_interval(name) == f"1:{start}-{end}"


@pytest.mark.parametrize(
    ("name", "chrom"),
    [
        ("chrM:1-2", "MT"),
        ("MT-1-2", "MT"),
        ("chrx_1_2", "X"),
        ("GL000205.2-1-2", "GL000205.2"),
        ("chr1_KI270706v1_random_1_2", "1_KI270706V1_RANDOM"),
    ],
)
def test_chromosome_names_are_normalized(name, chrom):
    assert parse_interval(name) == Interval(chrom, 1, 2)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "CD3D",
        "HLA-A",
        "RP11-34P13.7",
        "chr1",
        "chr1:100",
        "chr1:200-100",
        "chr1:0-0",
        "chr1:0-1Mb",
        "1-2",
        "chr1:1-99999999999",
        "chr1:1-99,999,999,999",
        "chr1:1-10,00",
        "chr1:1,-2,000",
        "chr1:1,2-3,4",
    ],
)
def test_other_names_are_not_intervals(name):
    assert parse_interval(name) is None
    assert normalize_interval(name) == name


def test_most_names_must_be_intervals():
    assert are_intervals(["chr1:1-2"] * 19 + ["spike"])
    assert not are_intervals(["chr1:1-2"] * 9 + ["spike"])
    assert not are_intervals([])


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("chr1:100-200", 0),
        ("1_150_199", 0),
        ("chr1:190-240", 1),  # overlaps the first by 10, the second by 20
        ("chr1:195-225", 0),  # overlaps both by 5
        ("chr1:200-220", -1),  # an interval excludes its end
        ("chr2:100-200", -1),
        ("chr3:0-1000000000", 3),
        ("CD3D", -1),
    ],
)
def test_largest_overlap_wins(name, target):
    targets = ["chr1:100-200", "chr1:220-320", "spike", "chr3:5-6"]
    assert find_largest_overlap([name], targets).tolist() == [target]


SPANS = st.tuples(st.sampled_from(["chr1", "2", "X"]), st.integers(0, 60), st.integers(1, 30))


def spelled(spans):
    return [f"{chrom}:{start}-{start + length}" for chrom, start, length in spans]


@SETTINGS
@given(st.lists(SPANS, max_size=12), st.lists(SPANS, max_size=12))
def test_overlaps_equal_those_of_a_full_search(names, targets):
    def overlap(one, other):
        same = one[0].removeprefix("chr") == other[0].removeprefix("chr")
        return same * (min(one[1] + one[2], other[1] + other[2]) - max(one[1], other[1]))

    expected = []
    for name in names:
        overlaps = np.array([overlap(name, target) for target in targets])
        expected.append(int(overlaps.argmax()) if len(targets) and overlaps.max() > 0 else -1)
    assert find_largest_overlap(spelled(names), spelled(targets)).tolist() == expected


@SETTINGS
@given(SPANS, st.sampled_from(["{}:{}-{}", "{}_{}_{}", "{}-{}-{}", "{}:{}_{}"]), st.booleans())
def test_any_spelling_is_parsed_to_the_same_interval(span, form, prefixed):
    chrom, start, length = span
    chrom = chrom.removeprefix("chr")
    name = form.format(("chr" if prefixed else "") + chrom, start, start + length)
    assert parse_interval(name) == Interval(chrom, start, start + length)
